"""A message as a page of its own, to be looked at in a frame that may do nothing.

The page is what somebody sent, with the pictures it brings along. It is safe only under `POLICY`: no script runs, no
form is sent, nothing is fetched from anywhere (a fetched picture tells its sender that it was seen), and its origin is
nobody's.
"""

import base64
import re
from html import escape

from .mime import Parsed

POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'self'"
)
MAX_PICTURES = 10_000_000  # octets put into the page

_CID = re.compile(r"cid:([^\"'\s)>]+)", re.I)
_PICTURE = re.compile(r"image/[a-z0-9.+-]+", re.I)


def page(parsed: Parsed) -> bytes:
    """The HTML of a message, or its text as HTML; the pictures that it refers to by Content-ID stand in it."""
    if "html" not in parsed.bodies:
        return (
            '<!doctype html><meta charset="utf-8"><pre style="white-space:pre-wrap;font:1rem/1.5 sans-serif">'
            f"{escape(parsed.body_plain)}</pre>"
        ).encode("utf-8", "replace")
    files = {file.content_id: file for file in parsed.attachments if file.content_id}
    room = MAX_PICTURES

    def picture(found: re.Match[str]) -> str:
        nonlocal room
        file = files.get(found[1])
        kind = _PICTURE.match(file.content_type) if file else None
        if file is None or kind is None or len(file.data) > room:
            return found[0]
        room -= len(file.data)
        return f"data:{kind[0]};base64,{base64.b64encode(file.data).decode()}"

    html = _CID.sub(picture, parsed.body_html)
    # The mark says that it is UTF-8, whatever the message's own elements claim.
    return ("\ufeff" + html).encode("utf-8", "replace")
