"""Warm-up: an address that nobody knows yet sends little at first, and more each day that ends well.

A plan is a list of limits, one a stage; a stage lasts a day and is repeated until its figures are good. Within a
day an hour has a tenth of the day's limit, and one mailbox provider two fifths of each (delivery-engineering.md 6).
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import msgspec

from postwright.kernel.clock import SECOND
from postwright.kernel.db import Read, Write

from .addresses import need_dedicated
from .errors import BadIp, WarmupNotFound
from .records import DYNAMIC, Figures, Granted
from .store import addresses, pools, reputations, warmups

HOUR, DAY = 3600 * SECOND, 86400 * SECOND
HOUR_PART = 10  # a day's limit is at least ten hours' work
PROVIDER_SHARE = 0.4
# Limits of days; those between rise evenly (delivery-engineering.md 6).
_POINTS = (
    (1, 200),
    (3, 500),
    (5, 1_000),
    (7, 2_000),
    (10, 5_000),
    (14, 12_000),
    (18, 30_000),
    (21, 60_000),
    (28, 200_000),
)
USED = 0.7  # of the limit: who sends less has shown less
BOUNCED, COMPLAINED, BLOCKED = 0.03, 0.001, 0.05
FEW = 2  # one complaint among a few hundred messages is no rate
IDLE = 30 * DAY  # reputations are forgotten
SLICE = 4  # one process takes at most a quarter of what is left
MOST = 50  # in one reservation


def limits(text: str = "") -> tuple[int, ...]:
    """The limits of a plan, one for each day; `text`: numbers with commas instead of ours."""
    if text:
        return tuple(int(part) for part in text.split(",") if part.strip())
    made = []
    for (day, low), (until, high) in pairwise(_POINTS):
        steps = until - day
        made += [round(low * (high / low) ** (step / steps)) for step in range(steps)]
    return (*made, _POINTS[-1][1])


def start(tx: Write, now: int, account_id: str, ip: str) -> None:
    """Begin to warm an address up. Raises IpNotFound, BadIp."""
    found = need_dedicated(tx, account_id, ip)
    pool = pools.any_pool(tx, found.pool_id) if found.pool_id else None
    if pool is not None and pool.kind != DYNAMIC:
        raise BadIp(f"IP {found.address} belongs to an IP pool and can't be warmed up")
    if pool is not None:
        others = {each for each in pools.ips_of(tx, [pool.id])[pool.id] if each != found.address}
        if warmups.warming(tx).issuperset(others):
            raise BadIp(f"IP {found.address} is the last one of {pool.name} that is not being warmed up")
    values = {
        "address": found.address,
        "account_id": account_id,
        "stage": 1,
        "plan_started_at": now,
        "updated_at": now,
        "stage_started_at": now,
        "day_started_at": now,
        "hour_started_at": now,
        "last_sent_at": now,
        "sent": 0,
        "sent_before": 0,
        "day_sent": 0,
        "hour_sent": 0,
        "history": "[]",
        "held": "",
    }
    if not warmups.insert_plan(tx, values):
        raise BadIp(f"IP {found.address} is being warmed up already")
    addresses.changed(tx)


def cancel(tx: Write, account_id: str, ip: str) -> None:
    """Take an address for warm. Raises IpNotFound, BadIp, WarmupNotFound."""
    found = need_dedicated(tx, account_id, ip)
    if not warmups.end_plan(tx, found.address):
        raise WarmupNotFound
    addresses.changed(tx)


class Ended(msgspec.Struct):
    """A stage that ended."""

    first_updated_at: int
    completed_at: int
    limit: int


class State(msgspec.Struct, kw_only=True):
    """A plan, as `ip_warmups` has it; the rules that move it on. Times in microseconds."""

    address: str
    account_id: str
    stage: int
    plan_started_at: int
    updated_at: int
    stage_started_at: int
    day_started_at: int
    hour_started_at: int
    last_sent_at: int
    sent: int
    sent_before: int
    day_sent: int
    hour_sent: int
    history: str
    held: str

    @property
    def ended(self) -> list[Ended]:
        """The stages that ended."""
        return msgspec.json.decode(self.history, type=list[Ended])

    def limit(self, plan: Sequence[int]) -> int:
        """The day's limit."""
        return plan[min(self.stage, len(plan)) - 1]

    def move(self, tx: Read, now: int, plan: Sequence[int]) -> bool:
        """Begin the hour, the day and the stage that it is time for. False: the plan is at its end."""
        while now >= self.day_started_at + DAY:
            end = self.day_started_at + DAY
            if now >= end + IDLE and self.last_sent_at < now - IDLE:
                self._go(max(1, self.stage // 2), "nothing was sent for 30 days", now)
                break
            figures = reputations.total(tx, f"ip:{self.address}", _hour(self.day_started_at), _hour(end))
            verdict, step = judge(figures, self.day_sent, self.limit(plan))
            if step > 0:
                done = Ended(self.stage_started_at, end, self.limit(plan))
                self.history = msgspec.json.encode([*self.ended, done]).decode()
            self._go(max(1, self.stage + step), verdict, end)
            if self.stage > len(plan):
                return False
        self.hour_sent = self.hour_sent if now < self.hour_started_at + HOUR else 0
        self.hour_started_at += (now - self.hour_started_at) // HOUR * HOUR
        return True

    def _go(self, stage: int, held: str, at: int) -> None:
        if stage != self.stage:
            self.stage_started_at, self.sent_before = at, self.sent
        self.stage, self.held = stage, held
        self.day_started_at = self.hour_started_at = self.updated_at = at
        self.day_sent = self.hour_sent = 0


def _hour(at: int) -> int:
    """The begin of the hour by the clock. An hour in which a day ends is the next day's, so that none is nobody's."""
    return at - at % HOUR


def judge(figures: Figures, sent: int, limit: int) -> tuple[str, int]:
    """What a day says: why it does not end its stage ("" when it does), and how many stages to go."""
    rates = (
        ("hard bounces", figures.bounced, figures.processed, BOUNCED),
        ("complaints", figures.complained, figures.processed, COMPLAINED),
        ("blocks", figures.blocked, figures.processed + figures.blocked, BLOCKED),
    )
    for name, count, of, most in rates:
        if count >= FEW and count > 2 * most * of:
            return f"{name}: {count} of {of}", -2
    for name, count, of, most in rates:
        if count >= FEW and count >= most * of:
            return f"{name}: {count} of {of}", 0
    if sent < USED * limit:
        return f"{sent} of {limit} messages were sent", 0
    return "", 1


def hourly(limit: int) -> int:
    """An hour's limit."""
    return max(1, -(-limit // HOUR_PART))


def _of_provider(limit: int) -> int:
    return max(1, int(limit * PROVIDER_SHARE))


def load(tx: Write, address: str) -> State | None:
    """A plan, locked until commit."""
    row = warmups.locked(tx, address)
    return None if row is None else State(**row._mapping)


def save(tx: Write, state: State, *, alive: bool) -> None:
    """Keep a plan, or end it."""
    if alive:
        warmups.set_plan(tx, state.address, msgspec.structs.asdict(state))
    else:
        warmups.end_plan(tx, state.address)
        addresses.changed(tx)


def reserve(tx: Write, now: int, address: str, provider: str, plan: Sequence[int]) -> Granted:
    """The right to send some messages from an address; what is not used is given back.

    Everybody takes from the same row, so that a day, an hour and a provider never get more than their caps.
    """
    state = load(tx, address)
    if state is None:
        return Granted(MOST, now + HOUR, 0, 0)  # it is warm by now
    alive = state.move(tx, now, plan)
    if not alive:
        save(tx, state, alive=False)
        return Granted(MOST, now + HOUR, 0, 0)
    limit = state.limit(plan)
    day_left, hour_left = limit - state.day_sent, hourly(limit) - state.hour_sent
    share = _share(tx, state, provider) if provider else None
    if share is not None:
        day_left = min(day_left, _of_provider(limit) - share["day_sent"])
        hour_left = min(hour_left, _of_provider(hourly(limit)) - share["hour_sent"])
    left = min(day_left, hour_left)
    count = min(MOST, max(1, left // SLICE)) if left > 0 else 0
    day_end = state.day_started_at + DAY
    until = min(state.hour_started_at + HOUR, day_end)
    state.day_sent += count
    state.hour_sent += count
    state.sent += count
    state.last_sent_at = now if count else state.last_sent_at
    save(tx, state, alive=True)
    if share is not None and count:
        share["day_sent"] += count
        share["hour_sent"] += count
        warmups.set_share(tx, share)
    return Granted(count, day_end if day_left <= 0 else until, state.day_started_at, state.hour_started_at)


def _share(tx: Read, state: State, provider: str) -> dict[str, Any]:
    row = warmups.share(tx, state.address, provider)
    same_day = row is not None and row.day_started_at == state.day_started_at
    same_hour = row is not None and row.hour_started_at == state.hour_started_at
    return {
        "address": state.address,
        "provider": provider,
        "day_started_at": state.day_started_at,
        "hour_started_at": state.hour_started_at,
        "day_sent": row.day_sent if same_day else 0,
        "hour_sent": row.hour_sent if same_hour else 0,
    }


def give_back(tx: Write, address: str, provider: str, granted: Granted) -> None:
    """Return `granted.count` rights that were not used; those of an hour that is over are lost."""
    state = load(tx, address)
    if state is None or state.day_started_at != granted.day:
        return
    count = min(granted.count, state.day_sent)
    state.day_sent -= count
    state.sent -= count
    same_hour = state.hour_started_at == granted.hour
    if same_hour:
        state.hour_sent = max(0, state.hour_sent - count)
    save(tx, state, alive=True)
    row = warmups.share(tx, address, provider) if provider else None
    if row is not None and row.day_started_at == granted.day:
        values = dict(row._mapping) | {"day_sent": max(0, row.day_sent - count)}
        if row.hour_started_at == granted.hour:
            values["hour_sent"] = max(0, row.hour_sent - count)
        warmups.set_share(tx, values)


def advance(tx: Write, now: int, plan: Sequence[int], limit: int = 100) -> int:
    """Judge the days that are over; how many plans were looked at."""
    due = warmups.started_before(tx, now - DAY, limit)
    for address in due:
        state = load(tx, address)
        if state is not None:
            save(tx, state, alive=state.move(tx, now, plan))
    return len(due)
