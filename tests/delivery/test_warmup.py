"""Addresses that are being warmed up, at a real server."""

import asyncio
from collections import Counter

from postwright import domains, ips, queue
from postwright.ips.projector import ReputationProjection
from postwright.testing.sink import Sink

from .conftest import Rig, Rigs

DECLARED = "127.0.0.21,127.0.0.22,127.0.0.23;shared"


async def _ready(rig: Rig, *, domain_ips: str = "") -> None:
    api = rig.api
    await api.db.write(ReputationProjection().begin)
    await api.ok("POST", "/v3/ip_warmups/127.0.0.21")
    if domain_ips:
        for ip in domain_ips.split(","):
            await api.ok("DELETE", f"/v3/domains/{{d}}/ips/{ip}")
    await rig.delivery._sources.refresh()


async def test_over_the_cap_mail_goes_from_a_warm_address(rig_of: Rigs, mx: Sink) -> None:
    rig = await rig_of(source_ips=DECLARED, warmup_plan="50")
    await _ready(rig)
    for n in range(6):
        rig.mx(f"site{n}.test", "127.0.0.2")
    await rig.send([f"u{k}@site{n}.test" for n in range(6) for k in range(4)])
    await rig.outcomes(24)
    peers = Counter(message.peer for message in mx.messages)
    # An hour's part of 50 is 5, and all sites that would see this address ask for more.
    assert peers["127.0.0.21"] == 5
    assert peers["127.0.0.22"] == 19
    projection = ReputationProjection()
    while await projection.catch_up(rig.api.db):
        pass


async def test_spillover_goes_to_the_chosen_pool(rig_of: Rigs, mx: Sink) -> None:
    rig = await rig_of(source_ips=DECLARED, warmup_plan="10")
    api = rig.api
    fields = {"name": "spill", "description": "", "ip": "127.0.0.22"}
    pool = (await api.ok("POST", "/v3/ip_pools", data=fields))["pool_id"]
    await api.ok("PATCH", "/v3/ips/domain/{d}", json={"extra_dedicated_ips": {"pool_id": pool}})
    await _ready(rig)
    await rig.send([f"u{n}@there.test" for n in range(4)])
    await rig.outcomes(4)
    assert Counter(message.peer for message in mx.messages) == {"127.0.0.21": 1, "127.0.0.22": 3}


async def test_without_another_address_mail_waits_for_the_next_hour(rig_of: Rigs, mx: Sink) -> None:
    rig = await rig_of(source_ips="127.0.0.21", warmup_plan="20")
    await _ready(rig)
    await rig.send([f"u{n}@there.test" for n in range(3)])
    await rig.outcomes(2)
    assert len(mx.messages) == 2
    rig.api.clock.advance(3600)
    await rig.outcomes(3)
    assert {message.peer for message in mx.messages} == {"127.0.0.21"}
    due, later = await rig.api.db.read(queue.waiting, "", rig.api.clock.now())
    assert (due, later) == (0, 0)


async def test_a_failed_connection_uses_nothing_up(rig_of: Rigs, mx: Sink) -> None:
    rig = await rig_of(source_ips="127.0.0.21", warmup_plan="10")
    await _ready(rig)
    rig.mx("dead.test", "127.0.0.9")  # nobody listens there
    await rig.send("bob@dead.test")
    await rig.outcomes(1)
    await rig.send("bob@there.test")
    _, event = await rig.outcomes(2)
    assert event["event"] == "delivered"
    assert mx.messages[0].peer == "127.0.0.21"


async def test_a_plan_of_28_days_runs_through_at_a_server(rig_of: Rigs, mx: Sink) -> None:
    """Each day more is sent than the address may; all days end well but one, which is repeated."""
    rig = await rig_of(source_ips=DECLARED, warmup_plan=",".join(["10"] * 23 + ["40"] * 5))
    api = rig.api
    projection = ReputationProjection()
    await api.db.write(projection.begin)
    await api.ok("POST", "/v4/domains", data={"name": "cold.test", "ips": "127.0.0.21"})
    await api.db.write(lambda tx: tx.run(domains.domains_table.update().values(state="active")))
    await api.ok("POST", "/v3/ip_warmups/127.0.0.21")
    await rig.delivery._sources.refresh()
    timers = ips.Timers(api.context.settings, api.db, api.clock)
    mx.fail("gone", 550, "5.1.1 No such user")
    stages, seen = [], 0

    async def peers(count: int, to: list[str]) -> Counter[str]:
        """Send; which addresses so many messages came from."""
        nonlocal seen
        await rig.send(to, domain="cold.test")
        await mx.wait(seen + count, 30)
        came = Counter(message.peer for message in mx.messages[seen:])
        seen = len(mx.messages)
        return came

    for day in range(29):
        shown = (await api.ok("GET", "/v3/ip_warmups/127.0.0.21"))["details"]
        stages.append(shown["stage"])
        hourly = shown["stage_limit"] // 10
        for hour in range(9):  # nine tenths of the day's limit
            to = [f"u{n}@there.test" for n in range(hourly)]
            gone = int(day == 23 and hour < 2)
            assert await peers(hourly - gone, [*to[gone:], *["gone@there.test"] * gone]) == {
                "127.0.0.21": hourly - gone
            }
            if hour == 8:  # one more than the hour has leaves from the warm address
                assert await peers(1, ["more@there.test"]) == {"127.0.0.22": 1}
            api.clock.advance(3600)
        api.clock.advance(15 * 3600)
        while await rig.api.db.read(queue.waiting, "", api.clock.now()) != (0, 0):  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # until what came of the last one is recorded
        while await projection.catch_up(api.db):
            pass
        await timers.run_once()
    assert stages == [*range(1, 25), *range(24, 29)]  # two of the 24th day's 36 bounced
    answer = await api.call("GET", "/v3/ip_warmups/127.0.0.21")
    assert answer.status_code == 404  # it is warm
    await rig.delivery._sources.refresh()
    assert await peers(10, [f"u{n}@there.test" for n in range(10)]) == {"127.0.0.21": 10}
