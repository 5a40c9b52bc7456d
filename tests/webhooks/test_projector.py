"""Each event becomes one call for each URL that wants to know of it."""

import pytest
from sqlalchemy import select

from postwright import events
from postwright.events.tables import cursors
from postwright.kernel.db import Read, Write
from postwright.kernel.ids import hex_id
from postwright.webhooks import forget_domain, service
from postwright.webhooks.service import Level

from .conftest import World


async def urls(world: World) -> list[str]:
    await world.project()
    return sorted(call.url for call in await world.calls())


async def test_each_type_tells_its_own(world: World, domain: Level) -> None:
    for kind in ("accepted", "delivered", "opened", "clicked", "unsubscribed", "complained"):
        await world.hook(domain, f"http://hooks.test/{kind}", kind)
    await world.hook(domain, "http://hooks.test/permanent_fail", "permanent_fail")
    await world.hook(domain, "http://hooks.test/temporary_fail", "temporary_fail")
    for name in ("accepted", "delivered", "opened", "clicked", "unsubscribed", "complained"):
        await world.event(domain, name)
    await world.event(domain, "failed", "permanent")
    await world.event(domain, "failed", "temporary")
    for silent in ("stored", "rejected"):
        await world.event(domain, silent)
    assert await world.project() == 10
    calls = await world.calls()
    assert [call.url.rpartition("/")[2] for call in calls] == [call.event_type for call in calls]
    assert len(calls) == 8 and len({call.event_seq for call in calls}) == 8


async def test_levels(world: World, domain: Level) -> None:
    account = Level(domain.account_id)
    other_domain = Level(domain.account_id, hex_id())
    stranger = Level(await world.account(), hex_id())
    await world.hook(account, "http://a.test/both")
    await world.hook(domain, "http://a.test/both")  # named twice, told once
    await world.hook(domain, "http://a.test/domain")
    await world.hook(other_domain, "http://a.test/other")
    await world.hook(stranger, "http://a.test/stranger")
    await world.hook(Level(stranger.account_id), "http://a.test/strangers")
    await world.event(domain)
    assert await urls(world) == ["http://a.test/both", "http://a.test/domain"]


async def test_a_url_of_another_type_at_the_account_hides_nothing(world: World, domain: Level) -> None:
    await world.hook(Level(domain.account_id), "http://a.test/x", "opened")
    await world.hook(domain, "http://a.test/x", "delivered")
    await world.event(domain)
    assert await urls(world) == ["http://a.test/x"]


async def test_subaccounts(world: World, domain: Level) -> None:
    """The parent's account hooks hear of a subaccount; its domain hooks, and the other way round, do not."""
    child = Level(await world.account(domain.account_id), hex_id())
    await world.hook(Level(domain.account_id), "http://a.test/parent")
    await world.hook(Level(domain.account_id), "http://a.test/shared")
    await world.hook(domain, "http://a.test/parents-domain")
    await world.hook(Level(child.account_id), "http://a.test/child")
    await world.hook(child, "http://a.test/shared")
    await world.event(child)
    assert await urls(world) == ["http://a.test/child", "http://a.test/parent", "http://a.test/shared"]
    await world.event(domain)
    await world.project()
    told = sorted(call.url for call in (await world.calls())[3:])
    assert told == ["http://a.test/parent", "http://a.test/parents-domain", "http://a.test/shared"]


async def test_exactly_once_whatever_dies(
    world: World, domain: Level, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.hook(domain, "http://a.test/x")
    for _ in range(5):
        await world.event(domain)
    real = world.projection.apply

    def dies(tx: Write, entries: object) -> None:
        real(tx, entries)  # type: ignore[arg-type]
        raise RuntimeError("died with the calls written and the cursor not moved")

    monkeypatch.setattr(world.projection, "apply", dies)
    with pytest.raises(RuntimeError):
        await world.projection.catch_up(world.db)
    assert await world.calls() == []
    monkeypatch.undo()
    assert await world.project() == 5
    assert await world.project() == 0
    calls = await world.calls()
    assert len(calls) == 5 and len({call.event_seq for call in calls}) == 5

    def cursor(tx: Read) -> int:
        return tx.scalar(select(cursors.c.seq).where(cursors.c.reader == "webhooks"))

    assert await world.db.read(cursor) == calls[-1].event_seq


async def test_a_slower_reader_writes_nothing_twice(world: World, domain: Level) -> None:
    """Two processes read the same events; the second finds the cursor moved."""
    await world.hook(domain, "http://a.test/x")
    await world.event(domain)
    (batch,) = await world.db.read(events.look, [world.projection])
    assert batch.entries
    for _ in range(2):
        await world.projection.take(world.db, batch)
    assert len(await world.calls()) == 1


async def test_a_hook_tells_nothing_of_the_past(world: World, domain: Level) -> None:
    await world.event(domain)
    await world.project()
    await world.hook(domain, "http://a.test/x")
    await world.event(domain)
    assert len(await urls(world)) == 1


async def test_a_deleted_domain_takes_its_hooks_and_calls_along(world: World, domain: Level) -> None:
    await world.hook(domain, "http://a.test/x")
    await world.hook(Level(domain.account_id), "http://a.test/account")
    await world.event(domain)
    assert len(await urls(world)) == 2
    await world.db.write(forget_domain, domain.domain_id)
    assert await world.calls() == []
    assert await world.db.read(service.urls, domain) == {}
    assert await world.db.read(service.urls, Level(domain.account_id)) == {
        "delivered": ["http://a.test/account"]
    }
