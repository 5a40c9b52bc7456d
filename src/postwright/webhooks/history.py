"""The calls that were made: to look into, and to make again. They are kept for `calling.KEEP_SECONDS`."""

import hmac
from collections.abc import Sequence
from typing import Any

import msgspec

from postwright import domains
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Read, Write

from . import store
from .errors import CallNotFound
from .redaction import redact

STATES = ("queued", "sending", "done", "given up")
BATCH = 500  # calls begun anew in one transaction
MOST_REPLAYED = 100_000  # in one request; it says how far it came
MAX_AGE = 300  # seconds: an older signature may have been read by somebody and sent again


class Search(msgspec.Struct, frozen=True):
    """Which calls of an account: values of columns, and when they were first due (microseconds)."""

    account_id: str
    exact: dict[str, str | int]
    low: int | None = None
    high: int | None = None


def page(tx: Read, search: Search, *, before: int | None, after: int | None, limit: int) -> list[Any]:
    """Rows of calls, the newest first: below number `before`, or the first ones above `after`."""
    rows = store.calls_of(
        tx,
        search.account_id,
        search.exact,
        low=search.low,
        high=search.high,
        before=before,
        after=after,
        limit=limit,
    )
    return sorted(rows, key=lambda row: -row.id)


def one(tx: Read, account_id: str, number: int) -> tuple[Any, bytes | None]:
    """A call, and the event it tells of as its receiver gets it (None when that has expired). Raises CallNotFound."""
    row = store.call(tx, account_id, number)
    if row is None:
        raise CallNotFound
    event = store.event(tx, row.event_seq)
    if event is not None and row.domain_id and domains.redacts_webhooks(tx, row.domain_id):
        event = redact(event)
    return row, event


def retry(tx: Write, account_id: str, number: int, now: int) -> Any:
    """Make a call again, with all its attempts; its row. One that is being made right now is left alone.

    Raises CallNotFound.
    """
    one(tx, account_id, number)
    store.calls.restart(tx, [number], now)
    return store.call(tx, account_id, number)


def count(tx: Read, search: Search, most: int = MOST_REPLAYED) -> int:
    """How many calls there are, up to `most`."""
    return store.count_calls(tx, search.account_id, search.exact, search.low, search.high, most)


def replay(tx: Write, search: Search, after: int, now: int) -> tuple[int, int]:
    """Make the next calls above number `after` again: how many, and up to which number (0: that was all)."""
    rows = store.calls_of(
        tx, search.account_id, search.exact, low=search.low, high=search.high, after=after, limit=BATCH
    )
    numbers = [row.id for row in rows]
    begun = store.calls.restart(tx, numbers, now) if numbers else 0
    return begun, numbers[-1] if len(numbers) == BATCH else 0


def judge(keys: Sequence[str], timestamp: str, token: str, signature: str, now: int) -> str:
    """What is wrong with the signature of a call; "" when it holds for one of the signing keys."""
    if not timestamp.strip().isdecimal():
        return "The timestamp is no number of seconds: take it as it stands in the request."
    text = (timestamp.strip() + token.strip()).encode()
    made = [hmac.digest(key.encode(), text, "sha256").hex() for key in keys]
    if not any(hmac.compare_digest(each, signature.strip().lower()) for each in made):
        return "The signature was not made with the account's signing key, or one of the three values was changed."
    if abs(now // SECOND - int(timestamp.strip()[:15])) > MAX_AGE:
        return f"The signature holds, but is older than {MAX_AGE // 60} minutes: a receiver should refuse it."
    return ""
