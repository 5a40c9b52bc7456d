"""Drafts: what every door makes of what it was given, before `accept`.

A draft is complete and checked: whatever can be refused for its form is refused while making it, so that
acceptance itself only stores.
"""

import json

import msgspec

from postwright.mail.addresses import Address, AddressError, parse_list
from postwright.mail.headers import HeaderError, check_value, decode, format_date
from postwright.mail.mime import (
    Attachment,
    compose,
    fit_to_relay,
    insert_headers,
    parse_head,
    remove_headers,
    texts,
)
from postwright.tracking import has_variables

from .errors import BadParameter, Looping, MessageTooLarge, NoRecipients, TooManyRecipients
from .options import IDEMPOTENCY, TRACKING_OPTIONS, Options
from .records import Attached, Content, FormContent, MimeContent, Part, Personal, UsedTemplate
from .variables import OURS

MAX_RECIPIENTS = 1000  # behaviour.md 2.1
MAX_RECEIVED = 50  # servers a message may have passed (delivery-engineering.md 2.8; RFC 5321 §6.3)
MAX_SIZE = 25 * 1024 * 1024  # bytes of the message as built


class Target(msgspec.Struct, frozen=True):
    """One envelope recipient and what only its copy has."""

    address: Address
    personal: Personal | None = None


class Draft(msgspec.Struct, kw_only=True):
    """A message ready to be accepted."""

    message_id: str  # without angle brackets
    from_: str
    to: str
    subject: str
    content: Content
    size: int
    targets: list[Target]
    options: Options
    attachments: list[Attached] = []
    amp: bool = False
    unsubscribe_variables: bool = False  # in a header or a text
    template: UsedTemplate | None = None


class Form(msgspec.Struct, kw_only=True):
    """The parts of a message as the form door receives them."""

    from_: str
    to: list[str]
    cc: list[str] = []
    bcc: list[str] = []
    subject: str = ""
    text: str | None = None
    html: str | None = None
    amp: str | None = None
    attachments: list[Part] = []
    inlines: list[Part] = []


def from_form(form: Form, options: Options, domain: str, new_id: str, now: int) -> Draft:
    """A draft of a form. `new_id` is the Message-Id unless the sender chose one. Raises errors.py's refusals."""
    sender = addresses("from", [form.from_])
    if not sender:
        raise BadParameter("from parameter is missing")
    to, cc, bcc = (addresses(n, v) for n, v in (("to", form.to), ("cc", form.cc), ("bcc", form.bcc)))
    if not to:
        raise NoRecipients
    if form.text is None and form.html is None and form.amp is None:
        raise BadParameter(
            "Need at least one of 'text', 'html', 'amp-html' or 'template' parameters specified"
        )
    check_subject(form.subject)
    targets = _targets(to, cc, bcc, options)
    own = {name.lower() for name, _ in options.headers}
    headers = [("Date", format_date(now // 1_000_000))] if "date" not in own else []
    if "sender" not in own:
        headers.append(("Sender", _sender(sender[0], domain)))
    headers.append(("Subject", form.subject))
    headers.append(("From", ", ".join(address.header() for address in sender)))
    shown_to = ", ".join(address.header() for address in to)
    headers.append(("To", shown_to))
    if cc:
        headers.append(("Cc", ", ".join(address.header() for address in cc)))
    message_id, chosen = _message_id(options.headers, new_id)
    headers.extend(
        (name, value)
        for name, value in chosen
        if name.lower() not in OURS and name.lower() != "mime-version" and not _is_hidden(name, options)
    )
    headers.extend(_marks(options))
    headers.append(("Message-Id", f"<{message_id}>"))
    content = FormContent(
        headers=headers,
        text=form.text,
        html=form.html,
        amp=form.amp,
        attachments=form.attachments,
        inlines=form.inlines,
    )
    try:
        raw = render(content, message_id)
    except HeaderError as wrong:
        raise BadParameter(str(wrong)) from wrong
    if len(raw) > MAX_SIZE:
        raise MessageTooLarge
    return Draft(
        message_id=message_id,
        from_=headers_value(headers, "from"),
        to=shown_to,
        subject=form.subject,
        # One copy for all is built once, here; personal copies are built one by one when they are sent.
        content=MimeContent(raw=raw) if options.recipient_variables is None else content,
        size=len(raw),
        targets=targets,
        options=options,
        attachments=[
            Attached(part.filename, part.content_type, len(part.data))
            for part in (*form.attachments, *form.inlines)
        ],
        amp=form.amp is not None,
        unsubscribe_variables=any(map(has_variables, (form.text, form.html, form.amp)))
        or any(has_variables(value) for _, value in headers),
    )


def render(content: FormContent, seed: str) -> bytes:
    """The complete message of `content`; equal input gives equal bytes."""
    return compose(
        content.headers,
        text=content.text,
        html=content.html,
        amp=content.amp,
        attachments=[Attachment(p.filename, p.content_type, p.data) for p in content.attachments],
        inlines=[Attachment(p.filename, p.content_type, p.data) for p in content.inlines],
        boundary_seed=seed,
    )


def from_mime(
    raw: bytes, recipients: list[Address], options: Options, domain: str, new_id: str, now: int
) -> Draft:
    """A draft of a complete message; `recipients` is the envelope. Raises errors.py's refusals."""
    if len(raw) > MAX_SIZE:
        raise MessageTooLarge
    raw = fit_to_relay(raw)
    head = parse_head(raw)
    if sum(name.lower() == "received" for name, _ in head) > MAX_RECEIVED:
        raise Looping
    present = {name.lower(): value for name, value in reversed(head)}
    # Undecoded: a comma in an encoded name separates nothing.
    sender = addresses("from", [present.get("from", "")])
    if not sender:
        raise BadParameter("from parameter is missing")
    if not recipients:
        raise NoRecipients
    message_id, chosen = _message_id(
        [("Message-Id", present["message-id"])] if present.get("message-id") else [], new_id
    )
    _, chosen = _message_id(options.headers, message_id)
    added = [
        (name, value) for name, value in chosen if name.lower() not in OURS and not _is_hidden(name, options)
    ]
    drop = {"bcc", "return-path", "message-id", "x-mailgun-tag", "x-mailgun-variables"}
    drop |= {_TRACKING_MARKS[name].lower() for name, _ in options.tracking_given}
    drop |= {name for name in present if _is_hidden(name, options)}
    drop |= {name.lower() for name, _ in added}
    if "date" not in present:
        added.append(("Date", format_date(now // 1_000_000)))
    if "sender" not in present:
        added.append(("Sender", _sender(sender[0], domain)))
    if "mime-version" not in present and "content-type" in present:
        added.append(("Mime-Version", "1.0"))
    added.extend(_marks(options))
    added.append(("Message-Id", f"<{message_id}>"))
    try:
        raw = insert_headers(remove_headers(raw, drop | _CONTROL), added)
    except HeaderError as wrong:
        raise BadParameter(str(wrong)) from wrong
    personal = options.recipient_variables is not None
    if personal:
        recipients = _named(recipients, present.get("to", ""))
    return Draft(
        message_id=message_id,
        from_=decode(present["from"]),
        to=decode(present.get("to", "")),
        subject=decode(present.get("subject", "")),
        content=MimeContent(raw=raw, personal=personal and (b"%recipient" in raw or _may_hide(raw))),
        size=len(raw),
        targets=_targets(recipients, [], [], options),
        options=options,
        unsubscribe_variables=any(has_variables(decode(value)) for _, value in head)
        or any(has_variables(value) for _, value in added)
        or (
            (b"unsubscribe_" in raw or _may_hide(raw)) and any(has_variables(text) for _, text in texts(raw))
        ),
    )


_TRACKING_MARKS = dict(
    zip(
        TRACKING_OPTIONS,
        (
            "X-Mailgun-Track",
            "X-Mailgun-Track-Clicks",
            "X-Mailgun-Track-Opens",
            "X-Mailgun-Track-Pixel-Location-Top",
        ),
        strict=True,
    )
)

# Orders to us, not part of the message (behaviour.md 3.2).
_CONTROL = frozenset((IDEMPOTENCY,)) | frozenset(
    f"x-mailgun-{name}"
    for name in (
        "recipient-variables",
        "template-name",
        "template-version",
        "template-variables",
        "deliver-by",
        "deliver-within",
        "delivery-time-optimize-period",
        "time-zone-localize",
        "archive-to",
        "drop-message",
        "dkim",
        "secondary-dkim",
        "secondary-dkim-public",
        "require-tls",
        "skip-verification",
        "sending-ip",
        "sending-ip-pool",
        "suppress-headers",
    )
)


def _may_hide(raw: bytes) -> bool:
    """Whether an encoded part could hold a token that a look at the bytes does not show."""
    lowered = raw.lower()
    return b"base64" in lowered or b"quoted-printable" in lowered


def _named(recipients: list[Address], shown: str) -> list[Address]:
    """The recipients with the names that a To header gives them."""
    try:
        names = {address.spec.lower(): address for address in parse_list(shown)}
    except AddressError:
        return recipients
    return [names.get(each.spec.lower(), each) for each in recipients]


def headers_value(headers: list[tuple[str, str]], name: str) -> str:
    """The last header called `name` (lower case), or "" when there is none."""
    return next((value for key, value in reversed(headers) if key.lower() == name), "")


def envelope(to: list[str]) -> list[Address]:
    """The envelope recipients named in `to`. Raises errors.py's refusals."""
    recipients = _distinct(addresses("to", to))
    if not recipients:
        raise NoRecipients
    return recipients


def check_subject(text: str) -> None:
    """Raises BadParameter where a text cannot be a subject."""
    try:
        check_value(text)
    except HeaderError as wrong:
        raise BadParameter(f"subject parameter is not valid: {wrong}") from wrong


def addresses(field: str, values: list[str]) -> list[Address]:
    """The addresses in all values of a field. Raises BadParameter, TooManyRecipients."""
    found: list[Address] = []
    for value in values:
        if not value.strip():
            continue
        try:
            found.extend(parse_list(value))
        except AddressError as wrong:
            raise BadParameter(
                f"{field} parameter is not a valid address. please check documentation", reason=str(wrong)
            ) from wrong
        if len(found) > MAX_RECIPIENTS:
            raise TooManyRecipients
    return found


def _targets(to: list[Address], cc: list[Address], bcc: list[Address], options: Options) -> list[Target]:
    if len(to) + len(cc) + len(bcc) > MAX_RECIPIENTS:
        raise TooManyRecipients
    variables = options.recipient_variables
    if variables is None:
        return [Target(address) for address in _distinct([*to, *cc, *bcc])]
    targets = []
    copied = _distinct([*cc, *bcc])
    for address in _distinct(to):
        personal = Personal(to=address.header(), variables=variables.get(address.spec.lower(), {}))
        targets.append(Target(address, personal))
        # Each cc and bcc address gets a copy of every recipient's message (behaviour.md 2.3).
        if copied:
            targets.extend([Target(other, personal) for other in copied])
        if len(targets) > MAX_RECIPIENTS:
            raise TooManyRecipients
    return targets


def _distinct(addresses: list[Address]) -> list[Address]:
    seen: dict[str, Address] = {}
    for address in addresses:
        seen.setdefault(address.spec.lower(), address)
    return list(seen.values())


def _sender(author: Address, domain: str) -> str:
    """The Sender header: the author, or who sends on its behalf (behaviour.md 4.1)."""
    if author.domain == domain:
        return author.spec
    if not author.local.isascii() or '"' in author.local or len(author.local) + len(author.domain) > 62:
        return f"postmaster@{domain}"  # the combined name would be no valid local part
    return f"{author.local}={author.domain}@{domain}"


def _message_id(headers: list[tuple[str, str]], new_id: str) -> tuple[str, list[tuple[str, str]]]:
    """The sender's own Message-Id when it has one that can stand in a header, and the other headers."""
    chosen = new_id
    rest = []
    for name, value in headers:
        if name.lower() != "message-id":
            rest.append((name, value))
            continue
        text = value.strip().strip("<>")
        if text:
            if not text.isascii() or not text.isprintable() or " " in text or "<" in text or len(text) > 900:
                raise BadParameter("Invalid header 'Message-Id': <local@domain> expected")
            chosen = text
    return chosen, rest


def _marks(options: Options) -> list[tuple[str, str]]:
    """The X-Mailgun headers that stay in the delivered mail (behaviour.md 4.1), less the suppressed."""
    marks: list[tuple[str, str]] = [("X-Mailgun-Tag", tag) for tag in options.tags]
    if options.variables:
        # With spaces between members, so that a long value can be folded (behaviour.md 3.2).
        marks.append(("X-Mailgun-Variables", json.dumps(options.variables)))
    marks.extend((_TRACKING_MARKS[name], value) for name, value in options.tracking_given)
    return [mark for mark in marks if not _is_hidden(mark[0], options)]


def _is_hidden(name: str, options: Options) -> bool:
    """Whether a header is one of ours that the message is to be sent without."""
    hidden, lowered = options.suppress_headers, name.lower()
    return bool(hidden) and lowered.startswith("x-mailgun-") and ("all" in hidden or lowered in hidden)
