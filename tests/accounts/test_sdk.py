"""The official Python client against a real server."""

import asyncio
from typing import Any

from mailgun.client import Client

from .conftest import World


async def test_keys_through_the_official_client(world: World, base_url: str) -> None:
    account = await world.account()
    world.owned.add((account, "example.com"))
    admin = await world.key(account)

    def use() -> dict[str, Any]:
        with Client(auth=("api", admin.secret), api_url=base_url) as client:
            fields = {"role": "sending", "kind": "domain", "domain_name": "example.com", "description": "SDK"}
            created = client.keys.create(data=fields)
            key = created.json()["key"]
            filtered = client.keys.get(filters={"kind": "domain", "domain_name": "example.com"})
            with Client(auth=("api", key["secret"]), api_url=base_url) as sender:
                sent = sender.messages.create(domain="example.com", data={"text": "x"})
                refused = sender.keys.get()
            deleted = client.keys.delete(key_id=key["id"])
            again = client.keys.delete(key_id=key["id"])
            left = client.keys.get()
        with Client(auth=("api", "wrong"), api_url=base_url) as stranger:
            unknown = stranger.keys.get()
        return locals()

    seen = await asyncio.to_thread(use)
    key = seen["key"]
    assert (seen["created"].status_code, seen["created"].json()["message"]) == (200, "great success")
    assert seen["created"].headers["X-Mailgun-Key-Id"] == admin.key.id
    assert [item["id"] for item in seen["filtered"].json()["items"]] == [key["id"]]
    assert (seen["sent"].status_code, seen["sent"].json()["key_id"]) == (200, key["id"])
    assert (seen["refused"].status_code, seen["refused"].json()) == (403, {"message": "Forbidden"})
    assert (seen["deleted"].status_code, seen["deleted"].json()) == (200, {"message": "key deleted"})
    assert (seen["again"].status_code, seen["again"].json()) == (404, {"message": "no key matching id"})
    assert [item["id"] for item in seen["left"].json()["items"]] == [admin.key.id]
    assert (seen["unknown"].status_code, seen["unknown"].json()) == (401, {"message": "Invalid private key"})
