"""Delivery status notifications: reading whatever comes back, and writing our own (RFC 3464, RFC 3462).

Reading is bounded by `mime.parse` and never raises. Servers that do not know RFC 3464 say what happened in prose;
`parse` then looks for the traces most of them leave (`X-Failed-Recipients`, an SMTP reply, who wrote it).
"""

import hashlib
import re
from collections.abc import Sequence

import msgspec

from . import headers as fields
from . import params
from .mime import Attachment, Parsed
from .mime import parse as parse_message

MAX_RECIPIENTS = 1000  # of a report that are looked at
MAX_TEXT = 2000  # characters of a diagnostic that are kept
MAX_RETURNED = (
    50 * 1024
)  # octets of the original that our own reports give back (delivery-engineering.md 5.2)
_LOOK = 20_000  # characters of prose that are searched
ACTIONS = frozenset(("failed", "delayed", "delivered", "relayed", "expanded"))

_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_CODE = re.compile(r"(?<![\d.-])([45]\d\d)(?:[ -]|(?=\s*#?[45]\.\d\.\d))")
_ADDRESS = re.compile(r"[^\s<>()\[\]:;,\"']{1,64}@[A-Za-z0-9.-]{1,253}[A-Za-z0-9]")
# Where the quoted original begins in prose: qmail, Exim, Exchange and their imitators.
_QUOTED = re.compile(
    r"^(?:-{2,}.{0,20}(?:below this line|original message|copy of the message|message follows|undelivered message|"
    r"this is a copy|returned message|header).*|received: from .*)$",
    re.IGNORECASE | re.MULTILINE,
)
_FAILED = re.compile(
    r"(?:could|can|was|has|were|is) ?not (?:be |been )?(?:able to )?deliver|couldn'?t (?:be delivered|deliver)|"
    r"undeliver|delivery (?:to .{1,100} )?(?:has )?failed|failed permanently|"
    r"permanent(?:ly)? (?:fatal )?(?:error|failed)|"
    r"user unknown|no such (?:user|address|mailbox)|returned (?:mail|to sender)|returning (?:your )?mes?sage|"
    r"unzustellbar|non remis|no se (?:ha podido|pudo) entregar|nicht zugestellt|n'a pas pu|impossibile recapitare|"
    r"не (?:удалось|доставлено)|退信|配信できません",
    re.IGNORECASE,
)
_DELAYED = re.compile(
    r"delivery (?:is |has been |temporarily |status notification \()?delay|warning: (?:could not|message)|"
    r"still (?:being|trying)|"
    r"will (?:be retried|retry|continue)|not yet been delivered",
    re.IGNORECASE,
)
_ROBOT = re.compile(
    r"mailer-?daemon|postmaster|mail ?delivery|microsoftexchange|bounce|mailadmin", re.IGNORECASE
)


class Recipient(msgspec.Struct, kw_only=True):
    """What a report says about one recipient. Unknown fields are kept in `fields`, names in lower case."""

    action: str  # failed · delayed · delivered · relayed · expanded
    status: str  # as 5.1.1; "" when it says none
    final: str = ""  # address, without its type
    original: str = ""
    diagnostic: str = ""  # the reply that the reporting server got, without its type
    remote_mta: str = ""
    will_retry_until: str = ""
    fields: dict[str, str] = {}

    @property
    def code(self) -> int:
        """The SMTP reply code in the diagnostic, or 0."""
        found = _CODE.search(self.diagnostic)
        return int(found[1]) if found else 0

    @property
    def enhanced(self) -> str:
        """The enhanced code: the diagnostic's own, because reporters often put a general one into `status`."""
        found = _STATUS.search(self.diagnostic)
        return found[1] if found else self.status


class Report(msgspec.Struct, kw_only=True):
    """A delivery status notification."""

    recipients: list[Recipient]
    reporting_mta: str = ""
    envelope_id: str = ""
    arrival_date: str = ""
    fields: dict[str, str] = {}
    returned: list[tuple[str, str]] = []  # header fields of the message it is about
    standard: bool = True  # False: guessed from prose


def parse(raw: bytes) -> Report | None:
    """What a message reports, or None when it is no delivery report. Never raises."""
    parsed = parse_message(raw)
    head = {name.lower(): value for name, value in reversed(parsed.headers)}
    status = next((part for part in parsed.attachments if _kind(part) in _STATUS_TYPES), None)
    if status is None:
        status_text = parsed.bodies.get("delivery-status")
        blocks = _blocks(status_text.encode("utf-8", "replace")) if status_text else []
    else:
        blocks = _blocks(status.data)
    if len(blocks) < 2:
        return _guess(parsed, head)
    first = blocks[0]
    return Report(
        recipients=[_recipient(block) for block in blocks[1 : 1 + MAX_RECIPIENTS]],
        reporting_mta=_typed(first.get("reporting-mta", "")),
        envelope_id=first.get("original-envelope-id", ""),
        arrival_date=first.get("arrival-date", ""),
        fields=first,
        returned=returned_headers(parsed),
    )


_STATUS_TYPES = frozenset(("message/delivery-status", "message/global-delivery-status"))
_RETURNED_TYPES = ("message/rfc822", "message/global", "message/rfc822-headers", "message/global-headers")


def _kind(part: Attachment) -> str:
    return params.parse(part.content_type)[0]


def returned_headers(parsed: Parsed) -> list[tuple[str, str]]:
    """The header fields of the message that a report gives back, whole or in part; empty when it gives none."""
    for part in parsed.attachments:
        if _kind(part) in _RETURNED_TYPES or _kind(part) == "text/rfc822-headers":
            return _fields(part.data)
    text = parsed.bodies.get("rfc822-headers")
    return _fields(text.encode("utf-8", "replace")) if text else []


def _fields(raw: bytes) -> list[tuple[str, str]]:
    return [(name, fields.decode(fields.text(body))) for name, body in fields.parse(raw.lstrip(b"\r\n"))]


def _blocks(raw: bytes) -> list[dict[str, str]]:
    """The groups of fields of a status part (RFC 3464 §2.1), names in lower case."""
    blocks = []
    for piece in re.split(rb"\r?\n(?:[ \t]*\r?\n)+", raw.strip())[: MAX_RECIPIENTS + 1]:
        block: dict[str, str] = {}
        for name, body in fields.parse(piece):
            block.setdefault(name.lower(), fields.decode(fields.text(body))[:MAX_TEXT])
        if block:
            blocks.append(block)
    return blocks


def _typed(value: str) -> str:
    """The text behind `type;`, as in `rfc822; bob@example.com` (§2.1.2)."""
    kind, semicolon, rest = value.partition(";")
    return (rest if semicolon and " " not in kind.strip() else value).strip()


def _address(value: str) -> str:
    found = _ADDRESS.search(_typed(value))
    return found[0] if found else _typed(value).strip("<> ")[:320]


def _recipient(block: dict[str, str]) -> Recipient:
    status = _STATUS.search(block.get("status", ""))
    action = block.get("action", "").partition(" ")[0].strip().lower()
    if action not in ACTIONS:
        action = "failed" if status and status[1].startswith("5") else "delayed"
    return Recipient(
        action=action,
        status=status[1] if status else "",
        final=_address(block.get("final-recipient", "")),
        original=_address(block.get("original-recipient", "")),
        diagnostic=" ".join(_typed(block.get("diagnostic-code", "")).split())[:MAX_TEXT],
        remote_mta=_typed(block.get("remote-mta", "")),
        will_retry_until=block.get("will-retry-until", ""),
        fields=block,
    )


def _guess(parsed: Parsed, head: dict[str, str]) -> Report | None:
    """A report in prose. None for what people, vacation programs and lists write."""
    text = (parsed.body_plain or re.sub(r"<[^>]{0,1000}>", " ", parsed.body_html[:_LOOK]))[:_LOOK]
    named = head.get("x-failed-recipients", "")
    subject = head.get("subject", "")
    robot = bool(_ROBOT.search(head.get("from", ""))) or head.get("return-path", "").strip() == "<>"
    # RFC 3834 §5: `auto-replied` is what vacation programs say; reports say `auto-generated`, or nothing.
    if not named and (not robot or head.get("auto-submitted", "").startswith("auto-replied")):
        return None
    quoted = _QUOTED.search(text)
    said = text[: quoted.start()] if quoted else text
    code = _CODE.search(said)
    status = _STATUS.search(said)
    if _DELAYED.search(f"{subject}\n{said}") and not named:
        action = "delayed"
    elif named or code or _FAILED.search(f"{subject}\n{said}"):
        action = "failed"
    else:
        return None
    addresses = _ADDRESS.findall(named) or _ADDRESS.findall(said)[:1]
    line = _line(said, code or status)
    return Report(
        recipients=[
            Recipient(action=action, status=status[1] if status else "", final=address, diagnostic=line)
            for address in (addresses or [""])[:MAX_RECIPIENTS]
        ],
        returned=returned_headers(parsed)
        or (_fields(text[quoted.start() :].partition("\n")[2].encode()) if quoted else []),
        standard=False,
    )


def _line(text: str, found: re.Match[str] | None) -> str:
    """The paragraph with the reply; without one, the first that says anything."""
    if found is None:
        said = (" ".join(part.split()) for part in text.split("\n\n"))
        return next((part for part in said if _FAILED.search(part)), "")[:MAX_TEXT]
    end = text.find("\n\n", found.start())
    return " ".join(text[found.start() : end if end >= 0 else None].split())[:MAX_TEXT]


def answerable(sender: str, head: Sequence[tuple[str, str]]) -> bool:
    """Whether a report about a message may be sent at all (RFC 3464 §2, RFC 3834 §2).

    Never to the null sender or a mail system, and never about what is a report or was sent by a program.
    """
    local = sender.partition("@")[0].lower()
    if not sender or local in ("mailer-daemon", "postmaster") or local.startswith("bounce+"):
        return False
    found = {name.lower(): value.strip().lower() for name, value in head}
    if found.get("content-type", "").startswith("multipart/report"):
        return False
    if found.get("auto-submitted", "no").partition(";")[0].strip() != "no":
        return False
    suppressed = found.get("x-auto-response-suppress", "")
    return not any(word in suppressed for word in ("all", "ndr", "dr"))


def generate(
    *,
    reporting_mta: str,
    sender: str,
    recipients: Sequence[Recipient],
    returned: bytes,
    message_id: str,
    date: str,
    envelope_id: str = "",
) -> bytes:
    """A report to `sender` about a message of theirs; goes out with the null sender.

    `returned` is the message it is about: given back whole when it is short, else its header fields.
    """
    boundary = "=_" + hashlib.sha256(message_id.encode() + returned).hexdigest()[:32]
    whole = len(returned) <= MAX_RETURNED
    original = returned if whole else returned[: min(fields.split(returned), MAX_RETURNED)]
    lines = "\r\n".join(
        f"  <{_clean(each.final)}>: {_clean(each.diagnostic) or each.status}" for each in recipients
    )
    said = (
        f"This is the mail system at {reporting_mta}.\r\n\r\nYour message could not be delivered to:\r\n\r\n"
        f"{lines}\r\n"
    )
    per_message = [("Reporting-MTA", f"dns; {reporting_mta}")]
    if envelope_id:
        per_message.append(("Original-Envelope-Id", _clean(envelope_id)))
    blocks = [fields.encode_all(per_message)]
    for each in recipients:
        block = [("Final-Recipient", f"rfc822; {_clean(each.final)}")]
        if each.original:
            block.append(("Original-Recipient", f"rfc822; {_clean(each.original)}"))
        block += [("Action", each.action), ("Status", each.status or "5.0.0")]
        if each.remote_mta:
            block.append(("Remote-MTA", f"dns; {_clean(each.remote_mta)}"))
        if each.diagnostic:
            block.append(("Diagnostic-Code", f"smtp; {_clean(each.diagnostic)}"))
        blocks.append(fields.encode_all(block))
    head = fields.encode_all(
        [
            ("From", f"Mail Delivery System <mailer-daemon@{reporting_mta}>"),
            ("To", sender),
            ("Subject", "Undelivered Mail Returned to Sender"),
            ("Date", date),
            ("Message-Id", f"<{message_id}>"),
            ("Auto-Submitted", "auto-replied"),
            ("MIME-Version", "1.0"),
            ("Content-Type", f'multipart/report; report-type=delivery-status; boundary="{boundary}"'),
        ]
    )
    mark = f"--{boundary}\r\n".encode()
    kind = b"message/rfc822" if whole else b"text/rfc822-headers"
    encoding = b"" if original.isascii() else b"Content-Transfer-Encoding: 8bit\r\n"
    return b"".join(
        (
            head,
            b"\r\n",
            mark,
            f"Content-Type: text/plain; charset=us-ascii\r\n\r\n{said}\r\n".encode(),
            mark,
            b"Content-Type: message/delivery-status\r\n\r\n",
            b"\r\n".join(blocks),
            b"\r\n",
            mark,
            b"Content-Type: ",
            kind,
            b"\r\n",
            encoding,
            b"\r\n",
            original,
            b"" if original.endswith(b"\r\n") else b"\r\n",
            f"--{boundary}--\r\n".encode(),
        )
    )


def _clean(text: str) -> str:
    """Text that can stand in a field: one line, printable ASCII."""
    return "".join(c if " " <= c <= "~" else "?" for c in text)[:800]
