"""The door of authorities: an ASGI layer that answers their questions (RFC 8555 §8.3), on any host."""

import re
from typing import Any

from postwright.kernel.db import Db, StoreUnavailable

from . import store

_PREFIX = "/.well-known/acme-challenge/"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,200}")


class ChallengeDoor:
    """Answers questions about tokens, and hands everything else on."""

    def __init__(self, app: Any, db: Db) -> None:
        self._app = app
        self._db = db

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not scope["path"].startswith(_PREFIX):
            await self._app(scope, receive, send)
            return
        token = scope["path"].removeprefix(_PREFIX)
        status, body = 404, b"There is no such token.\n"
        if scope["method"] in ("GET", "HEAD") and _TOKEN.fullmatch(token):
            try:
                found = await self._db.read(store.answer, token)
            except StoreUnavailable:
                status, body = 503, b"Please try again in a moment.\n"
            else:
                if found is not None:
                    status, body = 200, found.encode()
        headers = [
            (b"content-type", b"application/octet-stream" if status == 200 else b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(body)),
            (b"x-content-type-options", b"nosniff"),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})
