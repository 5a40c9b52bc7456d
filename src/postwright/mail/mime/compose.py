"""A message made of its pieces (RFC 2045, 2046, 2183, 2387)."""

import binascii
import hashlib
import re
import struct
from collections.abc import Iterable, Sequence
from urllib.parse import quote

import msgspec

from .. import headers as fields
from .. import params

_LINE = 998  # octets of a line without its CRLF (RFC 5322 §2.1.1)
_COLUMNS = 76  # of an encoded line (RFC 2045 §6.8)
_MAX_TYPE = 250  # characters of a content type
_OCTETS = "application/octet-stream"
# Ours to write, because they describe how the parts are put together.
_OURS = frozenset(("mime-version", "content-type", "content-transfer-encoding"))
_TEXT_TYPES = ("text/plain", "text/x-amp-html", "text/html")

_TOKEN = r"[!#$%&'*+.^_`{|}~0-9A-Za-z-]+"  # noqa: S105 - a token of RFC 2045 §5.1
_is_type = re.compile(
    rf"({_TOKEN})/{_TOKEN}(?:[ \t]*;[ \t]*{_TOKEN}=(?:{_TOKEN}|\"[ !#-\[\]-~]*\"))*[ \t]*;?[ \t]*"
).fullmatch
# What a quoted-printable line can hold unescaped, to tell which encoding will be the shorter one.
_PRINTABLE = bytes(c for c in range(256) if c in b"\r\n\t" or (0x20 <= c < 0x7F and c != 0x3D))
# Slicing 76 octets at a time costs twice as much as unpacking many lines at once.
_BLOCK = struct.Struct(f"{_COLUMNS}s" * 64)
_CHUNK = 4 * _BLOCK.size // 4 * 3  # octets that make four blocks


class Attachment(msgspec.Struct, frozen=True):
    """A file in a message. `content_id` without angle brackets; an inline file's is its name unless given."""

    filename: str
    content_type: str
    data: bytes
    content_id: str = ""


class _Part(msgspec.Struct):
    """A part: its own header fields (each with CRLF), and its body as transferred, without a last CRLF.

    The body stays in pieces until the end, so that large files are copied once.
    """

    head: str
    body: list[bytes]
    bare: bool = True  # whether the body could hold a boundary; encoded ones cannot


def compose(
    headers: Iterable[tuple[str, str]],
    *,
    text: str | None = None,
    html: str | None = None,
    amp: str | None = None,
    attachments: Sequence[Attachment] = (),
    inlines: Sequence[Attachment] = (),
    boundary_seed: str,
) -> bytes:
    """The complete message. Fields that describe its structure are written here and dropped from `headers`.

    Bodies are alternatives in the order text, AMP, HTML: the plainest first (RFC 2046 §5.1.4), and HTML last,
    for readers that show the last one they know. Raises `HeaderError`.
    """
    digest = hashlib.sha256(boundary_seed.encode("utf-8", "replace")).hexdigest()[:32]
    related = [_file(item, "inline", item.content_id or item.filename) for item in inlines]
    bodies = []
    for kind, content in zip(_TEXT_TYPES, (text, amp, html), strict=True):
        if content is not None:
            part = _text(kind, content)
            if kind == "text/html" and related:
                part = _multipart("related", [part, *related], digest, '; type="text/html"')
                related = []
            bodies.append(part)
    files = related + [_file(item, "attachment", item.content_id) for item in attachments]
    if len(bodies) > 1:
        bodies = [_multipart("alternative", bodies, digest)]
    if files:
        bodies = [_multipart("mixed", bodies + files, digest)]
    whole = bodies[0] if bodies else _text("text/plain", "")
    pieces = [fields.encode(name, value) for name, value in headers if name.lower() not in _OURS]
    pieces.append(f"Mime-Version: 1.0\r\n{whole.head}\r\n".encode())
    pieces += whole.body
    if not pieces[-1].endswith(b"\r\n") and pieces[-1]:
        pieces.append(b"\r\n")
    return b"".join(pieces)


def _text(kind: str, content: str) -> _Part:
    data = content.encode("utf-8", "replace")
    lines = data.count(b"\r\n")  # forms have them already: counting is cheaper than copying
    if data.count(b"\n") != lines or data.count(b"\r") != lines:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    head = f'Content-Type: {kind}; charset="utf-8"\r\nContent-Transfer-Encoding: '
    if content.isascii() and "\0" not in content and short_lines(data):
        return _Part(f"{head}7bit\r\n", [data])
    escapes = len(data) - len(data.translate(None, delete=_NOT_PRINTABLE))
    # An escape takes two octets more, Base64 a third of all.
    if 6 * escapes < len(data):
        body = binascii.b2a_qp(data)
        if b"\r\n" not in data:  # its soft line breaks follow the first line break it finds
            body = body.replace(b"\n", b"\r\n")
        return _Part(f"{head}quoted-printable\r\n", [body], bare=False)
    return _Part(f"{head}base64\r\n", base64_lines(data), bare=False)


_NOT_PRINTABLE = bytes(set(range(256)) - set(_PRINTABLE))


def short_lines(data: bytes) -> bool:
    """Whether no line is too long; looks once in about a thousand octets."""
    position, end = 0, len(data)
    while end - position > _LINE:
        # A line of 998 octets has its LF at 999.
        position = data.rfind(b"\n", position, position + _LINE + 2) + 1
        if not position:
            return False
    return True


def base64_lines(data: bytes) -> list[bytes]:
    """Base64 in lines of 76 columns with CRLF between them (RFC 2045 §6.8), in pieces.

    Buffers beyond the allocator's threshold for mapping memory would cost as much in page faults as the
    encoding itself.
    """
    pieces: list[bytes] = []
    for start in range(0, len(data), _CHUNK):
        encoded = binascii.b2a_base64(data[start : start + _CHUNK], newline=False)
        cut = len(encoded) - len(encoded) % _BLOCK.size
        lines: list[bytes] = [b""] if start else []  # the line break after the piece before
        for block in _BLOCK.iter_unpack(memoryview(encoded)[:cut]):
            lines += block
        lines += [encoded[i : i + _COLUMNS] for i in range(cut, len(encoded), _COLUMNS)]
        pieces.append(b"\r\n".join(lines))
    return pieces


def _file(item: Attachment, disposition: str, content_id: str) -> _Part:
    kind = item.content_type.strip()
    valid = _is_type(kind) if len(kind) <= _MAX_TYPE else None
    encoding, body, bare = "base64", b"", False
    main = valid[1].lower() if valid else ""
    if main == "message":
        # Encoding a message would hide its structure, which RFC 2046 §5.2.1 forbids.
        data = item.data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
        if data.isascii() and b"\0" not in data and short_lines(data):
            encoding, body, bare = "7bit", data, True
        else:
            valid = None
    if not valid or main == "multipart":  # which could not be encoded either (RFC 2045 §6.4)
        kind = _OCTETS
    name = params.filename(item.filename) if item.filename else ""
    head = (
        f"Content-Type: {kind}\r\nContent-Disposition: {disposition}{name}\r\n"
        f"Content-Transfer-Encoding: {encoding}\r\n"
    )
    if content_id:
        # As in a `cid:` link to the file's name (RFC 2392 §2), whose reader finds it by the same octets.
        head += f"Content-ID: <{quote(content_id, safe=_CID, errors='replace')[: _LINE - 20]}>\r\n"
    return _Part(head, [body] if bare else base64_lines(item.data), bare)


_CID = " !#$%&'*+-./:=?@^_`{|}~()[],;"


def _multipart(kind: str, parts: list[_Part], digest: str, more: str = "") -> _Part:
    """Parts behind a boundary that none of them holds.

    "=_" occurs in no encoded body (RFC 2045 §6.7), so only bodies sent as they are have to be looked at.
    """
    boundary, count = f"=_{kind[0]}{digest}", 0
    while _occurs(boundary.encode(), parts):
        count += 1
        boundary = f"=_{kind[0]}{count}.{digest}"
    mark = f"--{boundary}\r\n"
    pieces: list[bytes] = []
    for part in parts:
        pieces.append(f"{mark}{part.head}\r\n".encode())
        pieces += part.body
        mark = f"\r\n--{boundary}\r\n"
    pieces.append(f"\r\n--{boundary}--".encode())
    return _Part(f'Content-Type: multipart/{kind};\r\n boundary="{boundary}"{more}\r\n', pieces)


def _occurs(boundary: bytes, parts: list[_Part]) -> bool:
    return any(boundary in piece for part in parts if part.bare for piece in part.body)
