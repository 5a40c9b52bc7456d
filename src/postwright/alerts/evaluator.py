"""Judges thresholds on schedule."""

import logging
from decimal import Decimal
from typing import Final

import msgspec

from postwright.analytics import (
    RATES,
    BadQuery,
    Behind,
    Busy,
    Ledger,
    Predicate,
    Question,
    TooLong,
    counts,
)
from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db, Read, Write
from postwright.kernel.ids import hex_id

from . import service
from .periods import silence, start
from .records import NOTHING_COUNTS, Hit, Threshold
from .store import settings, thresholds

log = logging.getLogger("postwright.alerts")

INTERVAL_SECONDS: Final = 60
BATCH: Final = 100
MAX_HITS: Final = 200  # of one threshold at a time: more values would be as many messages
KEEP_SECONDS: Final = 90 * 86400  # hits that are over
_COMPARE: Final = {
    "=": Decimal.__eq__,
    "!=": Decimal.__ne__,
    "<": Decimal.__lt__,
    "<=": Decimal.__le__,
    ">": Decimal.__gt__,
    ">=": Decimal.__ge__,
}


class Evaluator:
    """Looks at each threshold once in `INTERVAL_SECONDS`, whichever process comes first."""

    def __init__(self, db: Db, clock: Clock, ledger: Ledger) -> None:
        self._db = db
        self._clock = clock
        self._ledger = ledger

    async def run_once(self) -> int:
        """Judge all that is due; how many thresholds that were."""
        done = 0
        while True:
            now = self._clock.now()
            due = await self._db.read(thresholds.due, now - INTERVAL_SECONDS * SECOND + 1, BATCH)
            for alert in due:
                done += await self._judge(alert)
            if len(due) < BATCH:
                break
        await self._db.write(thresholds.expire_hits, self._clock.now() - KEEP_SECONDS * SECOND, 1000)
        return done

    async def _judge(self, alert: Threshold) -> bool:
        now = self._clock.now()
        if not await self._db.write(thresholds.claim, alert, now):
            return False
        try:
            found = await self._values(alert, now)
        except (BadQuery, Behind, Busy, TooLong) as wrong:
            # The figures are not to be had now: neither that it holds nor that it is over is known.
            log.warning("a threshold was not judged", extra={"alert": alert.id, "reason": str(wrong)})
            return False
        await self._db.write(record, alert, now, found)
        return True

    async def _values(self, alert: Threshold, now: int) -> dict[str, Decimal]:
        """The rate or number of each value of the dimension that has one."""
        accounts = await self._db.read(_accounts, alert)
        # An account that did nothing has a number too; a rate it has not.
        none = dict.fromkeys(accounts, Decimal(0)) if alert.dimension == "subaccount" else {}
        if alert.metric in NOTHING_COUNTS:
            return none
        metrics = RATES.get(alert.metric, (alert.metric,))
        question = Question(
            accounts=accounts,
            low=start(alert.period, now) or now - 3600 * SECOND,
            high=now + SECOND,
            metrics=metrics,
            dimensions=(alert.dimension,),
            predicates=tuple(
                Predicate(each.dimension, each.comparator, tuple(each.values)) for each in alert.filters
            ),
        )
        figures = await counts(self._ledger, question)
        if alert.metric not in RATES:
            counted = {str(group.values[0]): Decimal(group.metrics[alert.metric]) for group in figures.groups}
            return counted if alert.filters else none | counted
        part, whole = RATES[alert.metric]
        found: dict[str, Decimal] = {}
        for group in figures.groups:
            some, all_ = int(group.metrics[part]), int(group.metrics[whole])
            if all_:
                found[str(group.values[0])] = Decimal(some) / Decimal(all_)
            elif some:
                found[str(group.values[0])] = Decimal(1)  # nothing ended yet, and all of it fails
        return found


def _accounts(tx: Read, alert: Threshold) -> tuple[str, ...]:
    across = alert.dimension == "subaccount" or any(each.dimension == "subaccount" for each in alert.filters)
    children = settings.children(tx, alert.account_id) if across else []
    return (alert.account_id, *children)


def record(tx: Write, alert: Threshold, now: int, found: dict[str, Decimal]) -> None:
    """Write which values pass the threshold, and tell of those that did not do so just now."""
    if not thresholds.is_current(tx, alert, now):
        return  # changed or deleted while we counted
    limit, compare = Decimal(alert.limit), _COMPARE[alert.comparator]
    passing = sorted(value for value, rate in found.items() if compare(rate, limit))[:MAX_HITS]
    known = {hit.dimension_value: hit for hit in thresholds.fresh_hits(tx, alert.id, now)}
    for value in passing:
        latest = _text(alert, found[value])
        if value in known:
            changes = {"triggered": True, "updated_at": now, "expires_at": 0, "latest_value": latest}
            thresholds.set_hit(tx, known[value].id, changes)
            continue
        hit = Hit(
            id=hex_id(),
            dimension_value=value,
            triggered=True,
            created_at=now,
            updated_at=now,
            expires_at=0,
            latest_value=latest,
        )
        thresholds.add_hit(tx, alert.id, hit)
        facts = _facts(alert, value, latest)
        service.announce(tx, now, alert.account_id, alert.kind, facts, channels=alert.channels, to_owner=True)
    ends = silence(alert.period, now)
    for value, hit in known.items():
        if hit.triggered and value not in passing:
            over: dict[str, object] = {"triggered": False, "updated_at": now, "expires_at": ends}
            if value in found:
                over["latest_value"] = _text(alert, found[value])
            thresholds.set_hit(tx, hit.id, over)


def _text(alert: Threshold, value: Decimal) -> str:
    return f"{value:.4f}" if alert.metric in RATES else f"{value:.0f}"


def _facts(alert: Threshold, value: str, latest: str) -> dict[str, object]:
    shown = value or "(none)"
    return {
        "message": (
            f"{alert.name}: {alert.metric} of {alert.dimension} {shown} is {latest} "
            f"({alert.comparator} {alert.limit} within {alert.period})"
        ),
        "name": alert.name,
        "description": alert.description,
        "metric": alert.metric,
        "comparator": alert.comparator,
        "limit": alert.limit,
        "period": alert.period,
        "dimension": alert.dimension,
        "dimension_value": value,
        "latest_value": latest,
        "filters": [msgspec.structs.asdict(each) for each in alert.filters],
    }
