"""Makes the calls that tell of received mail."""

import asyncio
import time
from typing import Any

import msgspec

from postwright import events, messages
from postwright.accounts import AccountNotFound, SigningKeys
from postwright.kernel import failpoints
from postwright.kernel.calling import Caller
from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db, Write
from postwright.kernel.outgoing import Outgoing, TargetRefused, TargetUnreachable
from postwright.kernel.secrets import Vault
from postwright.kernel.settings import Settings
from postwright.messages import Meta
from postwright.spool import Spool

from . import facts, form, store
from .form import Body
from .handlers import NOTIFY

INLINE = 64 * 1024  # octets; making the body of more takes long enough to be given to a thread
LARGE = 8  # bodies of large messages in memory at once
NO_ANSWER = 0


class Call(msgspec.Struct, frozen=True):
    """A leased call."""

    id: int
    account_id: str
    domain_id: str
    message: int
    recipient: str
    kind: str
    url: str
    attempts: int
    created_at: int
    token: str


class _Answer(msgspec.Struct, frozen=True):
    status: int  # NO_ANSWER: none came
    error: str
    seconds: float

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


class InboundCaller(Caller[Call]):
    """Makes due calls until told to stop."""

    def __init__(self, *, settings: Settings, db: Db, clock: Clock, vault: Vault, spool: Spool) -> None:
        super().__init__(settings, db, clock, store.calls, Call)
        self._schedule = settings.schedule("route_retry")
        self._keys = SigningKeys(db, vault)
        self._vault = vault
        self._spool = spool
        self._large = asyncio.Semaphore(LARGE)

    async def make(self, outgoing: Outgoing, call: Call) -> None:
        """POST once, and record it with its event."""
        meta = await self.db.read(messages.described, call.message)
        if meta is not None and meta.size > INLINE:
            async with self._large:
                answer = await self._attempt(outgoing, call)
        else:
            answer = await self._attempt(outgoing, call)
        failpoints.hit("inbound.posted")
        if meta is None or answer is None:
            await self.db.write(self._gone, call)
            return
        await self.db.write(self._record, call, meta, answer)

    async def _attempt(self, outgoing: Outgoing, call: Call) -> _Answer | None:
        """What came of one POST; None when there is nothing left to tell."""
        found = await messages.received(self.db, self._spool, self._vault, call.message)
        if found is None:
            return None
        meta, message = found
        started = time.monotonic()
        try:
            body = await self._body(call, meta, message)
            result = await outgoing.post(call.url, body.data, {"Content-Type": body.content_type})
        except AccountNotFound:
            return None
        except (TargetRefused, TargetUnreachable) as wrong:
            return _Answer(NO_ANSWER, str(wrong), time.monotonic() - started)
        return _Answer(result.status, f"HTTP {result.status}", time.monotonic() - started)

    async def _body(self, call: Call, meta: Meta, message: bytes) -> Body:
        """The body of a call, signed afresh."""
        parent = await self.db.read(store.parent, call.account_id)
        signature = await self._keys.signature(call.account_id, parent, self.clock.now())
        if len(message) > INLINE:
            return await asyncio.to_thread(_made, call, meta, message, signature)
        return _made(call, meta, message, signature)

    def _record(self, tx: Write, call: Call, meta: Meta, answer: _Answer) -> None:
        now = self.clock.now()
        number = call.attempts + 1
        status = _status(call, answer, number, now)
        if answer.ok:
            if (
                store.calls.end(tx, call.id, call.token, now, answer.status, "", done=True)
                and call.kind != NOTIFY
            ):
                status |= {"message": "OK"}
                self._tell(tx, now, call, meta, status, "delivered")
        elif answer.status == 406 or number > len(self._schedule):
            # 406: the receiver does not want it (behaviour.md 10.3).
            if store.calls.end(tx, call.id, call.token, now, answer.status, answer.error[:500], done=False):
                self._tell(tx, now, call, meta, status, "failed", "permanent")
        else:
            wait = self._schedule[number - 1]
            due = now + wait * SECOND
            if store.calls.again(tx, call.id, call.token, due, number, answer.status, answer.error[:500]):
                self._tell(tx, now, call, meta, status | {"retry-seconds": wait}, "failed", "temporary")

    def _tell(
        self,
        tx: Write,
        now: int,
        call: Call,
        meta: Meta,
        status: dict[str, Any],
        name: str,
        severity: str = "",
    ) -> None:
        events.append(tx, now, [facts.called(meta, call.recipient, call.url, status, name, severity)])

    def _gone(self, tx: Write, call: Call) -> None:
        store.calls.end(tx, call.id, call.token, self.clock.now(), 0, "the message is gone", done=False)


def _made(call: Call, meta: Meta, message: bytes, signature: dict[str, str]) -> Body:
    if call.kind == NOTIFY:
        return form.notification(meta, call.recipient, message, signature)
    return form.forwarded(meta, call.recipient, message, signature, as_mime=form.wants_mime(call.url))


def _status(call: Call, answer: _Answer, number: int, now: int) -> dict[str, Any]:
    """The `delivery-status` of a call: no connection to a mail server, so nothing about one."""
    status: dict[str, Any] = {
        "attempt-no": number,
        "code": answer.status,
        "message": answer.error,
        "description": None,
        "enhanced-code": "",
        "session-seconds": round(answer.seconds, 3),
    }
    if number == 1:
        status["first-delivery-attempt-seconds"] = round((now - call.created_at) / SECOND, 3)
    return status
