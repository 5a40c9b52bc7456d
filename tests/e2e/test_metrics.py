"""Numbers of all processes on one page, over the deaths of processes."""

import os
import signal
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

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


def _child(api: Api, role: str) -> int:
    """The process whose metrics file that of `role` is."""
    wanted = str(Path(api.server.settings["data"]).resolve() / "metrics" / f"{role}-1.values")
    for pid in api.server.pids():
        if wanted in Path(f"/proc/{pid}/maps").read_text():
            return pid
    raise LookupError(role)
