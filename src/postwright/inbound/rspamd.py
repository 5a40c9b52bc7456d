"""Spam scores from rspamd, over its HTTP protocol (`POST /checkv2`)."""

import logging
from collections.abc import Sequence
from typing import Any

import aiohttp
import msgspec

from postwright.arrivals import Spam

from .receive import Peer

log = logging.getLogger("postwright.inbound")

SECONDS = 10.0  # then the message is taken unscored (delivery-engineering.md section 9)
MAX_ANSWER = 1 << 20  # octets
MAX_RULES = 100
_FLAGGED = frozenset({"add header", "rewrite subject", "reject"})
_LATER = frozenset({"soft reject", "greylist"})


class Scan(msgspec.Struct, frozen=True):
    """What rspamd said. `later`: it wants the sender to come again."""

    spam: Spam
    later: bool = False


class Rspamd:
    """Asks one rspamd."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/") + "/checkv2"
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections to it."""
        if self._session is not None:
            await self._session.close()

    async def scan(self, peer: Peer, recipients: Sequence[str], hostname: str, raw: bytes) -> Scan | None:
        """The score of a message; None when rspamd does not give one in time."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS))
        headers = [
            ("IP", peer.address),
            ("Helo", _plain(peer.helo)),
            ("From", _plain(peer.sender)),
            *(("Rcpt", _plain(recipient)) for recipient in recipients),
            ("MTA-Name", _plain(hostname)),
            ("Content-Type", "application/octet-stream"),
        ]
        try:
            async with self._session.post(self._url, data=raw, headers=headers) as answer:
                if answer.status != 200:
                    raise ValueError(f"HTTP {answer.status}")
                return parse(await answer.content.read(MAX_ANSWER))
        except (aiohttp.ClientError, TimeoutError, ValueError) as wrong:
            log.warning(
                "rspamd gave no score; the message is taken unscored", extra={"reason": repr(wrong)[:200]}
            )
            return None


def parse(body: bytes) -> Scan:
    """What an answer says. Raises ValueError when it is none."""
    try:
        found: Any = msgspec.json.decode(body)
        action, score = str(found["action"]), float(found["score"])
        rules = sorted(map(str, found.get("symbols") or {}))[:MAX_RULES]
    except (msgspec.MsgspecError, KeyError, TypeError, AttributeError) as wrong:
        raise ValueError(f"not an answer of rspamd: {wrong!r}") from wrong
    if score != score or abs(score) > 1e6:
        raise ValueError("no score")
    return Scan(Spam(flagged=action in _FLAGGED, score=score, rules=rules), later=action in _LATER)


def _plain(text: str) -> str:
    """A header value: what is not ASCII is percent-encoded, as rspamd reads it."""
    return "".join(
        c if " " <= c <= "~" and c != "%" else "".join(f"%{b:02X}" for b in c.encode()) for c in text
    )
