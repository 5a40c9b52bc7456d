"""Copies that are due when their recipients read."""

from datetime import UTC, datetime

import msgspec

from postwright import events, queue
from postwright.habits.projector import HabitProjection
from postwright.kernel.clock import SECOND
from tests.habits.test_habits import engagement
from tests.world import World


async def learn(api: World, recipient: str, hour: int, **place: str) -> None:
    """Somebody read at `hour` (UTC)."""
    projection = HabitProjection()
    await projection.catch_up(api.db)
    event = engagement("opened", recipient, **place)
    event.account_id = api.one.account_id
    day = datetime.fromtimestamp(api.clock.now() / SECOND, UTC)
    at = int(day.replace(hour=hour, minute=15, second=0).timestamp()) * SECOND
    # The log never goes backwards, and nor does the day here.
    api.clock.advance(max(0, (at - api.clock.now()) / SECOND))
    await api.db.write(events.append, api.clock.now(), [event])
    assert await projection.catch_up(api.db) == 1


async def due(api: World) -> dict[str, int]:
    """Seconds from now at which recipients are due; their times to live are as long."""
    rows = await api.db.read(queue.browse, queue.Where(), 0, 100)
    now = api.clock.now()
    assert all(row.give_up_at - row.due_at == 8 * 3600 * SECOND for row in rows)
    return {row.recipient: (row.due_at - now) // SECOND for row in rows}


async def send(api: World, **fields: str) -> None:
    given = {"from": "a@one.example.com", "to": "ann@example.net, Bob@example.net", "text": "x"}
    given |= {name.replace("__", ":").replace("_", "-"): value for name, value in fields.items()}
    await api.ok("POST", "/v3/{d}/messages", data=given)


async def test_send_time_optimisation(api: World) -> None:
    api.clock.advance(86400 - api.clock.now() // SECOND % 86400)  # midnight
    await learn(api, "bob@example.net", 20)
    api.clock.advance(86400 - api.clock.now() // SECOND % 86400)
    await send(api, o__deliverytime_optimize_period="24h")
    times = await due(api)
    assert times == {"ann@example.net": 0, "Bob@example.net": 20 * 3600}
    told = [msgspec.json.decode(e.data) for e in await api.db.read(events.read, 0, 100)]
    accepted = {e["recipient"]: e for e in told if e["event"] == "accepted"}
    now = api.clock.now() // SECOND
    assert accepted["ann@example.net"]["message"]["scheduled-for"] == now
    assert accepted["Bob@example.net"]["message"]["scheduled-for"] == now + 20 * 3600
    assert accepted["Bob@example.net"]["i-delivery-optimizer"] == "sto"


async def test_the_recipient_s_own_time(api: World) -> None:
    api.clock.advance(86400 - api.clock.now() // SECOND % 86400)
    await learn(api, "bob@example.net", 1, timezone="Asia/Tokyo")  # nine hours ahead of UTC
    api.clock.advance(3600 - api.clock.now() // SECOND % 3600)  # two o'clock
    await send(api, o__time_zone_localize="02:30pm")
    assert await due(api) == {"ann@example.net": 0, "Bob@example.net": 3.5 * 3600}


async def test_a_scheduled_message_is_optimised_from_its_time_on(api: World) -> None:
    api.clock.advance(86400 - api.clock.now() // SECOND % 86400)
    await learn(api, "bob@example.net", 20, timezone="Asia/Tokyo")
    api.clock.advance(86400 - api.clock.now() // SECOND % 86400)
    later = str(api.clock.now() // SECOND + 2 * 86400 + 3600)
    await send(api, o__deliverytime=later, o__time_zone_localize="14:30")
    assert await due(api) == {
        "ann@example.net": 2 * 86400 + 3600,
        "Bob@example.net": 2 * 86400 + 5.5 * 3600,
    }


async def test_how_far_ahead(api: World) -> None:
    now = api.clock.now() // SECOND
    sent = {"from": "a@one.example.com", "to": "ann@example.net", "text": "x"}
    for ahead, ttl, status in (
        (7 * 86400 - 60, "0", 200),
        (7 * 86400 + 60, "0", 400),
        (2 * 86400 - 60, str(2 * 86400), 200),
        (2 * 86400 + 60, str(2 * 86400), 400),
        (20 * 86400, str(21 * 86400), 200),
    ):
        await api.ok("PUT", "/v3/domains/{d}", data={"message_ttl": ttl})
        answer = await api.call("POST", "/v3/{d}/messages", data=sent | {"o:deliverytime": str(now + ahead)})
        assert answer.status_code == status, (ahead, ttl, answer.text)
    assert answer.json()["message"] == "Queued. Thank you."
