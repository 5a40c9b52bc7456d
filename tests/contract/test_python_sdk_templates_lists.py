"""The official Python client on templates and mailing lists."""

import json
from typing import Any

import pytest

from postwright.testing.sink import Sink
from tests.e2e.conftest import DOMAIN, Api

from .conftest import using
from .test_python_sdk import client, ok

LIST = f"news@{DOMAIN}"


@pytest.mark.parametrize("domain", [DOMAIN, None])
async def test_templates(api: Api, domain: str | None) -> None:
    where: dict[str, Any] = {"domain": domain} if domain else {}

    def use() -> dict[str, Any]:
        with client(api) as sdk:
            t = sdk.templates
            new = {"name": "Welcome", "description": "d", "template": "Hi {{name}}", "tag": "v1"}
            version = {"tag": "v2", "template": "Hello {{name}}", "engine": "handlebars", "active": "yes"}
            one = {**where, "template_name": "welcome"}
            made = ok(t.create(data=new, **where))
            return {
                "made": made,
                "listed": ok(t.get(filters={"limit": 10}, **where)),
                "one": ok(t.get(filters={"active": "yes"}, **one)),
                "changed": ok(t.put(data={"description": "new"}, **one)),
                "second": ok(t.create(data=version, versions=True, **one)),
                "versions": ok(t.get(versions=True, **one)),
                "version": ok(t.get(versions=True, tag="v2", **one)),
                "updated": ok(t.put(data={"comment": "c"}, versions=True, tag="v2", **one)),
                "copied": ok(t.put(versions=True, tag="v2", copy=True, new_tag="v3", **one)),
                "dropped": ok(t.delete(versions=True, tag="v1", **one)),
                "deleted": ok(t.delete(**one)),
                "cleared": ok(t.delete(**where)),
                "gone": t.get(**one),
            }

    seen = await using(use)
    assert seen["made"]["message"] == "template has been stored"
    assert [each["name"] for each in seen["listed"]["items"]] == ["welcome"]
    assert seen["one"]["template"]["version"]["template"] == "Hi {{name}}"
    assert seen["changed"] == {"message": "template has been updated", "template": {"name": "welcome"}}
    assert seen["second"]["template"]["version"]["active"] is True
    assert [each["tag"] for each in seen["versions"]["template"]["versions"]] == ["v1", "v2"]
    assert seen["version"]["template"]["version"]["template"] == "Hello {{name}}"
    assert seen["updated"]["message"] == "version has been updated"
    assert seen["copied"]["message"] == "version has been copied" and seen["copied"]["version"]["tag"] == "v3"
    assert seen["dropped"]["template"] == {"name": "welcome", "version": {"tag": "v1"}}
    assert seen["deleted"]["message"] == "template has been deleted"
    assert seen["cleared"] == {"message": "templates have been deleted"}
    assert (seen["gone"].status_code, seen["gone"].json()) == (404, {"message": "template not found"})


async def test_lists(api: Api, sink: Sink) -> None:
    def use() -> dict[str, Any]:
        with client(api) as sdk:
            member = {"address": "Ann <ann@example.net>", "vars": '{"age": 26}', "upsert": True}
            many = {"members": json.dumps(["bob@example.net", {"address": "carl@example.net"}])}
            at = {"address": LIST}
            ann = {"address": LIST, "member_address": "ann@example.net"}
            return {
                "made": ok(sdk.lists.create(data={"address": LIST, "description": "d"})),
                "listed": ok(sdk.lists.get()),
                "pages": ok(sdk.lists_pages.get()),
                "changed": ok(sdk.lists.put(data={"description": "new"}, **at)),
                "added": ok(sdk.lists_members.create(data=member, **at)),
                "uploaded": ok(sdk.lists_members.create(data=many, multiple=True, **at)),
                "members": ok(sdk.lists_members_pages.get(**at)),
                "one": ok(sdk.lists_members.get(**ann)),
                "member": ok(sdk.lists_members.put(data={"subscribed": True, "name": "A"}, **ann)),
                "sent": ok(
                    sdk.messages.create(
                        domain=DOMAIN,
                        data={"from": f"a@{DOMAIN}", "to": LIST, "subject": "%recipient.age%", "text": "x"},
                    )
                ),
            }

    seen = await using(use)
    assert seen["made"]["message"] == "Mailing list has been created"
    assert seen["listed"]["total_count"] == 1 and len(seen["pages"]["items"]) == 1
    assert seen["changed"]["list"]["description"] == "new"
    assert seen["added"]["member"]["vars"] == {"age": 26} and seen["uploaded"]["task-id"]
    assert [each["address"][0] for each in seen["members"]["items"]] == ["a", "b", "c"]
    assert seen["one"]["member"]["name"] == "Ann" and seen["member"]["member"]["name"] == "A"
    assert {message.recipients[0] for message in await sink.wait(3)} == {
        "ann@example.net",
        "bob@example.net",
        "carl@example.net",
    }

    def drop() -> tuple[Any, Any]:
        with client(api) as sdk:
            left = ok(sdk.lists_members.delete(address=LIST, member_address="ann@example.net"))
            return left, ok(sdk.lists.delete(address=LIST))

    left, removed = await using(drop)
    assert left["message"] == "Mailing list member has been deleted"
    assert removed == {"address": LIST, "message": "Mailing list has been removed"}
