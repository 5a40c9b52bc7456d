"""The bodies of POSTs that tell of received mail (behaviour.md 10.3, 10.4)."""

import json
import secrets
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote_plus

import msgspec
from yarl import URL

from postwright.mail.content import texts
from postwright.mail.mime import Attachment, Parsed, parse
from postwright.messages import Meta

URLENCODED = "application/x-www-form-urlencoded"
# Names that say something of ours: a header of exactly that name must not speak in our place.
_OURS = frozenset(
    (
        "recipient",
        "sender",
        "from",
        "subject",
        "body-plain",
        "body-html",
        "body-mime",
        "stripped-text",
        "stripped-signature",
        "stripped-html",
        "attachment-count",
        "attachments",
        "content-id-map",
        "message-headers",
        "message-url",
        "domain",
        "event",
        "timestamp",
        "token",
        "signature",
        "parent-signature",
    )
)

Fields = list[tuple[str, str | bytes]]


class Body(msgspec.Struct, frozen=True):
    """A body and its media type."""

    content_type: str
    data: bytes


def wants_mime(url: str) -> bool:
    """Whether a URL is given the message as it is, because its path ends in `mime`."""
    return URL(url).path.rstrip("/").endswith("mime")


def forwarded(
    meta: Meta, recipient: str, message: bytes, signature: dict[str, str], *, as_mime: bool
) -> Body:
    """The body that forwards a message."""
    parsed = parse(message)
    fields = _envelope(meta, recipient)
    fields.extend(_headers(parsed))
    if as_mime:
        fields.append(("body-mime", message))
        fields.extend(signature.items())
        return Body(URLENCODED, _urlencoded(fields))
    fields.extend(texts(parsed).items())
    fields.append(("message-headers", json.dumps(parsed.headers)))
    files = parsed.attachments
    if files:
        fields.append(("attachment-count", str(len(files))))
        fields.append(("content-id-map", _content_ids(files)))
    fields.extend(signature.items())
    return _multipart(fields, files) if files else Body(URLENCODED, _urlencoded(fields))


def notification(meta: Meta, recipient: str, message: bytes, signature: dict[str, str]) -> Body:
    """The body that tells of a stored message."""
    parsed = parse(message)
    fields: Fields = [("domain", meta.domain), *_envelope(meta, recipient)]
    fields.extend(_headers(parsed))
    fields.extend(texts(parsed).items())
    fields.append(("message-headers", json.dumps(parsed.headers)))
    fields.append(("message-url", meta.storage_url))
    files = [_described(meta.storage_url, number, file) for number, file in enumerate(parsed.attachments)]
    fields.append(("attachments", json.dumps(files)))
    named = zip(parsed.attachments, files, strict=True)
    ids = {f"<{file.content_id}>": shown for file, shown in named if file.content_id}
    fields.append(("content-id-map", json.dumps(ids)))
    fields.extend(signature.items())
    return Body(URLENCODED, _urlencoded(fields))


def _envelope(meta: Meta, recipient: str) -> Fields:
    return [
        ("recipient", recipient),
        ("sender", meta.sender),
        ("subject", meta.subject),
        ("from", meta.from_),
    ]


def _headers(parsed: Parsed) -> Fields:
    return [(name, value) for name, value in parsed.headers if name not in _OURS]


def _content_ids(files: list[Attachment]) -> str:
    ids = {f"<{file.content_id}>": f"attachment-{n}" for n, file in enumerate(files, 1) if file.content_id}
    return json.dumps(ids)


def _described(url: str, number: int, file: Attachment) -> dict[str, Any]:
    return {
        "url": f"{url}/attachments/{number}",
        "content-type": file.content_type,
        "name": file.filename,
        "size": len(file.data),
    }


def _octets(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "replace")


def _urlencoded(fields: Iterable[tuple[str, str | bytes]]) -> bytes:
    return "&".join(
        f"{quote_plus(_octets(name))}={quote_plus(_octets(value))}" for name, value in fields
    ).encode()


def _multipart(fields: Iterable[tuple[str, str | bytes]], files: list[Attachment]) -> Body:
    boundary = secrets.token_hex(16)
    mark = f"--{boundary}\r\n".encode()
    pieces: list[bytes] = []
    for name, value in fields:
        head = f'Content-Disposition: form-data; name="{_quoted(name)}"\r\n\r\n'.encode()
        pieces += [mark, head, _octets(value), b"\r\n"]
    for number, file in enumerate(files, 1):
        head = (
            f'Content-Disposition: form-data; name="attachment-{number}"; '
            f'filename="{_quoted(_filename(file, number))}"\r\nContent-Type: {_media_type(file)}\r\n\r\n'
        ).encode("utf-8", "replace")
        pieces += [mark, head, file.data, b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode())
    return Body(f"multipart/form-data; boundary={boundary}", b"".join(pieces))


def _quoted(text: str) -> str:
    """As browsers write it (WHATWG HTML, multipart/form-data encoding algorithm)."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _filename(file: Attachment, number: int) -> str:
    """Never empty, and no path: frameworks drop files whose names they dislike."""
    name = file.filename.replace("\\", "/").rpartition("/")[2].replace("\0", "").strip()
    if name.strip(". "):
        return name
    kind = file.content_type.partition(";")[0].strip().lower()
    return f"attachment-{number}{'.eml' if kind == 'message/rfc822' else ''}"


def _media_type(file: Attachment) -> str:
    kind = file.content_type
    return kind if kind.isascii() and kind.isprintable() and "/" in kind else "application/octet-stream"
