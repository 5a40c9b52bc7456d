"""The official Python client against a real server: what a message with a tag leads to, everywhere."""

import asyncio
import time
from typing import Any

import pytest
from mailgun.client import Client

from tests.conftest import StartServer

DOMAIN = "example.com"


# The client calls the older operations deprecated, and is right.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_tags_stats_and_classes_through_the_official_client(start_server: StartServer) -> None:
    server = await start_server(domain=DOMAIN)

    def use() -> dict[str, Any]:
        seen: dict[str, Any] = {}

        def note(name: str, reply: Any) -> Any:
            seen[name] = (reply.status_code, reply.json())
            return reply.json()

        json_ = {"Content-Type": "application/json"}
        with Client(auth=("api", server.api_key), api_url=server.base_url) as sdk:
            message = {
                "from": f"a@{DOMAIN}",
                "to": "b@gmail.com",
                "subject": "s",
                "text": "t",
                "o:tag": "news",
            }
            note("sent", sdk.messages.create(domain=DOMAIN, data=message))
            wanted = {"event": ["accepted", "delivered"], "duration": "1d"}
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                found = note("stats", sdk.stats_total.get(domain=DOMAIN, filters=wanted))
                tags = note("tags", sdk.tags.get(domain=DOMAIN))
                if found["stats"][-1]["delivered"]["total"] and tags["items"]:
                    break
                time.sleep(0.1)
            note("tag", sdk.tags.get(domain=DOMAIN, tag_name="news"))
            note("described", sdk.tags.put(domain=DOMAIN, tag_name="news", data={"description": "Monthly"}))
            note("tag stats", sdk.tags_stats.get(domain=DOMAIN, tag_name="news", filters=wanted))
            note("providers", sdk.tags_stats_aggregates_providers.get(domain=DOMAIN, tag_name="news"))
            note("account tags", sdk.analytics_tags.create(data={"include_metrics": True}, headers=json_))
            note("limits", sdk.analytics_tags_limits.get())
            classes = {"dimensions": ["entity-name"], "metrics": ["classified_failures_count"]}
            note("classes", sdk.bounce_classification.create(data=classes, headers=json_))
            note("deleted", sdk.tags.delete(domain=DOMAIN, tag_name="news"))
        return seen

    seen = await asyncio.to_thread(use)
    assert {name for name, (status, _) in seen.items() if status != 200} == set(), seen
    last = seen["stats"][1]["stats"][-1]
    assert (last["accepted"]["outgoing"], last["delivered"]["smtp"]) == (1, 1)
    assert [each["tag"] for each in seen["tags"][1]["items"]] == ["news"]
    assert seen["described"][1] == {"message": "Tag updated"}
    assert seen["deleted"][1] == {"message": "Tag deleted"}
    assert seen["tag stats"][1]["stats"][-1]["delivered"]["total"] == 1
    assert seen["providers"][1]["providers"]["gmail.com"]["delivered"] == 1
    (tag,) = seen["account tags"][1]["items"]
    assert (tag["tag"], tag["description"], tag["metrics"]["delivered_rate"]) == ("news", "", "1.0000")
    assert seen["limits"][1]["count"] == 1
    assert seen["classes"][1]["items"] == []
