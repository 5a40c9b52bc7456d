"""SMTP TLS reports (RFC 8460 §4) as others send them."""

from datetime import UTC, datetime
from typing import Any

import msgspec

MAX_POLICIES = 100
MAX_FAILURES = 1000
MAX_TEXT = 512


class ReportError(ValueError):
    """It is no report."""


class Failure(msgspec.Struct, frozen=True):
    """One kind of failure."""

    result: str
    sessions: int
    sending_ip: str
    receiving_host: str
    receiving_ip: str
    reason: str


class PolicyResult(msgspec.Struct, frozen=True):
    """What became of one policy."""

    type: str
    domain: str
    succeeded: int
    failed: int
    failures: list[Failure]


class Report(msgspec.Struct, frozen=True):
    """One report. Times in seconds since the epoch."""

    organisation: str
    contact: str
    report_id: str
    begin: int
    end: int
    policies: list[PolicyResult]

    @property
    def domains(self) -> set[str]:
        """The domains it is about."""
        return {policy.domain for policy in self.policies}


def parse(data: bytes) -> Report:
    """A report from its JSON. Raises ReportError."""
    try:
        found = msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as wrong:
        raise ReportError(f"no JSON object: {wrong}") from wrong
    dates = _object(found.get("date-range"))
    report = Report(
        organisation=_text(found, "organization-name"),
        contact=_text(found, "contact-info"),
        report_id=_text(found, "report-id"),
        begin=_moment(_text(dates, "start-datetime")),
        end=_moment(_text(dates, "end-datetime")),
        policies=[_policy(each) for each in _list(found.get("policies"), MAX_POLICIES)],
    )
    if not report.report_id or not any(report.domains):
        raise ReportError("no report id or no policy")
    return report


def _policy(found: dict[str, Any]) -> PolicyResult:
    policy, summary = _object(found.get("policy")), _object(found.get("summary"))
    return PolicyResult(
        type=_text(policy, "policy-type"),
        domain=_text(policy, "policy-domain").lower().rstrip("."),
        succeeded=_number(summary, "total-successful-session-count"),
        failed=_number(summary, "total-failure-session-count"),
        failures=[
            Failure(
                result=_text(each, "result-type"),
                sessions=_number(each, "failed-session-count"),
                sending_ip=_text(each, "sending-mta-ip"),
                receiving_host=_text(each, "receiving-mx-hostname"),
                receiving_ip=_text(each, "receiving-ip"),
                reason=_text(each, "failure-reason-code"),
            )
            for each in _list(found.get("failure-details"), MAX_FAILURES)
        ],
    )


def _object(found: Any) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}


def _list(found: Any, most: int) -> list[dict[str, Any]]:
    if isinstance(found, dict):  # some reporters leave the brackets out when there is one
        found = [found]
    if not isinstance(found, list):
        return []
    if len(found) > most:
        raise ReportError("too many members")
    return [each for each in found if isinstance(each, dict)]


def _text(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    return value.strip().replace("\0", "")[:MAX_TEXT] if isinstance(value, str) else ""


def _number(found: dict[str, Any], name: str) -> int:
    value = found.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**12 else 0


def _moment(text: str) -> int:
    try:
        found = datetime.fromisoformat(text)
        found = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
        return max(0, int(found.timestamp()))
    except (ValueError, OverflowError, OSError):
        return 0
