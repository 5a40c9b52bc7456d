"""Numbers of all processes on one page, over the deaths of processes."""

import asyncio
import os
import signal
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from postwright.testing.sink import Sink

from .conftest import Api, wait_for


async def scrape(api: Api) -> dict[str, float]:
    page = (await api.get("/metrics")).decode()
    return {
        sample.name + "".join(f" {value}" for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


async def test_every_process_is_seen_and_one_that_dies_starts_again(api: Api) -> None:
    found = await scrape(api)
    for role in ("http", "smtp", "delivery", "projector"):
        assert found[f"postwright_up {role}"] == 1
        assert found[f"postwright_process_starts_total {role}"] == 1
    os.kill(_child(api, "projector"), signal.SIGKILL)

    async def again() -> bool:
        return (await scrape(api))["postwright_process_starts_total projector"] == 2

    await wait_for(again, "second start of the projector", 30)


async def test_what_happened_is_counted_once_over_a_death(api: Api, sink: Sink) -> None:
    sink.fail("full", 452, "4.2.2 Full", at="RCPT")
    sink.fail("nobody", 550, "5.1.1 No such user", at="RCPT")
    for local in ("bob", "eve", "full", "nobody"):
        message_id = await api.send(to=f"{local}@gmail.com")
        await api.wait_event("failed" if local in ("full", "nobody") else "delivered", message_id)

    async def counted() -> dict[str, float] | None:
        found = await scrape(api)
        return found if found.get("postwright_permanent_failures_total bounce Gmail ") == 1 else None

    found = await wait_for(counted, "counted refusal")
    assert found["postwright_accept_total HTTP accepted"] == 4
    assert found["postwright_delivered_total Gmail "] == 2
    assert found["postwright_temporary_failures_total generic Gmail "] >= 1
    assert found["postwright_delivery_seconds_count dot"] >= 2
    assert found["postwright_commit_seconds_count"] > 8 and found["postwright_store_free_bytes"] > 0
    os.kill(_child(api, "delivery"), signal.SIGKILL)
    await api.wait_event("delivered", await api.send(to="eve@gmail.com"), timeout=30)

    async def again() -> bool:
        return (await scrape(api))["postwright_delivered_total Gmail "] == 3

    await wait_for(again, "a third delivery counted")


async def test_refusals_broken_tls_and_false_tokens_are_counted(api: Api) -> None:
    for lines in (
        (b"MAIL FROM:<a@example.com>\r\n", b"NONSENSE\r\n"),
        (b"STARTTLS\r\n", b"no handshake\r\n\r\n"),
    ):
        reader, writer = await asyncio.open_connection(*api.server.smtp)
        for line in (b"EHLO x.example.com\r\n", *lines):
            writer.write(line)
            await asyncio.sleep(0.2)
        writer.close()
        del reader
    await api.call("GET", "/c/" + "A" * 60)
    await api.call("GET", "/u/" + "A" * 60)
    await api.call("GET", "/o/" + "A" * 60)

    async def counted() -> bool:
        found = await scrape(api)
        return all(
            found.get(f"postwright_{name}") == 1
            for name in (
                "smtpd_rejects_total 530 submission 5.7.0 MAIL",
                "smtpd_rejects_total 500 submission 5.5.2 UNKNOWN",
                "smtpd_starttls_errors_total submission",
                "track_token_errors_total click",
                "track_token_errors_total open",
                "track_token_errors_total unsubscribe",
            )
        )

    await wait_for(counted, "counted refusals")


def _child(api: Api, role: str) -> int:
    """The process whose metrics file that of `role` is."""
    wanted = str(Path(api.server.settings["data"]).resolve() / "metrics" / f"{role}-1.values")
    for pid in api.server.pids():
        if wanted in Path(f"/proc/{pid}/maps").read_text():
            return pid
    raise LookupError(role)
