"""The report itself (RFC 8460 §4), and the mail that carries it (§5.3)."""

import gzip
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from email.message import Message
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import SMTP
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from postwright.mail.addresses import AddressError, parse_one

from .records import Count, Policy

MAX_URIS = 10  # of a domain that are served
_RECORD = re.compile(r"v=TLSRPTv1\s*;\s*rua=([^;]+)(?:;.*)?", re.DOTALL)


def targets(texts: Iterable[str]) -> list[str]:
    """Where the TXT records of `_smtp._tls` want reports: `mailto:` and `https:` URIs (RFC 8460 §3)."""
    records = [text.strip() for text in texts if re.match(r"v=TLSRPTv1\s*;", text.strip())]
    found = _RECORD.fullmatch(records[0]) if len(records) == 1 else None
    uris = [uri.strip() for uri in found[1].split(",")] if found else []
    return list(dict.fromkeys(uri for uri in uris if _usable(uri)))[:MAX_URIS]


def _usable(uri: str) -> bool:
    return mailbox(uri) != "" or (uri[:8].lower() == "https://" and len(uri) <= 2048)


def mailbox(uri: str) -> str:
    """The address of a `mailto:` URI, "" of any other."""
    try:
        parts = urlsplit(uri)
        return parse_one(unquote(parts.path)).spec if parts.scheme == "mailto" else ""
    except (AddressError, ValueError):
        return ""


def report_id(day: int, domain: str, submitter: str) -> str:
    """The same for every try of one report."""
    return f"{_date(day):%Y%m%d}.{domain}@{submitter}"


def encode(counts: Sequence[Count], day: int, domain: str, submitter: str, contact: str) -> bytes:
    """The report in JSON."""
    return msgspec.json.encode(
        {
            "organization-name": submitter,
            "date-range": {
                "start-datetime": f"{_date(day):%Y-%m-%dT00:00:00Z}",
                "end-datetime": f"{_date(day):%Y-%m-%dT23:59:59Z}",
            },
            "contact-info": contact,
            "report-id": report_id(day, domain, submitter),
            "policies": policies(counts),
        }
    )


def policies(counts: Sequence[Count]) -> list[dict[str, Any]]:
    """What was counted, by policy, as reports have it (RFC 8460 §4.4)."""
    found: dict[Policy, list[Count]] = {}
    for count in counts:
        found.setdefault(count.policy, []).append(count)
    return [_policy(policy, each) for policy, each in found.items()]


def _policy(policy: Policy, counts: Sequence[Count]) -> dict[str, Any]:
    failures = [count for count in counts if count.outcome.failure]
    about: dict[str, Any] = {"policy-type": policy.type, "policy-domain": policy.domain}
    if policy.strings:
        about["policy-string"] = policy.strings
    if policy.mx:
        about["mx-host"] = policy.mx
    failed = sum(count.sessions for count in failures)
    told: dict[str, Any] = {
        "policy": about,
        "summary": {
            "total-successful-session-count": sum(count.sessions for count in counts) - failed,
            "total-failure-session-count": failed,
        },
    }
    if failures:
        told["failure-details"] = [_failure(count) for count in failures]
    return told


def _failure(count: Count) -> dict[str, Any]:
    outcome = count.outcome
    known = {
        "result-type": outcome.failure,
        "sending-mta-ip": outcome.source_ip,
        "receiving-mx-hostname": outcome.mx_host,
        "receiving-ip": outcome.mx_ip,
    }
    return {name: value for name, value in known.items() if value} | {"failed-session-count": count.sessions}


def mail(body: bytes, day: int, domain: str, submitter: str, sender: str, to: str) -> bytes:
    """The mail with the report `body` for `to`."""
    message = MIMEMultipart("report", report_type="tlsrpt", policy=SMTP)
    message["From"] = sender
    message["To"] = to
    name = report_id(day, domain, submitter)
    message["Subject"] = f"Report Domain: {domain} Submitter: {submitter} Report-ID: <{name}>"
    message["TLS-Report-Domain"] = domain
    message["TLS-Report-Submitter"] = submitter
    # Nobody is to answer a report automatically (RFC 3834 §5).
    message["Auto-Submitted"] = "auto-generated"
    text = f"This is an aggregate TLS report of {submitter} about mail to {domain} on {_date(day):%Y-%m-%d} (UTC).\n"
    message.attach(MIMEText(text, policy=SMTP))
    attached: Message = MIMEApplication(compressed(body), "tlsrpt+gzip", policy=SMTP)
    begin = day * 86400
    attached.add_header(
        "Content-Disposition",
        "attachment",
        filename=f"{submitter}!{domain}!{begin}!{begin + 86399}.json.gz",
    )
    message.attach(attached)
    return message.as_bytes()


def compressed(body: bytes) -> bytes:
    """`body` in gzip; equal input gives equal bytes."""
    return gzip.compress(body, mtime=0)


def _date(day: int) -> datetime:
    return datetime.fromtimestamp(day * 86400, UTC)
