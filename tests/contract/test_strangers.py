"""Every operation on one thing, asked for by another account: it is as if the thing were not there."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from postwright.apps.concepts import CONTROLLERS
from postwright.apps.planned import served_operations
from postwright.capture import service as inbox
from postwright.kernel.db import Db
from postwright.webhooks.projector import WebhookProjection
from tests.world import World, world

IP, POOLED, WARMED, SPARE = (f"192.0.2.{number}" for number in range(10, 14))
# Not things of an account.
OTHERS = {
    "/v3/dynamic_pools/{}": "pools of the installation, for its operator only",
    "/v1/alerts/slack/channels/{}": "a channel of the account's own Slack team",
    "/v1/ip_pools/{}": "another name of /v3/ip_pools",
    "/panel/": "pages",
    "/postwright/v1/accounts/{}/retention": "set by the operator, for every account",
}
# What is sent along, where something must be.
FIELDS: dict[str, dict[str, Any]] = {
    "account_templates.update": {"data": {"description": "x"}},
    "account_templates.copy": {"json": {"requests": [{"name": "copied"}]}},
    "account_templates.versions.create": {"data": {"tag": "v2", "template": "x"}},
    "account_templates.versions.update": {"data": {"comment": "x"}},
    "webhooks.account.update": {"data": {"url": "http://127.0.0.1:8099/x", "event_types": "opened"}},
    "alerts.settings.events.update": {
        "json": {"event_type": "send_alert", "channel": "email", "settings": {"emails": ["x@example.com"]}}
    },
    "alerts.send.update": {
        "json": {"metric": "delivered_rate", "comparator": "<", "limit": ".5", "dimension": "domain"}
    },
    "limits.update": {
        "json": {"metric": "delivered_count", "comparator": ">", "limit": "5", "dimension": "domain"}
    },
    "forwards.update": {"data": {"forward.store": "yes"}},
    "ip_pools.update": {"data": {"name": "x", "description": "x"}},
    "ip_pools.delegate": {"data": {"subaccount_id": "CHILD"}},
    "ip_pools.revoke": {"data": {"subaccount_id": "CHILD"}},
    "ip_pools.ips.add_many": {"json": {"ips": [SPARE]}},
    "ips.set_band": {"json": {"ip_band": "x"}},
    "lists.update": {"data": {"description": "x"}},
    "lists.members.add": {"data": {"address": "new@example.com"}},
    "lists.members.add_json": {"data": {"members": '[{"address":"new@example.com"}]'}},
    "lists.members.add_csv": {"files": {"members": ("m.csv", b"address\nnew@example.com\n")}},
    "lists.members.update": {"data": {"name": "x"}},
    "routes.update": {"data": {"priority": "1"}},
    "subaccounts.set_features": {"data": {"sending": '{"enabled":false}'}},
    "subaccounts.limit.set": {"params": {"limit": "2000"}},
    "subaccounts.ips.delegate": {"data": {"ip": IP}},
    "subaccounts.ip_pools.delegate": {"data": {"pool_id": "POOL"}},
    "subaccounts.ips.revoke": {"params": {"ip": IP}},
    "subaccounts.ip_pools.revoke": {"params": {"pool_id": "POOL"}},
    "own.subaccounts.hourly.set": {"data": {"limit": "5"}},
    "people.update": {"data": {"role": "developer"}},
}


async def things(api: World) -> dict[str, dict[str, str]]:
    """One thing of each kind for `one`: by how its paths begin, their parameters."""

    async def made(path: str, **given: Any) -> Any:
        return await api.ok("POST", path, **given)

    address = f"news@{api.one.domain}"
    await made("/v4/templates", data={"name": "hello", "template": "x", "tag": "v1"})
    await made("/v3/lists", data={"address": address})
    await made(f"/v3/lists/{address}/members", data={"address": "bob@example.com"})
    rows = "address\n" + "".join(f"m{n}@example.com\n" for n in range(150))
    upload = await made(f"/v3/lists/{address}/members.csv", files={"members": ("m.csv", rows.encode())})
    await made("/v5/sandbox/auth_recipients", data={"email": "eve@example.com"})
    hook = await made("/v1/webhooks", data={"url": "http://127.0.0.1:8099/", "event_types": "accepted"})
    told = {"event_type": "send_alert", "channel": "email", "settings": {"emails": ["a@example.com"]}}
    setting = await made("/v1/alerts/settings/events", json=told)
    for kind, metric in (("alerts/send", "delivered_rate"), ("limits", "delivered_count")):
        body = {"name": "low", "metric": metric, "comparator": "<", "limit": ".5", "dimension": "domain"}
        await made(f"/v1/thresholds/{kind}", json=body)
    forward = await made("/v3/forwards", data={"match": f"in@{api.one.domain}", "forward.store": "yes"})
    pool = await made("/v3/ip_pools", data={"name": "pool", "description": "d", "ip": POOLED})
    key = await made("/v1/keys", data={"role": "developer"})
    route = await made("/v3/routes", data={"expression": "catch_all()", "action": "stop()"})
    child = (await made("/v5/accounts/subaccounts", data={"name": "Child"}))["subaccount"]["id"]
    await api.ok("PUT", f"/v5/accounts/subaccounts/{child}/limit/custom/monthly", params={"limit": "1000"})
    await made(f"/v3/ip_warmups/{WARMED}")
    await made("/postwright/v1/users", data={"email": "ann@example.com", "name": "Ann", "role": "basic"})
    user = (await api.ok("GET", "/v5/users"))["users"][0]["id"]
    rule = (await made("/postwright/v1/queue/pause", data={"recipient_domain": "example.com"}))["rules"][0]
    scripted = (
        await made("/postwright/v1/capture/rules", data={"recipient": "no@example.com", "do": "bounce"})
    )["rule"]
    await WebhookProjection().catch_up(api.db)  # its beginning
    form = {"from": f"a@{api.one.domain}", "to": "x@example.com", "text": "x"}
    await made("/v3/{d}/messages", data=form)
    await WebhookProjection().catch_up(api.db)
    call = (await api.ok("GET", "/postwright/v1/webhooks/calls"))["items"][0]
    head = {"subject": "x"}
    sender = f"bounce@{api.one.domain}"
    await api.db.write(inbox.keep, api.clock.now(), sender, ["a@example.com"], head, b"x")
    captured = (await api.ok("GET", "/postwright/v1/capture/messages"))["items"][0]
    return {
        "/v4/templates/": {
            "template_name": "hello",
            "version_name": "v1",
            "new_template_name": "other",
            "new_version_name": "v9",
        },
        "/v3/lists/": {"list_address": address, "member_address": "bob@example.com"},
        "/postwright/v1/lists/": {"list_address": address, "task_id": str(upload.get("task-id", ""))},
        "/v5/sandbox/auth_recipients/": {"email": "eve@example.com"},
        "/v1/webhooks/": {"webhook_id": hook["webhook_id"]},
        "/v1/alerts/settings/events/": {"id": setting["id"]},
        "/v1/thresholds/": {"name": "low"},
        "/v3/forwards/": {"id": forward["id"]},
        "/v3/ip_warmups/": {"ip": WARMED},
        "/v3/ip_pools/": {"pool_id": pool["pool_id"], "ip": POOLED},
        "/v3/ips/": {"ip": IP, "addr": IP},
        "/v1/keys/": {"key_id": key["key"]["id"]},
        "/v3/routes/": {"id": route["route"]["id"]},
        "/v5/accounts/subaccounts/": {"subaccount_id": child, "subaccount": child},
        "/postwright/v1/subaccounts/": {"subaccount_id": child},
        "/v5/users/": {"user_id": user},
        "/postwright/v1/users/": {"user_id": user},
        "/postwright/v1/queue/rules/": {"number": str(rule["id"])},
        "/postwright/v1/ips/": {"ip": IP},
        "/postwright/v1/ip_warmups/": {"ip": WARMED},
        "/postwright/v1/capture/rules/": {"number": str(scripted["id"])},
        "/postwright/v1/webhooks/calls/": {"number": str(call["id"])},
        "/postwright/v1/capture/messages/": {"number": str(captured["id"])},
    }


# What the owner does not do, because other operations of this test do the same, or need the name.
UNDONE = {"account_templates.rename", "ip_pools.revoke", "ip_warmups.start"}
# A name of the same form that nobody has.
NOBODY = {
    "template_name": "nothere",
    "version_name": "v1",
    "new_template_name": "other",
    "new_version_name": "v9",
    "list_address": "nobody@nowhere.example",
    "member_address": "bob@example.com",
    "email": "nobody@example.com",
    "ip": "192.0.2.99",
    "addr": "192.0.2.99",
    "name": "nothere",
    "number": "987654",
}


@pytest.fixture
async def api(sqlite_db: Db, tmp_path: Path) -> AsyncIterator[World]:
    """Two accounts; the first has source addresses."""
    async with world(
        sqlite_db, tmp_path, source_ips=f"{IP},{POOLED},{WARMED},{SPARE}", allow_private_targets="yes"
    ) as made:
        yield made


def concerned() -> list[tuple[str, str, str]]:
    """Every operation on one thing that is not named by a domain: method, path, id."""
    found = []
    for (method, shape), (path, operation) in served_operations(CONTROLLERS).items():
        if "{" not in path or "{domain" in path or "/domains/{" in path:
            continue
        if any(shape.startswith(other) for other in OTHERS):
            continue
        found.append((method, path, operation.id))
    return sorted(found, key=lambda each: (each[0] == "DELETE", each[1].count("/") * -1, each))


def filled(path: str, values: dict[str, str]) -> str:
    """The path with parameters."""
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: values.get(found[1], "nothere"), path)


async def test_a_strangers_thing_does_not_exist(api: World) -> None:
    """The answer is that for a thing which nobody has, and its owner finds it there afterwards."""
    known = await things(api)
    words = {
        "CHILD": known["/v5/accounts/subaccounts/"]["subaccount_id"],
        "POOL": known["/v3/ip_pools/"]["pool_id"],
    }
    wrong: list[tuple[object, ...]] = []
    operations = concerned()
    for method, path, id in operations:
        place = _place(known, path)
        given = _worded(FIELDS.get(id, {}), words)
        theirs = await api.call(method, filled(path, place), key=api.two.key, **given)
        other = {name: NOBODY.get(name) or _changed(value) for name, value in place.items()}
        nobodys = await api.call(method, filled(path, other), key=api.two.key, **given)
        told = [_anonymous(each.text, place, other) for each in (theirs, nobodys)]
        if (
            theirs.status_code not in (400, 404)
            or theirs.status_code != nobodys.status_code
            or len({*told}) > 1
        ):
            wrong.append((method, path, theirs.status_code, theirs.text[:100], nobodys.text[:100]))
    assert not wrong, "\n".join(map(str, wrong))
    # The owner finds all of it, with the same requests: they were no bad ones.
    for method, path, id in operations:
        if id in UNDONE:
            continue
        place = _place(known, path)
        answer = await api.call(method, filled(path, place), **_worded(FIELDS.get(id, {}), words))
        if answer.status_code >= 400:
            wrong.append((method, path, answer.status_code, answer.text[:200]))
    assert not wrong, "\n".join(map(str, wrong))


def _place(known: dict[str, dict[str, str]], path: str) -> dict[str, str]:
    found = [values for start, values in known.items() if path.startswith(start)]
    assert found, f"{path}: make such a thing in `things`, or say in OTHERS why it is nobody's"
    return found[0]


def _worded(given: dict[str, Any], words: dict[str, str]) -> dict[str, Any]:
    worded = {
        kind: {name: words.get(value, value) for name, value in given[kind].items()}
        for kind in ("data", "params")
        if kind in given
    }
    return given | worded


def _changed(id: str) -> str:
    """An id of the same form."""
    return id[:-1] + ("1" if id[-1] == "0" else "0")


def _anonymous(text: str, *names: dict[str, str]) -> str:
    for values in names:
        for value in values.values():
            text = text.replace(value, "NAME")
    return text
