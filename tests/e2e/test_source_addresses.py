"""Several loopback addresses and several delivery processes: a real server sees which address sent what."""

import asyncio
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp

from postwright.testing.dns import FakeDns
from postwright.testing.server import Server
from postwright.testing.sink import Sink

from .conftest import DOMAIN, Api, wait_for

COLD, WARM, POOLED = "127.0.0.21", "127.0.0.22", "127.0.0.23"
NAMES = {COLD: "a.example.com", WARM: "b.example.com", POOLED: "c.example.com"}
DECLARED = ",".join(f"{address}={name}" for address, name in NAMES.items())


async def ok(api: Api, method: str, path: str, **more: Any) -> Any:
    status, body = await api.call(method, path, **more)
    assert status == 200, body
    return body


def sending(server: Server, port: int) -> set[int]:
    """The processes of a server that have a connection to a port open."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    sockets = {f"socket:[{each[9]}]" for each in map(str.split, lines) if int(each[2][-4:], 16) == port}
    found = set()
    for pid in server.pids():
        for fd in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                if os.readlink(fd) in sockets:
                    found.add(pid)
            except OSError:  # it was closed meanwhile
                continue
    return found


async def test_pools_wishes_and_a_cap_among_three_processes(
    start_server: Any, settings: dict[str, str], http: aiohttp.ClientSession, sink: Sink
) -> None:
    server = await start_server(**settings, source_ips=DECLARED, delivery_processes="3", warmup_plan="400")
    api = Api(server, http)
    await ok(api, "POST", "/v4/domains", data={"name": "pooled.test"})
    fields = {"name": "news", "description": "", "ip": POOLED}
    pool = (await ok(api, "POST", "/v3/ip_pools", data=fields))["pool_id"]
    await ok(api, "POST", "/v3/domains/pooled.test/ips", data={"pool_id": pool})
    await ok(api, "POST", "/v4/domains", data={"name": "cold.test", "ips": COLD})
    await ok(api, "POST", f"/v3/ip_warmups/{COLD}")
    await asyncio.sleep(1.5)  # a change holds within a second

    async def sent(count: int, **fields: Any) -> list[str]:
        """The addresses that so many messages came from."""
        before = len(sink.messages)
        await asyncio.gather(*(api.send(**fields) for _ in range(count)))
        await sink.wait(before + count, 60)
        return [message.peer for message in sink.messages[before:]]

    assert set(await sent(10, domain="pooled.test")) == {POOLED}
    assert set(await sent(3, o__sending_ip=WARM)) == {WARM}
    assert set(await sent(3, o__sending_ip_pool=pool)) == {POOLED}

    # An hour has 40 of the day's 400: what is more goes from the warm address.
    sink.fail("bob", at="MESSAGE", delay=0.1)
    pids: set[int] = set()
    peers: list[str] = []
    deadline = time.monotonic() + 90
    while peers.count(COLD) < 40 or len(pids) < 2:
        more = asyncio.create_task(sent(40, domain="cold.test"))
        while not more.done():
            pids |= sending(server, sink.port)
            await asyncio.sleep(0.05)
        peers += await more
        assert time.monotonic() < deadline, (Counter(peers), pids)
    peers += await sent(60, domain="cold.test")
    assert Counter(peers) == {COLD: 40, WARM: len(peers) - 40}
    assert all(message.helo == NAMES[message.peer] for message in sink.messages)

    # The count is in the store: after a power cut it is still used up.
    await server.restart()
    assert set(await sent(40, domain="cold.test")) == {WARM}
    details = (await api.get(f"/v3/ip_warmups/{COLD}"))["details"]
    assert (details["sent_within_stage"], details["throttle"]) == ("10%", 0)

    async def told() -> Any:
        return await api.events(domain="pooled.test", event="delivered")

    event = (await wait_for(told, "event"))[0]
    assert event["envelope"]["sending-ip"] == POOLED and event["envelope"]["i-ip-pool-id"] == pool


async def test_figures_choose_the_pool_and_dns_is_looked_at(
    start_server: Any, settings: dict[str, str], http: aiohttp.ClientSession, sink: Sink, fake_dns: FakeDns
) -> None:
    """The processes do by themselves what it takes: they count, look and judge."""
    fake_dns.set_ptr(WARM, NAMES[WARM])
    fake_dns.set(NAMES[WARM], "A", WARM)
    fake_dns.set("22.0.0.127.bl.test", "A", "127.0.0.2")
    more = {"dns": fake_dns.address, "blocklists": "bl.test", "address_check_seconds": "1"}
    api = Api(await start_server(**settings | more, source_ips=DECLARED), http)
    pools = {"good_reputation": WARM, "poor_reputation": POOLED, "new_senders": COLD}
    await ok(api, "POST", "/v3/dynamic_pools/all", data=pools)
    sink.fail("gone", 550, "5.1.1 No such user")
    for n in range(26):
        await api.send(to=f"gone@site{n}.test")
    domain = "/v1/dynamic_pools/domains/" + DOMAIN

    async def counted() -> Any:
        found = await api.get(f"{domain}/preview")
        return found if found["results"]["processed_count"]["value"] == 26 else None

    found = await wait_for(counted, "figures of 26 messages")
    assert found["results"]["bounce_rate"] == {"value": 1.0, "band": "dynamic_poor"}
    await ok(api, "POST", f"/v3/domains/{DOMAIN}/dynamic_pools")
    await asyncio.sleep(1.5)
    await api.send()
    assert (await sink.wait(1))[0].peer == POOLED
    await ok(api, "PUT", f"{domain}/override", data={"pool": "dynamic_good"})
    await asyncio.sleep(1.5)
    await api.send()
    assert (await sink.wait(2))[1].peer == WARM

    async def looked_at() -> Any:
        shown = (await api.get(f"/postwright/v1/ips/{WARM}/checks"))["items"]
        return {each["check"]: each["outcome"] for each in shown}

    assert await wait_for(looked_at, "a look") == {
        "ptr": "valid",
        "ehlo": "valid",
        "blocklist:bl.test": "listed",
    }
    fake_dns.remove("22.0.0.127.bl.test")

    async def off() -> Any:
        return (await looked_at())["blocklist:bl.test"] == "clear"

    await wait_for(off, "a look that finds it off the list", 30)
