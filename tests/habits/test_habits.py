"""When people read: learnt from events, forgotten, and turned into times."""

from datetime import UTC, datetime
from typing import Any

import pytest

from postwright import events, habits
from postwright.events import Event
from postwright.habits import Habit
from postwright.habits.projector import HabitProjection
from postwright.habits.zones import zone_of
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Db

ACCOUNT = "a" * 24


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


def habit(zone: str = "", **hours: int) -> Habit:
    """A habit with engagements at `mon09=3`."""
    days = {"mon": "01", "tue": "02", "wed": "03", "thu": "04", "sun": "07"}  # of January 2024
    counts = bytearray(168)
    for name, count in hours.items():
        hour = at(f"2024-01-{days[name[:3]]}T{name[3:]}:00") // (3600 * SECOND)
        counts[hour % 168] = count
    return Habit(zone, bytes(counts))


@pytest.mark.parametrize(
    ("known", "start", "hours", "due"),
    [
        (habit(mon09=1), "2027-03-01T06:30", 24, "2027-03-01T09:00"),  # a Monday
        (habit(mon09=1), "2027-03-02T09:30", 24, "2027-03-02T09:30"),  # in the hour that runs: at once
        (habit(mon09=1), "2027-03-02T10:30", 24, "2027-03-03T09:00"),
        (habit(mon09=3, tue20=4), "2027-03-01T10:00", 24, "2027-03-01T20:00"),
        # Monday's nine o'clock counts for other days too, and most for Monday.
        (habit(mon09=3, tue20=4), "2027-03-07T21:00", 72, "2027-03-09T20:00"),
        (habit(mon09=4, tue20=3), "2027-03-07T21:00", 72, "2027-03-08T09:00"),
        (habit(), "2027-03-01T06:30", 72, None),
    ],
)
def test_the_best_hour(known: Habit, start: str, hours: int, due: str | None) -> None:
    assert habits.best(known, at(start), hours) == (None if due is None else at(due))


def test_the_best_hour_is_always_within_the_period() -> None:
    for minute in range(0, 60 * 24 * 8, 37):
        start = at("2027-03-01T00:00") + minute * 60 * SECOND
        for known in (habit(mon09=1), habit(sun23=200, wed00=199)):
            for hours in (24, 31, 72):
                found = habits.best(known, start, hours)
                assert found is not None and start <= found <= start + hours * 3600 * SECOND


@pytest.mark.parametrize(
    ("zone", "start", "minute", "due"),
    [
        ("Europe/Berlin", "2027-01-15T06:00", 9 * 60, "2027-01-15T08:00"),
        ("Europe/Berlin", "2027-01-15T08:00:30", 9 * 60, "2027-01-15T08:00:30"),
        ("Europe/Berlin", "2027-01-15T09:00", 9 * 60, "2027-01-16T08:00"),
        ("Europe/Berlin", "2027-03-27T09:00", 9 * 60, "2027-03-28T07:00"),  # clocks were changed
        ("Asia/Kathmandu", "2027-01-15T00:00", 5 * 60 + 44, "2027-01-15T23:59"),
        ("Mars/Olympus", "2027-01-15T00:00", 0, None),
        ("", "2027-01-15T00:00", 0, None),
    ],
)
def test_the_recipient_s_own_time(zone: str, start: str, minute: int, due: str | None) -> None:
    assert habits.local(habit(zone), at(start), minute) == (None if due is None else at(due))


def test_zones_of_places() -> None:
    assert zone_of("America/Chicago", "US") == "America/Chicago"
    assert zone_of("Unknown", "DE") == "Europe/Berlin" and zone_of("Unknown", "IN") == "Asia/Kolkata"
    assert zone_of("Unknown", "US") == "" and zone_of("Unknown", "Unknown") == ""


def engagement(name: str, recipient: str, *, bot: str = "", **place: str) -> Event:
    data: dict[str, Any] = {
        "recipient": recipient,
        "client-info": {"bot": bot},
        "geolocation": {"city": "Unknown", "timezone": "Unknown", "country": "Unknown"} | place,
    }
    return Event(name=name, account_id=ACCOUNT, domain_id="d" * 24, recipient=recipient, data=data)


async def test_learning_and_forgetting(db: Db) -> None:
    now = at("2027-03-01T09:30")
    projection = HabitProjection()
    await projection.catch_up(db)
    told = [
        engagement("opened", "Ann@example.net", country="JP"),
        engagement("clicked", "ann@example.net"),
        engagement("opened", "bot@example.net", bot="gmail", country="JP"),
        engagement("delivered", "bob@example.net"),
    ]
    await db.write(events.append, now, told)
    assert await projection.catch_up(db) == 4
    names = ["ann@example.net", "bot@example.net", "bob@example.net"]
    known = await db.read(habits.of, ACCOUNT, names)
    # A click from nowhere does not make us forget the zone.
    assert list(known) == ["ann@example.net"] and known["ann@example.net"].zone == "Asia/Tokyo"
    assert sum(known["ann@example.net"].hours) == 2
    assert habits.best(known["ann@example.net"], at("2027-03-08T00:00"), 24) == at("2027-03-08T09:00")
    assert await db.read(habits.of, "b" * 24, names) == {}  # not for other accounts

    # Counters are bytes; what is new weighs more.
    for _ in range(300):
        await db.write(events.append, now, [engagement("opened", "ann@example.net")])
    while await projection.catch_up(db):
        pass
    assert 127 < max((await db.read(habits.of, ACCOUNT, names))["ann@example.net"].hours) <= 255

    kept = habits.KEEP_DAYS * 86400 * SECOND
    assert await db.write(habits.expire, now + kept) == 0
    assert await db.write(habits.expire, now + kept + 1) == 1
    assert await db.read(habits.of, ACCOUNT, names) == {}
