"""DMARC aggregate reports (RFC 7489 §7.2, appendix C)."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

import msgspec
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

MAX_RECORDS = 10_000
MAX_RESULTS = 20  # of DKIM or SPF in one record
MAX_TEXT = 256


class ReportError(ValueError):
    """It is no report."""


class Result(msgspec.Struct, frozen=True):
    """One result of DKIM or SPF."""

    domain: str
    result: str
    selector: str = ""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Messages of one kind from one address."""

    source_ip: str
    count: int
    disposition: str
    dkim: str  # aligned: pass · fail
    spf: str
    header_from: str
    envelope_from: str
    dkim_results: list[Result]
    spf_results: list[Result]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One report. Times in seconds since the epoch."""

    organisation: str
    email: str
    report_id: str
    begin: int
    end: int
    domain: str
    policy: str
    subdomain_policy: str
    percent: int
    records: list[Record]


def parse(data: bytes) -> Report:
    """A report from its XML. Raises ReportError."""
    try:
        # Without a DTD there are no entities to expand or to fetch.
        root = fromstring(data, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError) as wrong:
        raise ReportError(f"no XML that is taken: {type(wrong).__name__}") from wrong
    if _tag(root) != "feedback":
        raise ReportError("no feedback element")
    metadata, policy = _child(root, "report_metadata"), _child(root, "policy_published")
    dates = _child(metadata, "date_range")
    report = Report(
        organisation=_text(metadata, "org_name"),
        email=_text(metadata, "email"),
        report_id=_text(metadata, "report_id"),
        begin=_number(dates, "begin"),
        end=_number(dates, "end"),
        domain=_text(policy, "domain").lower().rstrip("."),
        policy=_text(policy, "p"),
        subdomain_policy=_text(policy, "sp"),
        percent=_number(policy, "pct", 100),
        records=[_record(each) for each in _children(root, "record", MAX_RECORDS)],
    )
    if not report.domain or not report.report_id:
        raise ReportError("no domain or no report id")
    return report


def _record(element: Element) -> Record:
    row, names, results = (_child(element, name) for name in ("row", "identifiers", "auth_results"))
    evaluated = _child(row, "policy_evaluated")
    return Record(
        source_ip=_text(row, "source_ip"),
        count=_number(row, "count"),
        disposition=_text(evaluated, "disposition"),
        dkim=_text(evaluated, "dkim"),
        spf=_text(evaluated, "spf"),
        header_from=_text(names, "header_from").lower(),
        envelope_from=_text(names, "envelope_from").lower(),
        dkim_results=[_result(each) for each in _children(results, "dkim", MAX_RESULTS)],
        spf_results=[_result(each) for each in _children(results, "spf", MAX_RESULTS)],
    )


def _result(element: Element) -> Result:
    return Result(_text(element, "domain").lower(), _text(element, "result"), _text(element, "selector"))


def _tag(element: Element) -> str:
    """The name without its namespace: some reporters use one."""
    return str(element.tag).rpartition("}")[2].lower()


def _children(element: Element | None, name: str, most: int) -> Iterator[Element]:
    for child in element if element is not None else ():
        if _tag(child) == name:
            if most <= 0:
                raise ReportError(f"too many of {name}")
            most -= 1
            yield child


def _child(element: Element | None, name: str) -> Element | None:
    return next(_children(element, name, 1 << 30), None)


def _text(element: Element | None, name: str) -> str:
    found = _child(element, name)
    return "" if found is None else (found.text or "").strip().replace("\0", "")[:MAX_TEXT]


def _number(element: Element | None, name: str, default: int = 0) -> int:
    text = _text(element, name)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 13 else default
