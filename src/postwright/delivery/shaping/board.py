"""What is held back for a while, as all processes know it."""

from collections.abc import Mapping
from typing import Any

import msgspec

from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db, Read, Write

from .. import store
from .policy import Policy, with_limits

MAX_SUSPENSIONS = 10_000
MAX_REASON = 500


class Suspension(msgspec.Struct, frozen=True):
    """One entry. An empty scope stands for all; `limits` empty: nothing goes at all. Times in microseconds."""

    id: int
    site: str
    source: str
    account_id: str
    limits: Mapping[str, Any]
    rule: str
    reason: str
    since: int
    until: int


class Board:
    """The suspensions that hold now. Kept in the store, read again every second."""

    def __init__(self, db: Db, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self.entries: list[Suspension] = []
        self._stops: dict[tuple[str, str, str], int] = {}
        self._limits: dict[tuple[str, str], list[Suspension]] = {}

    async def refresh(self) -> None:
        """Read them again. Raises StoreUnavailable."""
        self._set(await self._db.read(active, self._clock.now()))

    def _set(self, entries: list[Suspension]) -> None:
        if entries == self.entries:
            return
        self.entries = entries
        self._stops, self._limits = {}, {}
        for each in entries:
            if each.limits:
                self._limits.setdefault((each.site, each.source), []).append(each)
            else:
                scope = (each.site, each.source, each.account_id)
                self._stops[scope] = max(each.until, self._stops.get(scope, 0))

    async def suspend(
        self,
        *,
        site: str,
        source: str = "",
        account_id: str = "",
        limits: Mapping[str, Any] | None = None,
        rule: str,
        reason: str,
        seconds: float,
    ) -> None:
        """Hold back for so long, here at once and everywhere within a second."""
        now = self._clock.now()
        row = {
            "site": site,
            "source": source,
            "account_id": account_id,
            "limits": msgspec.json.encode(limits).decode() if limits else "",
            "rule": rule,
            "reason": reason[:MAX_REASON],
            "since": now,
            "until": now + int(seconds * SECOND),
        }
        self._set(await self._db.write(_put, now, row))

    def until(self, site: str, source: str = "", account_id: str = "") -> int:
        """Until when nothing goes from there to here (microseconds); 0: nothing stops it."""
        stops = self._stops
        if not stops:
            return 0
        now, latest = self._clock.now(), 0
        for a_site in (site, ""):
            for a_source in (source, "") if source else ("",):
                for an_account in (account_id, "") if account_id else ("",):
                    latest = max(latest, stops.get((a_site, a_source, an_account), 0))
        return latest if latest > now else 0

    def apply(self, policy: Policy, site: str, source: str) -> Policy:
        """`policy` with the limits that hold for a while."""
        if not self._limits:
            return policy
        now = self._clock.now()
        for scope in ((site, source), (site, ""), ("", source)):
            for each in self._limits.get(scope, ()):
                if each.until > now:
                    policy = with_limits(policy, each.limits)
        return policy


def active(tx: Read, now: int) -> list[Suspension]:
    """The suspensions that hold, oldest first."""
    return [
        Suspension(
            row.id,
            row.site,
            row.source,
            row.account_id,
            msgspec.json.decode(row.limits) if row.limits else {},
            row.rule,
            row.reason,
            row.since,
            row.until,
        )
        for row in store.active(tx, now, MAX_SUSPENSIONS)
    ]


def _put(tx: Write, now: int, row: dict[str, Any]) -> list[Suspension]:
    store.put(tx, row)
    store.forget(tx, now)
    return active(tx, now)
