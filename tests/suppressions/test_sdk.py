"""The official Python client against a real server."""

import asyncio
import json
from typing import Any

import pytest
from mailgun.client import Client

from tests.conftest import StartServer

DOMAIN = "example.com"
NOW = "Thu, 11 Dec 2025 01:49:40 UTC"


async def test_all_lists_through_the_official_client(start_server: StartServer) -> None:
    server = await start_server(domain=DOMAIN)

    def use() -> dict[str, Any]:
        seen: dict[str, Any] = {}

        def note(name: str, reply: Any) -> None:
            seen[name] = (reply.status_code, reply.json())

        json_ = {"Content-Type": "application/json"}
        with Client(auth=("api", server.api_key), api_url=server.base_url) as sdk:
            one = {"address": "a@x.test", "code": "550", "error": "no", "created_at": NOW}
            note("bounce", sdk.bounces.create(domain=DOMAIN, data=one))
            many = [{"address": f"m{n}@x.test", "code": 552} for n in range(3)]
            note("bounces", sdk.bounces.create(domain=DOMAIN, data=json.dumps(many), headers=json_))
            note("got", sdk.bounces.get(domain=DOMAIN, bounce_address="a@x.test"))
            note("page", sdk.bounces.get(domain=DOMAIN, filters={"limit": 2}))
            upload = [
                ("file", ("b.csv", f'address,code,error,created_at\nc@x.test,554,why,"{NOW}"\n'.encode()))
            ]
            note("import", sdk.bounces_import.create(domain=DOMAIN, files=upload))
            note("imported", sdk.bounces.get(domain=DOMAIN, bounce_address="c@x.test"))
            note("deleted", sdk.bounces.delete(domain=DOMAIN, bounce_address="a@x.test"))
            note("gone", sdk.bounces.get(domain=DOMAIN, bounce_address="a@x.test"))
            note("cleared", sdk.bounces.delete(domain=DOMAIN))

            note(
                "unsubscribe",
                sdk.unsubscribes.create(domain=DOMAIN, data={"address": "u@x.test", "tag": "t1"}),
            )
            note("tags", sdk.unsubscribes.get(domain=DOMAIN, unsubscribe_address="u@x.test"))
            note("no-unsubscribe", sdk.unsubscribes.delete(domain=DOMAIN, unsubscribe_address="u@x.test"))
            complaints = [{"address": "p@x.test"}, {"address": "q@x.test"}]
            note(
                "complaints", sdk.complaints.create(domain=DOMAIN, data=json.dumps(complaints), headers=json_)
            )
            note("complaint", sdk.complaints.get(domain=DOMAIN, complaint_address="p@x.test"))
            note("no-complaint", sdk.complaints.delete(domain=DOMAIN, complaint_address="p@x.test"))
            note("allow", sdk.whitelists.create(domain=DOMAIN, data={"address": "w@x.test", "reason": "ok"}))
            note("allowed", sdk.whitelists.get(domain=DOMAIN, whitelist_address="w@x.test"))
            note("no-allow", sdk.whitelists.delete(domain=DOMAIN, whitelist_address="w@x.test"))
        return seen

    seen = await asyncio.to_thread(use)
    assert seen["bounce"] == (
        200,
        {"message": "Address has been added to the bounces table", "address": "a@x.test"},
    )
    assert seen["bounces"] == (200, {"message": "3 addresses have been added to the bounces table"})
    assert seen["got"] == (200, {"address": "a@x.test", "code": "550", "error": "no", "created_at": NOW})
    page = seen["page"][1]
    assert [item["address"] for item in page["items"]] == ["a@x.test", "m0@x.test"]
    assert set(page["paging"]) == {"first", "next", "previous", "last"}
    assert seen["import"] == (202, {"message": "file uploaded successfully for processing. standby..."})
    assert seen["imported"][1] == {"address": "c@x.test", "code": "554", "error": "why", "created_at": NOW}
    assert seen["deleted"] == (200, {"message": "Bounced address has been removed", "address": "a@x.test"})
    assert seen["gone"] == (404, {"message": "Address not found in bounces table"})
    assert seen["cleared"] == (200, {"message": "Bounced addresses for this domain have been removed"})
    assert seen["unsubscribe"][1]["message"] == "Address has been added to the unsubscribes table"
    assert seen["tags"][1]["tags"] == ["t1"]
    assert seen["no-unsubscribe"][1]["message"] == "Unsubscribe event has been removed"
    assert seen["complaints"] == (
        200,
        {"message": "2 complaint addresses have been added to the complaints table"},
    )
    assert seen["complaint"][1]["address"] == "p@x.test"
    assert seen["no-complaint"][1]["message"] == "Spam complaint has been removed"
    assert seen["allow"][1] == {
        "message": "Address/Domain has been added to the allowlists table",
        "type": "address",
        "value": "w@x.test",
    }
    assert seen["allowed"][1]["reason"] == "ok" and seen["allowed"][1]["createdAt"].endswith(" UTC")
    assert seen["no-allow"][1] == {
        "message": "Allowlist address/domain has been removed",
        "value": "w@x.test",
    }


@pytest.mark.parametrize("kind", ["bounces", "complaints"])
async def test_single_objects_where_arrays_may_come(start_server: StartServer, kind: str) -> None:
    server = await start_server(domain=DOMAIN)

    def use() -> Any:
        with Client(auth=("api", server.api_key), api_url=server.base_url) as sdk:
            end = getattr(sdk, kind)
            body = json.dumps([{"address": "z@x.test", "created_at": "Mon, 01 Jan 0001 00:00:00 UTC"}])
            end.create(domain=DOMAIN, data=body, headers={"Content-Type": "application/json"})
            return end.get(domain=DOMAIN).json()

    (item,) = (await asyncio.to_thread(use))["items"]
    assert item["address"] == "z@x.test" and "0001" not in item["created_at"]
