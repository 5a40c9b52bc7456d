"""Recipients that do something with what they took: the effects come through the doors they come through in life.

Complaints and late bounces come by mail to our MX, opens, clicks and unsubscriptions as requests to our HTTP listener.
"""

import asyncio
import html
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db, StoreUnavailable
from postwright.kernel.ids import hex_id
from postwright.mail import arf, dsn
from postwright.mail.headers import format_date
from postwright.mail.mime import Parsed, parse
from postwright.mail.smtp import ConnectError, Disconnected, SmtpClient, SmtpError

from . import store

log = logging.getLogger("postwright.capture")

POLL_SECONDS = 0.1
BATCH = 20
LEASE_SECONDS = 60
AGAIN_SECONDS = 5  # after a failure
MAX_ATTEMPTS = 5
# What a person's program says: a hit of a robot counts as none.
_BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
_LINK = re.compile(r"https?://[^\s\"'<>]+?/([cou])/[A-Za-z0-9_-]+")
_FAILURES = (ConnectError, Disconnected, SmtpError, aiohttp.ClientError, OSError, TimeoutError)

Address = tuple[str, int]


class Cannot(Exception):
    """The message has nothing to do this with; the text says what is missing."""


class Actor:
    """Does what is due. Any number may run."""

    def __init__(
        self, *, db: Db, clock: Clock, hostname: str, mx: Address | None, http: Address | None
    ) -> None:
        self._db = db
        self._clock = clock
        self._hostname = hostname
        self._mx = mx
        self._http = http
        self._does: dict[str, Callable[[Any, Parsed], Awaitable[None]]] = {
            "complain": self._complain,
            "report": self._report,
            "open": lambda row, parsed: self._visit("o", row, parsed),
            "click": lambda row, parsed: self._visit("c", row, parsed),
            "unsubscribe": lambda row, parsed: self._visit("u", row, parsed),
        }

    async def run(self, stop: asyncio.Event) -> None:
        """Act until `stop`."""
        while not stop.is_set():
            try:
                busy = await self.step()
            except StoreUnavailable:
                busy = 0
            except Exception:
                log.exception("what captured recipients do failed; trying again")
                busy = 0
            if not busy:
                await asyncio.sleep(POLL_SECONDS)

    async def step(self) -> int:
        """Do what is due now; how much that was."""
        now = self._clock.now()
        if not await self._db.read(store.any_act, now):
            return 0
        due = await self._db.write(store.claim_acts, now, now + LEASE_SECONDS * SECOND, BATCH)
        for act in due:
            await self._act(act)
        return len(due)

    async def _act(self, act: Any) -> None:
        row = await self._db.read(store.one, act.account_id, act.captured)
        if row is not None:  # else it was deleted before its recipient looked at it
            try:
                async with asyncio.timeout(LEASE_SECONDS / 2):
                    await self._does[act.do](Done(row, act), await asyncio.to_thread(parse, row.raw))
            except Cannot as no:
                log.warning("a recipient cannot %s: %s", act.do, no, extra={"recipient": row.recipient})
            except _FAILURES as failure:
                if act.attempts + 1 < MAX_ATTEMPTS:
                    again = self._clock.now() + AGAIN_SECONDS * SECOND
                    await self._db.write(store.postpone_act, act.id, again)
                    return
                log.error("a recipient cannot %s: %s", act.do, failure, extra={"recipient": row.recipient})
        await self._db.write(store.finish_act, act.id)

    # -- by mail

    async def _complain(self, did: "Done", parsed: Parsed) -> None:
        host = did.row.sender.rpartition("@")[2]
        report = arf.generate(
            reporter=f"feedback@{did.host}",
            to=f"abuse@{host}",
            mail_from=did.row.sender,
            recipient=did.row.recipient,
            returned=did.row.raw,
            message_id=f"{hex_id()}@{did.host}",
            date=format_date(self._clock.now() // SECOND),
        )
        await self._mail(did, f"abuse@{host}", report)

    async def _report(self, did: "Done", parsed: Parsed) -> None:
        failed = dsn.Recipient(
            action="failed",
            status=did.act.enhanced,
            final=did.row.recipient,
            diagnostic=f"550 {did.act.enhanced} The message was accepted and could not be delivered",
        )
        report = dsn.generate(
            reporting_mta=did.host,
            sender=did.row.sender,
            recipients=[failed],
            returned=did.row.raw,
            message_id=f"{hex_id()}@{did.host}",
            date=format_date(self._clock.now() // SECOND),
        )
        await self._mail(did, did.row.sender, report)

    async def _mail(self, did: "Done", to: str, raw: bytes) -> None:
        if self._mx is None:
            raise Cannot("this server has no MX listener (POSTWRIGHT_MX)")
        client = await SmtpClient.connect(*self._mx)
        try:
            await client.ehlo(did.host)
            result = await client.send("", [to], raw)
            if not result.recipients[0].ok:
                raise Cannot(f"our MX refused: {result.recipients[0].text}")
        finally:
            await client.quit()

    # -- over HTTP

    async def _visit(self, kind: str, did: "Done", parsed: Parsed) -> None:
        if self._http is None:
            raise Cannot("this server has no HTTP listener (POSTWRIGHT_HTTP)")
        url = urlsplit(_link(kind, did.row.raw, parsed))
        host, port = self._http
        ours = f"http://{host}:{port}{url.path}"
        headers = {"Host": url.netloc, "User-Agent": _BROWSER}
        async with aiohttp.ClientSession(headers=headers) as client:
            if kind == "u":  # RFC 8058 §3.1
                call = client.post(ours, data={"List-Unsubscribe": "One-Click"})
            else:
                call = client.get(ours, allow_redirects=False)
            async with call as answer:
                if answer.status >= 400:
                    raise Cannot(f"{answer.status} from {url.path[:3]}")


class Done:
    """A message and what is done with it."""

    def __init__(self, row: Any, act: Any) -> None:
        self.row, self.act = row, act
        self.host = row.recipient.rpartition("@")[2]


def _link(kind: str, raw: bytes, parsed: Parsed) -> str:
    """The first link or pixel of a kind in a message. Raises Cannot."""
    head = " ".join(value for name, value in parsed.headers if name.lower() == "list-unsubscribe")
    texts = (html.unescape(parsed.bodies.get("html", "")), parsed.bodies.get("plain", ""), head)
    for text in texts:
        found = next((each for each in _LINK.finditer(text) if each[1] == kind), None)
        if found:
            return found[0]
    what = {"o": "no pixel", "c": "no tracked link", "u": "no unsubscribe link"}[kind]
    raise Cannot(f"the message has {what}; is tracking on for the domain and the message?")
