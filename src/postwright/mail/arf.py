"""Abuse reports of feedback loops: what a mailbox provider sends when somebody presses "spam" (RFC 5965).

Read and written. Reading is bounded by `mime.parse`; never raises.
"""

import hashlib
import re

import msgspec

from . import headers as fields
from . import params
from .dsn import returned_headers
from .mime import parse as parse_message

MAX_VALUE = 2000  # characters of a field that are kept
MAX_RECIPIENTS = 100  # of a report that are kept
_ADDRESS = re.compile(r"<?([^\s<>]{1,64}@[^\s<>]{1,255})>?")


class Complaint(msgspec.Struct, kw_only=True):
    """A feedback report. Addresses are bare; what a provider hides is "" or something that is no address."""

    feedback_type: str  # abuse · fraud · virus · not-spam · other …, lower case
    user_agent: str
    original_mail_from: str = ""
    original_rcpt_to: list[str] = []
    source_ip: str = ""
    reported_domain: str = ""
    arrival_date: str = ""
    fields: dict[str, str] = {}  # all of them, names in lower case
    returned: list[tuple[str, str]] = []  # header fields of the reported message

    @property
    def is_complaint(self) -> bool:
        """Whether a recipient did not want the message: `not-spam` says the contrary, others are no person's word."""
        return self.feedback_type in ("abuse", "fraud", "opt-out", "")


def parse(raw: bytes) -> Complaint | None:
    """What a message reports, or None when it is no feedback report."""
    parsed = parse_message(raw)
    data = next(
        (
            part.data
            for part in parsed.attachments
            if params.parse(part.content_type)[0] == "message/feedback-report"
        ),
        None,
    )
    if data is None:
        return None
    found: dict[str, str] = {}
    recipients: list[str] = []
    for name, body in fields.parse(data.lstrip(b"\r\n")):
        value = fields.decode(fields.text(body))[:MAX_VALUE]
        found.setdefault(name.lower(), value)
        # May occur once for each recipient (§3.2).
        if name.lower() == "original-rcpt-to" and len(recipients) < MAX_RECIPIENTS:
            recipients.append(_bare(value))
    return Complaint(
        feedback_type=found.get("feedback-type", "").strip().lower(),
        user_agent=found.get("user-agent", ""),
        original_mail_from=_bare(found.get("original-mail-from", "")),
        original_rcpt_to=recipients,
        source_ip=found.get("source-ip", "").strip(),
        reported_domain=found.get("reported-domain", "").strip().lower(),
        arrival_date=found.get("arrival-date", found.get("received-date", "")),
        fields=found,
        returned=returned_headers(parsed),
    )


def _bare(value: str) -> str:
    found = _ADDRESS.search(value)
    return found[1] if found else value.strip()


def generate(
    *,
    reporter: str,
    to: str,
    mail_from: str,
    recipient: str,
    returned: bytes,
    message_id: str,
    date: str,
) -> bytes:
    """A complaint of `recipient` about the message `returned`, whose envelope sender was `mail_from`."""
    boundary = "=_" + hashlib.sha256(message_id.encode() + returned).hexdigest()[:32]
    head = fields.encode_all(
        [
            ("From", reporter),
            ("To", to),
            ("Subject", "Complaint about a message"),
            ("Date", date),
            ("Message-Id", f"<{message_id}>"),
            ("MIME-Version", "1.0"),
            ("Content-Type", f'multipart/report; report-type=feedback-report; boundary="{boundary}"'),
        ]
    )
    report = fields.encode_all(
        [
            ("Feedback-Type", "abuse"),
            ("User-Agent", "Postwright/1"),
            ("Version", "1"),
            ("Original-Mail-From", f"<{mail_from}>"),
            ("Original-Rcpt-To", f"<{recipient}>"),
            ("Arrival-Date", date),
        ]
    )
    mark = f"--{boundary}\r\n".encode()
    encoding = b"" if returned.isascii() else b"Content-Transfer-Encoding: 8bit\r\n"
    return b"".join(
        (
            head,
            b"\r\n",
            mark,
            b"Content-Type: text/plain; charset=us-ascii\r\n\r\nSomebody does not want this message.\r\n",
            mark,
            b"Content-Type: message/feedback-report\r\n\r\n",
            report,
            mark,
            b"Content-Type: message/rfc822\r\n",
            encoding,
            b"\r\n",
            returned,
            b"\r\n",
            f"--{boundary}--\r\n".encode(),
        )
    )
