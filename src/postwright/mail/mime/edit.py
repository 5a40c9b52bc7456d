"""Changes to the header of a complete message that leave all other octets alone."""

from collections.abc import Callable, Collection, Iterable

from .. import headers as fields


def normalise_newlines(raw: bytes) -> bytes:
    """`raw` with every lone CR or LF made CRLF (RFC 5321 §2.3.8); the same object when there was none."""
    pairs = raw.count(b"\r\n")
    if raw.count(b"\n") == pairs and raw.count(b"\r") == pairs:
        return raw
    return raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")


def fit_to_relay(raw: bytes) -> bytes:
    """`raw` with line ends in pairs and without NUL; the same object when it is so already.

    Some servers drop NUL (RFC 5322 §4 has none in messages): to them CRLF NUL . CRLF would be a message's end.
    """
    return normalise_newlines(raw.replace(b"\0", b"") if b"\0" in raw else raw)


def parse_head(raw: bytes) -> list[tuple[str, str]]:
    """Names and values of the header fields of a message, in order: unfolded, encoded words not decoded."""
    return [(name, fields.text(body)) for name, body in fields.parse(raw)]


def insert_headers(raw: bytes, headers: Iterable[tuple[str, str]]) -> bytes:
    """`raw` with these fields above all others, in this order. Raises `HeaderError`."""
    return fields.encode_all(headers) + raw


def remove_headers(raw: bytes, names: Collection[str]) -> bytes:
    """`raw` without the fields of these names (lower case); the same object when it had none."""
    kept: list[bytes] = []
    end = 0
    for name, start, stop in fields.spans(raw):
        if name in names:
            kept.append(raw[end:start])
            end = stop
    if not end:
        return raw
    kept.append(raw[end:])
    return b"".join(kept)


def set_headers(raw: bytes, headers: Iterable[tuple[str, str]]) -> bytes:
    """`raw` with these fields in place of all others of their names. Raises `HeaderError`."""
    headers = list(headers)
    return insert_headers(remove_headers(raw, {name.lower() for name, _ in headers}), headers)


def map_headers(raw: bytes, change: Callable[[str], str]) -> bytes:
    """`raw` with each field's decoded text changed by `change`; fields that stay as they were keep their octets."""
    pieces: list[bytes] = []
    done = 0
    for _, start, end in fields.spans(raw):
        name, body = fields.parse(raw[start:end])[0]
        text = fields.decode(fields.text(body))
        changed = change(text)
        if changed != text:
            pieces += (raw[done:start], fields.encode(name, changed))
            done = end
    return b"".join([*pieces, raw[done:]]) if pieces else raw
