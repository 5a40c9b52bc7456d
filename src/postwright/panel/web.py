"""The built panel's files, under /panel/."""

import base64
import gzip
import mimetypes
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from litestar import Request

from postwright.kernel.http import PUBLIC, Controller, Raw, get

from .errors import NotBuilt

# Files of ours and calls to ourselves; frames for previews, which have a policy of their own.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_COMMON = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}
_PAGE = _COMMON | {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-cache",
}
# The build puts a digest of the content into each name.
_ASSET = _COMMON | {"cache-control": "public, max-age=31536000, immutable"}
# Shows the HTML that its parent gives it, once. Whatever that HTML is: it belongs to no origin, and no script but this
# one (known by its digest) runs. Pictures are loaded, so it is for what the account wrote itself.
_SCRIPT = (
    'addEventListener("message", (event) => { if (event.source === parent) '
    "{ document.open(); document.write(event.data); document.close(); } });"
)
_FRAME = (
    f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Preview</title><script>{_SCRIPT}</script></html>'
).encode()
_DIGEST = base64.b64encode(sha256(_SCRIPT.encode()).digest()).decode()
FRAME_POLICY = (
    f"sandbox allow-scripts; default-src 'none'; script-src 'sha256-{_DIGEST}'; style-src 'unsafe-inline'; "
    "img-src data: http: https:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
_BUILT = files("postwright.panel") / "built"
_PACKED = (".js", ".css", ".html", ".svg", ".json")


class Panel(Controller):
    """The pages people see."""

    @get("/panel", "/panel/{path:path}", id="panel.page", access=PUBLIC, errors=(NotBuilt,))
    async def page(self, request: Request[Any, Any, Any]) -> Raw:
        """Give the panel: every address of it is the same page, whose script shows the rest."""
        found = _file("index.html")
        if found is None:
            raise NotBuilt
        plain, packed, tag = found
        headers = _PAGE | {"etag": tag, "vary": "Accept-Encoding"}
        if request.headers.get("if-none-match") == tag:
            return Raw(b"", "text/html; charset=utf-8", status=304, headers=headers)
        return _sent(request, plain, packed, "text/html; charset=utf-8", headers)

    @get("/panel/assets/{name:str}", id="panel.asset", access=PUBLIC, errors=(NotBuilt,))
    async def asset(self, request: Request[Any, Any, Any], name: str) -> Raw:
        """Give a script, style or picture of the panel."""
        found = _file(f"assets/{name}") if name in _assets() else None
        if found is None:
            raise NotBuilt("The panel has no such file")
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        text = "; charset=utf-8" if kind.startswith("text/") else ""
        return _sent(request, found[0], found[1], kind + text, _ASSET | {"vary": "Accept-Encoding"})


class Frame(Controller):
    """An empty page without rights, for previews."""

    @get("/panel/frame", id="panel.frame", access=PUBLIC)
    async def frame(self) -> Raw:
        """Give the page in which the panel shows what a template makes."""
        headers = _COMMON | {"content-security-policy": FRAME_POLICY, "cache-control": "no-cache"}
        return Raw(_FRAME, "text/html; charset=utf-8", headers=headers)


def _sent(
    request: Request[Any, Any, Any], plain: bytes, packed: bytes | None, kind: str, headers: dict[str, str]
) -> Raw:
    if packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        return Raw(packed, kind, headers=headers | {"content-encoding": "gzip"})
    return Raw(plain, kind, headers=headers)


@cache
def _assets() -> frozenset[str]:
    """The names there are: nothing else is looked for on the disk."""
    folder = _BUILT / "assets"
    return frozenset(each.name for each in folder.iterdir()) if folder.is_dir() else frozenset()


@cache
def _file(name: str) -> tuple[bytes, bytes | None, str] | None:
    """A file of the build: plain, compressed where that helps, and its tag. None when there is none."""
    file = _BUILT.joinpath(name)
    if not file.is_file():
        return None
    plain = file.read_bytes()
    packed = gzip.compress(plain, 9, mtime=0) if name.endswith(_PACKED) else None
    return plain, packed, f'"{sha256(plain).hexdigest()[:32]}"'


CONTROLLERS = (Panel, Frame)
