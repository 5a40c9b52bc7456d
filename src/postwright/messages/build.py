"""The bytes that go to one recipient: its copy, our trace headers, the signatures.

Equal input gives equal bytes (a retry after a lost reply must be byte-identical, delivery-engineering.md 1.3):
nothing here looks at the clock or draws a random number.
"""

import email
import email.policy
from email.message import Message

import msgspec

from postwright.mail.dkim import Signer
from postwright.mail.headers import decode, encode
from postwright.mail.mime import fit_to_relay, parse_head, set_headers
from postwright.tracking import Copy, Tokens

from .draft import render
from .records import Content, FormContent, Meta, MimeContent, Personal
from .variables import Person

_SMTP = email.policy.compat32.clone(linesep="\r\n", max_line_length=None)


class Built(msgspec.Struct, frozen=True):
    """A message ready to be sent."""

    data: bytes
    smtputf8: bool
    primary_dkim: str = ""  # `<selector>._domainkey.<domain>` of the first signature


class Via(msgspec.Struct, frozen=True):
    """Where a copy leaves from."""

    address: str = ""
    pool_id: str = ""
    pool_name: str = ""


class Common(msgspec.Struct, frozen=True):
    """The part of a message that is the same for all its recipients, signed once."""

    signatures: bytes
    raw: bytes
    primary_dkim: str


def common(
    meta: Meta,
    content: Content,
    personal: Personal | None,
    signers: list[Signer],
    copy: Copy | None = None,
) -> Common:
    """The copy for one recipient (or, without `personal` and `copy`, for all), with its signatures."""
    raw = _copy(meta, content, personal)
    if copy is not None:
        raw = copy.apply(raw)
    if not meta.dkim or not signers:
        return Common(b"", raw, "")
    stamp = meta.accepted_at // 1_000_000
    signatures = b"".join(signer.sign(raw, stamp) for signer in reversed(signers))
    first = signers[0]
    return Common(signatures, raw, f"{first.selector}._domainkey.{first.domain}")


def tracked(tokens: Tokens, meta: Meta, recipient: str, personal: Personal | None) -> Copy | None:
    """What makes the copy of a message with tracking for one recipient; None when nothing is tracked."""
    if meta.tracking is None:
        return None
    tags = meta.tags if personal is None else [Person(personal).fill(tag) for tag in meta.tags]
    return Copy(
        tokens,
        meta.tracking,
        domain=meta.domain,
        domain_id=meta.domain_id,
        message_id=meta.message_id,
        recipient=recipient,
        tags=tags,
    )


def finish(meta: Meta, part: Common, recipient: str, sid: str, via: Via | None = None) -> Built:
    """`part` with the trace headers of one recipient, `sid` among them. They are not signed: signatures are shared.

    `via` is where it leaves from.
    """
    trace = _trace(meta, sid, via or Via(meta.sending_ip))
    head_end = part.raw.find(b"\r\n\r\n")
    utf8 = not recipient.isascii() or not part.raw[: head_end if head_end >= 0 else None].isascii()
    return Built(part.signatures + trace + part.raw, utf8, part.primary_dkim)


def _copy(meta: Meta, content: Content, personal: Personal | None) -> bytes:
    if isinstance(content, MimeContent):
        return content.raw if personal is None else _personal_mime(meta, content, personal)
    return render(content if personal is None else _personal_form(content, personal), meta.message_id)


def _personal_form(content: FormContent, personal: Personal) -> FormContent:
    person = Person(personal)
    own = person.headers()
    hidden = {name.lower() for name in own}
    headers = [
        (name, personal.to if name == "To" else person.fill_header(value))
        for name, value in content.headers
        if name.lower() not in hidden
    ]
    headers.extend(own.items())
    return msgspec.structs.replace(
        content,
        headers=headers,
        text=None if content.text is None else person.fill(content.text),
        html=None if content.html is None else person.fill(content.html),
        amp=None if content.amp is None else person.fill(content.amp),
    )


def _personal_mime(meta: Meta, content: MimeContent, personal: Personal) -> bytes:
    """Put recipient variables into the headers and text parts of a complete message.

    It shows no other recipient; what comes from a mailing list shows the list.
    """
    person = Person(personal)
    changed = person.headers()
    for name, value in parse_head(content.raw) if content.personal else ():
        text = decode(value)
        if "%recipient" in text and name not in changed:
            changed[name] = personal.to if name.lower() == "to" else person.fill_header(text)
    if meta.mailing_list is None:
        changed = {name: value for name, value in changed.items() if name.lower() != "to"}
        changed["To"] = personal.to
    raw = set_headers(content.raw, changed.items()) if changed else content.raw
    if not content.personal:
        return raw
    message = email.message_from_bytes(raw, policy=_SMTP)
    texts = [
        part
        for part in message.walk()
        if part.get_content_maintype() == "text" and part.get_filename() is None
    ]
    filled = [_personal_part(part, person) for part in texts]
    if not any(filled):
        return raw
    return fit_to_relay(message.as_bytes(policy=_SMTP))


def _personal_part(part: Message, person: Person) -> bool:
    """Fill one text part; whether that changed it."""
    payload = part.get_payload(decode=True)
    charset = part.get_content_charset("utf-8")
    if not isinstance(payload, bytes):
        return False
    try:
        text = payload.decode(charset)
    except (LookupError, UnicodeDecodeError):
        return False  # not text that we could put anything into
    filled = person.fill(text)
    if filled == text:
        return False
    del part["Content-Transfer-Encoding"]
    part.set_payload(filled, "us-ascii" if filled.isascii() else "utf-8")
    return True


def _trace(meta: Meta, sid: str, via: Via) -> bytes:
    """Our headers above the message, in the order of behaviour.md 4.1."""
    hidden = meta.suppress_headers
    lines = []
    if "all" not in hidden and "x-mailgun-sid" not in hidden:
        lines.append(f"X-Mailgun-Sid: {_folded(sid)}")
    lines.append(f"Received: {meta.received}")
    if via.pool_id and "all" not in hidden and "x-mailgun-sending-ip-pool" not in hidden:
        lines.append(encode("X-Mailgun-Sending-Ip-Pool-Name", via.pool_name).decode().rstrip())
        lines.append(f"X-Mailgun-Sending-Ip-Pool: {via.pool_id}")
    if via.address and "all" not in hidden and "x-mailgun-sending-ip" not in hidden:
        lines.append(f"X-Mailgun-Sending-Ip: {via.address}")
    if meta.batch_id and "all" not in hidden and "x-mailgun-batch-id" not in hidden:
        lines.append(f"X-Mailgun-Batch-Id: {meta.batch_id}")
    return "".join(f"{line}\r\n" for line in lines).encode()


def _folded(text: str) -> str:
    """Base64 in lines of at most 72 characters, continued as RFC 5322 section 2.2.3 folds."""
    return "\r\n ".join(text[i : i + 72] for i in range(0, len(text), 72))
