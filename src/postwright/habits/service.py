"""Learning when people read, and choosing a time for them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from postwright.kernel.clock import SECOND
from postwright.kernel.db import Read, Write

from . import store
from .zones import is_zone

WEEK = 168  # hours
HOUR = 3600 * SECOND
KEEP_DAYS = 180
FULL = 255  # of a counter; then all are halved, so that what is new weighs more than what was
CHUNK = 500


class Habit(msgspec.Struct, frozen=True):
    """What is known of a recipient. `hours` counts opens and clicks in each hour of the week (UTC)."""

    zone: str  # IANA name; "": not known
    hours: bytes


def note(tx: Write, account_id: str, recipient: str, at: int, zone: str) -> None:
    """Somebody opened or clicked at `at`; `zone` is where, if that is known."""
    known, counts = store.one(tx, account_id, recipient) or ("", bytes(WEEK))
    hours = bytearray(counts)
    hour = at // HOUR % WEEK
    if hours[hour] == FULL:
        hours = bytearray(count // 2 for count in hours)
    hours[hour] += 1
    store.put(tx, account_id, recipient, zone or known, bytes(hours), at)


def of(tx: Read, account_id: str, recipients: Sequence[str]) -> dict[str, Habit]:
    """What is known of those recipients (in lower case), by their addresses."""
    found = {}
    for start in range(0, len(recipients), CHUNK):
        for name, zone, hours in store.some(tx, account_id, recipients[start : start + CHUNK]):
            found[name] = Habit(zone, hours)
    return found


def best(habit: Habit, start: int, hours: int) -> int | None:
    """The best time to send within `hours` from `start` on (microseconds); None when nothing is known.

    An hour is as good as the number of opens and clicks in it on all days, and those of the same day of the week
    once more. Of equally good hours the first is taken; in the hour that runs, that is `start` itself.
    """
    counts = habit.hours
    if not any(counts):
        return None
    daily = [sum(counts[hour::24]) for hour in range(24)]
    first = start // HOUR
    # The first hour comes again at the end, from its beginning: the period covers each moment of its hours once.
    chosen = max(range(hours), key=lambda n: (daily[(first + n) % 24] + counts[(first + n) % WEEK], -n))
    return start if chosen == 0 else (first + chosen) * HOUR


def local(habit: Habit, start: int, minute: int) -> int | None:
    """When it is `minute` of the day where the recipient is, next from `start` on; None when the zone is not known."""
    if not habit.zone or not is_zone(habit.zone):
        return None
    zone = ZoneInfo(habit.zone)
    now = datetime.fromtimestamp(start // SECOND, zone)
    wanted = now.replace(hour=minute // 60, minute=minute % 60, second=0)
    if wanted.timestamp() + 60 <= now.timestamp():  # the minute that runs is the one that is meant
        wanted += timedelta(days=1)  # a day of the calendar: 23 or 25 hours where clocks are changed
    return max(start, int(wanted.timestamp()) * SECOND)


def expire(tx: Write, now: int, limit: int = 1000) -> int:
    """Forget some of those who were not seen for long; how many."""
    return store.delete_before(tx, now - KEEP_DAYS * 86400 * SECOND, limit)
