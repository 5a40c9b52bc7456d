"""Makes the calls: signed afresh for each attempt, retried on schedule."""

import time

import msgspec

from postwright import domains
from postwright.accounts import AccountNotFound, SigningKeys
from postwright.kernel import failpoints
from postwright.kernel.calling import Caller
from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db, Read, Write
from postwright.kernel.metrics import Counter, Histogram
from postwright.kernel.outgoing import Outgoing, TargetRefused, TargetUnreachable
from postwright.kernel.secrets import Vault
from postwright.kernel.settings import Settings

from . import store
from .redaction import redact

_SECONDS = Histogram("webhook_seconds", "How long calls of webhooks took.").labels()
_CALLS = Counter("webhook_calls_total", "Calls of webhooks.", ("result",))
MAX_RESPONSE = 2000  # octets of an answer that are kept, for people who look for what went wrong
_GONE = -1  # status of a call that nobody wants any more


class Call(msgspec.Struct, frozen=True):
    """A leased call."""

    id: int
    account_id: str
    domain_id: str
    event_seq: int
    event_type: str
    url: str
    attempts: int
    token: str


class WebhookSender(Caller[Call]):
    """Makes due calls until told to stop."""

    def __init__(self, *, settings: Settings, db: Db, clock: Clock, vault: Vault) -> None:
        super().__init__(settings, db, clock, store.calls, Call)
        self._schedule = settings.schedule("webhook_retry")
        self._keys = SigningKeys(db, vault)

    async def make(self, outgoing: Outgoing, call: Call) -> None:
        """POST once, and record it."""
        began = time.monotonic()
        status, error, response = await self._attempt(outgoing, call)
        _SECONDS.observe(time.monotonic() - began)
        _CALLS.labels("ok" if 200 <= status < 300 else "gone" if status == _GONE else "failed").inc()
        failpoints.hit("webhook.posted")
        await self.db.write(self._record, call, status, error, response)

    async def _attempt(self, outgoing: Outgoing, call: Call) -> tuple[int, str, str]:
        """POST once: the status (0 without an answer), what went wrong, and how the answer begins."""
        data, parent = await self.db.read(_load, call)
        if data is None:
            return _GONE, "no longer wanted", ""
        try:
            body = await self.body(call.account_id, parent, data)
            result = await outgoing.post(call.url, body, {"Content-Type": "application/json"})
        except AccountNotFound:
            return _GONE, "the account is gone", ""
        except (TargetRefused, TargetUnreachable) as wrong:
            return 0, str(wrong), ""
        error = "" if 200 <= result.status < 300 else f"HTTP {result.status}"
        return result.status, error, beginning(result.body)

    async def body(self, account_id: str, parent: str | None, event: bytes) -> bytes:
        """The body of a call: the event as it was recorded, and a fresh signature (behaviour.md 9.2)."""
        signature = await self._keys.signature(account_id, parent, self.clock.now())
        return msgspec.json.encode({"signature": signature, "event-data": msgspec.Raw(event)})

    def _record(self, tx: Write, call: Call, status: int, error: str, response: str) -> None:
        now = self.clock.now()
        number = call.attempts + 1
        if 200 <= status < 300 or status == _GONE:
            store.calls.end(tx, call.id, call.token, now, max(status, 0), error, done=True, response=response)
        elif status == 406 or number > len(self._schedule):
            # 406: the receiver asks us to stop (behaviour.md 9.2).
            store.calls.end(tx, call.id, call.token, now, status, error[:500], done=False, response=response)
        else:
            due = now + self._schedule[number - 1] * SECOND
            store.calls.again(tx, call.id, call.token, due, number, status, error[:500], response=response)


def beginning(body: bytes) -> str:
    """What is kept of an answer."""
    return (
        body[:MAX_RESPONSE].decode("utf-8", "replace").replace("\0", "\ufffd")
    )  # PostgreSQL has no NUL in text


def _load(tx: Read, call: Call) -> tuple[bytes | None, str | None]:
    """The event of a call, if it is still wanted, and the account's parent."""
    parent = store.parents(tx, [call.account_id]).get(call.account_id)
    levels = [call.account_id, *([parent] if parent else [])]
    if not store.is_wanted(tx, levels, call.domain_id, call.event_type, call.url):
        return None, parent
    data = store.event(tx, call.event_seq)
    if data is not None and call.domain_id and domains.redacts_webhooks(tx, call.domain_id):
        data = redact(data)
    return data, parent


def release_all(tx: Write, now: int) -> int:
    """Return every leased call, because nobody who could hold one is alive; how many."""
    return store.calls.release_all(tx, now)
