"""Addresses that are being warmed up, at a real server."""

from collections import Counter

from postwright import queue
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
