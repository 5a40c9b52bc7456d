"""Levers: what an operator does, seen at the sink."""

import asyncio
import email
import os
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from postwright.testing.server import Server
from postwright.testing.sink import Sink

from .conftest import DOMAIN, Api, wait_for

QUEUE = "/postwright/v1/queue"


async def pull(api: Api, lever: str, **fields: str) -> dict[str, Any]:
    status, body = await api.call("POST", f"{QUEUE}/{lever}", data=fields)
    assert status == 200, body
    done: dict[str, Any] = body
    return done


async def why(api: Api, message_id: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await api.get(f"/postwright/v1/{DOMAIN}/messages/{message_id}/why"))[
        "items"
    ]
    return items


async def state(api: Api, message_id: str, wanted: str) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        (reason,) = await why(api, message_id)
        return reason if reason["state"] == wanted else None

    found: dict[str, Any] = await wait_for(look, f"{wanted} of {message_id}", 20)
    return found


async def held_count(api: Api, wanted: int) -> None:
    """Delivery has put so many aside: that they will be is known before."""

    async def look() -> bool:
        seen = await api.get(QUEUE)
        return bool(seen["states"]["held"]["count"] == wanted and seen["delivering"])

    await wait_for(look, f"{wanted} held", 20)


def subjects(sink: Sink) -> list[str]:
    return sorted(email.message_from_bytes(m.data)["Subject"] for m in sink.messages)


async def command(server: Server, *words: str) -> tuple[int, str, str]:
    """`postwright queue …` as a program of its own."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("POSTWRIGHT_")}
    env |= {f"POSTWRIGHT_{name.upper()}": value for name, value in server.settings.items()}
    program = str(Path(sys.executable).with_name("postwright"))
    process = await asyncio.create_subprocess_exec(
        program, "queue", *words, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, out.decode(), err.decode()


async def test_a_pause_stops_the_bytes_until_it_is_resumed(api: Api, sink: Sink) -> None:
    looked = await pull(api, "pause", recipient_domain="example.net", dry_run="yes")
    assert looked["dry_run"] and looked["rules"] == []
    done = await pull(api, "pause", recipient_domain="Example.NET", note="they asked us to wait")
    (rule,) = done["rules"]
    await asyncio.sleep(1.5)  # longer than a rule takes to be known
    held = await api.send(subject="held")
    free = await api.send(subject="free", to="bob@example.org")
    reason = await state(api, held, "held")
    assert (reason["cause"], reason["rule"], reason["next_try"]) == ("paused", rule["id"], None)
    assert "they asked us to wait" in reason["text"]
    await api.wait_event("delivered", free)
    await api.server.restart()  # a pause survives it
    also = await api.send(subject="held too")
    await state(api, also, "held")
    await held_count(api, 2)
    assert subjects(sink) == ["free"]
    dry = await pull(api, "resume", rule=str(rule["id"]), dry_run="yes")
    assert dry["count"] == 2 and {row["recipient"] for row in dry["sample"]} == {"bob@example.net"}
    assert (await pull(api, "resume", recipient_domain="example.net"))["count"] == 2
    await sink.wait(3)
    assert subjects(sink) == ["free", "held", "held too"]
    await state(api, held, "delivered")
    assert await api.get(f"{QUEUE}/rules") == {"items": []}
    told = (await api.get("/postwright/v1/audit"))["items"]
    assert [each["action"] for each in told] == ["queue.resume", "queue.pause"]
    assert told[1]["after"]["filter"]["recipient_domain"] == "example.net"
    assert told[1]["by"]["kind"] == "key" and told[1]["by"]["address"] == "127.0.0.1"
    attempts = await api.get(f"/postwright/v1/{DOMAIN}/messages/{held}/attempts")
    assert [(each["kind"], each["outcome"]) for each in attempts["items"]] == [
        ("delay", "delayed"),
        ("attempt", "delivered"),
    ]
    assert attempts["items"][0]["cause"] == "held"


@pytest.mark.parametrize(
    "filters", [{"domain": DOMAIN}, {"tag": "bulk"}, {"provider": "Other"}, {"all": "yes"}]
)
async def test_what_is_cancelled_fails_for_good_and_never_leaves(
    start_server: Any,
    settings: dict[str, str],
    http: aiohttp.ClientSession,
    sink: Sink,
    filters: dict[str, str],
) -> None:
    api = Api(await start_server(**settings | {"retry_schedule": "600"}), http)
    sink.fail("bob", 450, "4.2.0 Later", at="RCPT")
    message_id = await api.send(o__tag="bulk", to=["bob@example.net", "eve@example.com"])
    await api.wait_event("failed", message_id, severity="temporary")
    await api.wait_event("delivered", message_id)
    dry = await pull(api, "cancel", dry_run="yes", **filters)
    assert dry["count"] == 1 and dry["sample"][0]["recipient"] == "bob@example.net"
    assert (await pull(api, "cancel", **filters))["count"] == 1
    event = await api.wait_event("failed", message_id, severity="permanent")
    assert event["reason"] == "generic" and event["recipient"] == "bob@example.net"
    assert event["delivery-status"]["description"] == "Cancelled by an operator"
    assert event["delivery-status"]["last-code"] == 450
    reasons = {each["recipient"]: each for each in await why(api, message_id)}
    assert reasons["bob@example.net"]["cause"] == "cancelled"
    assert reasons["eve@example.com"]["state"] == "delivered"
    assert (await api.get(QUEUE))["states"]["later"]["count"] == 0
    assert len(sink.messages) == 1
    bounces = await api.get(f"/v3/{DOMAIN}/bounces")
    assert bounces["items"] == []  # nothing is wrong with the address


async def test_requeued_mail_is_tried_now_and_scheduled_mail_only_when_told(
    start_server: Any, settings: dict[str, str], http: aiohttp.ClientSession, sink: Sink
) -> None:
    api = Api(await start_server(**settings | {"retry_schedule": "600,600"}), http)
    sink.fail("bob", 450, "4.2.0 Later", at="RCPT", times=1)
    waits = await api.send(subject="waits")
    planned = await api.send(
        subject="planned", to="eve@example.net", o__deliverytime="Sat, 28 Nov 2026 20:00:00 GMT"
    )
    await api.wait_event("failed", waits)
    reason = await state(api, waits, "queued")
    assert reason["cause"] == "retry" and reason["next_try"] > reason["since"]
    assert reason["last_reply"]["code"] == 450 and "450 Later" in reason["text"]
    assert (await state(api, planned, "scheduled"))["next_try"].startswith("2026-11-28T20:00")
    assert (await pull(api, "requeue", domain=DOMAIN, dry_run="yes"))["count"] == 1
    assert (await pull(api, "requeue", domain=DOMAIN))["count"] == 1
    await sink.wait(1)
    assert subjects(sink) == ["waits"]
    assert (await pull(api, "requeue", domain=DOMAIN, scheduled="yes"))["count"] == 1
    await sink.wait(2)


async def test_rerouted_mail_leaves_from_the_other_address_and_over_the_other_host(
    start_server: Any, settings: dict[str, str], http: aiohttp.ClientSession, sink: Sink
) -> None:
    both = "127.0.0.2=two.example.com,127.0.0.3=three.example.com"
    api = Api(await start_server(**settings | {"source_ips": both}), http)
    await api.send(subject="before")
    (before,) = await sink.wait(1)
    other = "127.0.0.3" if before.peer == "127.0.0.2" else "127.0.0.2"
    done = await pull(api, "reroute", source_ip=before.peer, to_source_ip=other, note="listed")
    assert done["rules"][0]["target"] == other
    await asyncio.sleep(1.5)
    message_id = await api.send(subject="after")
    await sink.wait(2)
    assert (sink.messages[1].peer, sink.messages[1].helo) == (
        other,
        "two.example.com" if other == "127.0.0.2" else "three.example.com",
    )
    event = await api.wait_event("delivered", message_id)
    assert event["envelope"]["sending-ip"] == other
    async with Sink() as elsewhere:
        await pull(api, "reroute", recipient_domain="example.org", to_smarthost=f"127.0.0.1:{elsewhere.port}")
        await asyncio.sleep(1.5)
        await api.send(subject="elsewhere", to="bob@example.org")
        await elsewhere.wait(1)
    status, _ = await api.call("DELETE", f"{QUEUE}/rules/{done['rules'][0]['id']}")
    assert status == 200
    await asyncio.sleep(1.5)
    await api.send(subject="again")
    await sink.wait(3)
    assert sink.messages[2].peer == before.peer and len(sink.messages) == 3
    _, made = await api.call(
        "POST", "/v3/ip_pools", data={"name": "spare", "description": "spare", "ip": other}
    )
    pool = made["pool_id"]
    with pytest.raises(AssertionError, match="no pool of this installation"):
        await pull(api, "reroute", recipient_domain="example.net", to_pool="0" * 24)
    done = await pull(api, "reroute", recipient_domain="example.net", to_pool=pool)
    assert done["rules"][0]["target"] == f"pool {pool}"
    await asyncio.sleep(1.5)
    await api.send(subject="pooled")
    await sink.wait(4)
    assert sink.messages[3].peer == other


async def test_the_command_line_does_all_of_it(api: Api, sink: Sink) -> None:
    server = api.server
    status, out, err = await command(server, "pause", "--domain", DOMAIN, "--note", "from the shell")
    assert status == 0 and "paused by rule 1" in out, err
    await asyncio.sleep(1.5)
    ids = [await api.send(subject=f"s{n}", to=f"u{n}@example.net") for n in range(3)]
    for message_id in ids:
        await state(api, message_id, "held")
    await held_count(api, 3)
    status, out, _ = await command(server, "list", "--state", "held", "--summary")
    assert status == 0 and out.count("held  ") >= 3 and "u1@example.net" in out and "rule 1" in out
    status, out, _ = await command(server, "show", ids[0])
    assert status == 0 and "held" in out and "from the shell" in out
    status, out, _ = await command(server, "cancel", "--recipient-domain", "example.net", "--dry-run")
    assert status == 0 and "would cancel 3 recipients" in out and "u2@example.net" in out
    status, out, err = await command(server, "cancel")
    assert status == 1 and "at least one filter" in err
    status, out, _ = await command(server, "resume", "--domain", DOMAIN)
    assert status == 0 and "3 recipients released" in out
    await sink.wait(3)
    status, out, _ = await command(server, "show", ids[0])
    assert "delivered" in out and "127.0.0.1" in out
    status, _, err = await command(server, "resume", "--rule", "99")
    assert status == 1 and "no such rule" in err
    status, out, _ = await command(server, "rules")
    assert (status, out) == (0, "no rules\n")
    told = (await api.get("/postwright/v1/audit", params={"action": "queue.pause"}))["items"]
    assert told[0]["by"]["kind"] == "command line" and told[0]["after"]["note"] == "from the shell"


async def test_a_kill_in_the_middle_of_a_resume_loses_nothing(
    start_server: Any, settings: dict[str, str], http: aiohttp.ClientSession, sink: Sink
) -> None:
    """The rule has ended and nothing is released yet when the process dies: what it held flows all the same."""
    api = Api(await start_server(**settings), http)
    await pull(api, "pause", domain=DOMAIN)
    await asyncio.sleep(1.5)
    ids = await asyncio.gather(*(api.send(subject=f"s{n:02}", to=f"u{n}@example.net") for n in range(20)))
    for message_id in ids:
        await state(api, message_id, "held")
    await held_count(api, 20)
    killed = dict(api.server.settings) | {"failpoints": "operations.ended=kill"}
    server = api.server
    saved, server.settings = server.settings, killed
    status, _, _ = await command(server, "resume", "--domain", DOMAIN)
    server.settings = saved
    assert status == -9
    await sink.wait(20, 20)
    assert subjects(sink) == [f"s{n:02}" for n in range(20)]


async def test_a_kill_between_the_batches_of_a_cancel_tells_of_each_recipient_once(
    start_server: Any, settings: dict[str, str], http: aiohttp.ClientSession, sink: Sink
) -> None:
    api = Api(await start_server(**settings, roles="http,projector"), http)
    members = [f"u{n:03}@example.net" for n in range(250)]
    message_id = await api.send(to=members)
    server = api.server
    saved, server.settings = (
        server.settings,
        dict(server.settings) | {"failpoints": "operations.batch=kill@2"},
    )
    status, _, _ = await command(server, "cancel", "--domain", DOMAIN)
    server.settings = saved
    assert status == -9
    left = (await api.get(QUEUE))["states"]
    assert left["due"]["count"] == 50
    status, out, _ = await command(server, "cancel", "--domain", DOMAIN)
    assert status == 0 and "50 recipients cancelled" in out
    events = await api.events(**{"message-id": message_id, "event": "failed"})
    assert sorted(event["recipient"] for event in events) == members
    actions = [each["action"] for each in (await api.get("/postwright/v1/audit"))["items"]]
    assert actions == ["queue.cancel.done", "queue.cancel", "queue.cancel"]


async def test_without_a_delivery_process_that_is_the_cause(
    start_server: Any, settings: dict[str, str], http: aiohttp.ClientSession
) -> None:
    api = Api(await start_server(**settings, roles="http"), http)
    message_id = await api.send()
    (reason,) = await why(api, message_id)
    assert (reason["state"], reason["cause"]) == ("queued", "no delivery process")
    assert not (await api.get(QUEUE))["delivering"]
