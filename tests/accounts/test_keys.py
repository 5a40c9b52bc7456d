"""The operations on keys: what they answer, store, refuse and leave alone."""

import asyncio
import re
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from sqlalchemy import select

from postwright.accounts import accounts, api_keys, delete_domain_keys, service
from postwright.accounts.errors import KeyLimitReached
from postwright.kernel.db import Db
from postwright.kernel.secrets import digest

from .conftest import Call, World

SECRET = re.compile(r"[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}")
KEY_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{8}")


def stamp(micros: int) -> str:
    return datetime.fromtimestamp(micros // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S")


async def stored(world: World) -> list[dict[str, Any]]:
    rows = await world.db.read(lambda tx: tx.rows(select(api_keys).order_by(api_keys.c.id)))
    return [dict(row._mapping) | {"last_used_at": None} for row in rows]


async def test_create_with_every_field(world: World, call: Call) -> None:
    admin = (await world.key(await world.account())).secret
    fields = {
        "role": "developer",
        "kind": "user",
        "description": "CI – Prüfung",
        "user_id": "5edd97f6e15d5b6b5c5d9c1b",
        "user_name": "Jane Doe",
        "email": "janedoe@example.com",
        "expiration": "3600",
    }
    answer = await call("POST", "/v1/keys", admin, data=fields)
    assert answer.status == 200
    key = answer.json["key"]
    assert KEY_ID.fullmatch(key["id"]) and SECRET.fullmatch(key["secret"])
    now = world.clock.now()
    assert answer.json == {
        "message": "great success",
        "key": {
            "id": key["id"],
            "description": "CI – Prüfung",
            "kind": "user",
            "role": "developer",
            "created_at": stamp(now),
            "updated_at": stamp(now),
            "expires_at": stamp(now + 3600 * 1_000_000),
            "is_disabled": False,
            "domain_name": None,
            "requestor": "janedoe@example.com",
            "user_name": "Jane Doe",
            "secret": key["secret"],
        },
    }
    assert (await call("GET", "/v5/accounts/http_signing_key", key["secret"])).status == 200
    listed = (await call("GET", "/v1/keys", admin)).json
    assert listed["total_count"] == 2
    assert {k: v for k, v in key.items() if k != "secret"} in listed["items"]
    assert key["secret"] not in str(listed)


async def test_create_with_the_least(world: World, call: Call) -> None:
    admin = (await world.key(await world.account())).secret
    key = (await call("POST", "/v1/keys", admin, data={"role": "basic"})).json["key"]
    assert (key["kind"], key["role"], key["description"]) == ("user", "basic", "")
    assert key["domain_name"] is key["requestor"] is key["user_name"] is None
    assert "expires_at" not in key and "disabled_reason" not in key


@pytest.mark.parametrize("shape", ["multipart", "urlencoded", "json", "query"])
async def test_create_in_every_encoding(world: World, call: Call, shape: str) -> None:
    admin = (await world.key(await world.account())).secret
    fields = {"role": "developer", "description": "a b", "expiration": "60"}
    sent: dict[str, Any] = {"data": fields}
    path = "/v1/keys"
    if shape == "multipart":
        form = aiohttp.FormData(default_to_multipart=True)
        for name, value in fields.items():
            form.add_field(name, value)
        sent = {"data": form}
    elif shape == "json":
        sent = {"json": fields | {"expiration": 60}}
    elif shape == "query":
        sent, path = {}, "/v1/keys?role=developer&description=a%20b&expiration=60"
    key = (await call("POST", path, admin, **sent)).json["key"]
    assert (key["role"], key["description"]) == ("developer", "a b")
    assert key["expires_at"] == stamp(world.clock.now() + 60 * 1_000_000)


async def test_a_domain_key(world: World, call: Call) -> None:
    account = await world.account()
    world.owned.add((account, "example.com"))
    admin = (await world.key(account)).secret
    fields = {"role": "sending", "kind": "domain", "domain_name": "Example.COM"}
    key = (await call("POST", "/v1/keys", admin, data=fields)).json["key"]
    assert (key["kind"], key["role"], key["domain_name"]) == ("domain", "sending", "example.com")
    assert (await call("POST", "/v3/example.com/messages", key["secret"])).status == 200


async def test_a_web_key_lives_a_day(world: World, call: Call) -> None:
    admin = (await world.key(await world.account())).secret
    fields = {"role": "admin", "kind": "web", "user_id": "u1", "email": "jane@example.com"}
    key = (await call("POST", "/v1/keys", admin, data=fields)).json["key"]
    assert key["expires_at"] == stamp(world.clock.now() + 86_400 * 1_000_000)
    short = (await call("POST", "/v1/keys", admin, data=fields | {"expiration": "60"})).json["key"]
    assert short["expires_at"] == stamp(world.clock.now() + 60 * 1_000_000)
    assert (await call("GET", "/v1/keys", short["secret"])).status == 200


_KINDS = "expected `kind` param to be one of [domain user web] or absent"
_ROLES = "expected `role` param to be one of [admin basic sending developer]"
_SENDING = "role sending is for keys of kind domain, which can have no other role"
_WEB = "`user_id` and `email` params are required for keys of kind web"
_POSITIVE = "`expiration` param must be greater than 0"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "role parameter is missing"),
        ({"role": ""}, "role parameter is missing"),
        ({"role": "owner"}, _ROLES),
        ({"role": "support"}, _ROLES),
        ({"role": "Admin"}, _ROLES),
        ({"role": "admin", "kind": "public"}, _KINDS),
        ({"role": "admin", "kind": "x\0"}, None),
        ({"role": "sending"}, _SENDING),
        ({"role": "sending", "kind": "web", "user_id": "u", "email": "a@b.c"}, _SENDING),
        ({"role": "admin", "kind": "domain", "domain_name": "example.com"}, _SENDING),
        ({"role": "sending", "kind": "domain"}, "`domain_name` param is required for keys of kind domain"),
        ({"role": "admin", "domain_name": "example.com"}, "`domain_name` param is for keys of kind domain"),
        ({"role": "sending", "kind": "domain", "domain_name": "other.com"}, "domain other.com not found"),
        ({"role": "sending", "kind": "domain", "domain_name": "a b\0"}, None),
        ({"role": "sending", "kind": "domain", "domain_name": "x" * 10_000}, None),
        ({"role": "admin", "kind": "web"}, _WEB),
        ({"role": "admin", "kind": "web", "user_id": "u"}, _WEB),
        ({"role": "admin", "kind": "web", "email": "a@b.c"}, _WEB),
        (
            {"role": "admin", "kind": "web", "user_id": "u", "email": "a@b.c", "expiration": "86401"},
            "`expiration` param must not be greater than 86400 for keys of kind web",
        ),
        ({"role": "admin", "expiration": "0"}, _POSITIVE),
        ({"role": "admin", "expiration": "-5"}, _POSITIVE),
        ({"role": "admin", "expiration": "soon"}, None),
        ({"role": "admin", "expiration": "1.5"}, None),
        ({"role": "admin", "expiration": "3153600001"}, None),
        ({"role": "admin", "expiration": "9" * 19}, None),
        ({"role": "admin", "expiration": "9" * 400}, None),
        ({"role": "admin", "description": "x" * 1001}, None),
        ({"role": "admin", "description": "a\0b"}, None),
        ({"role": "admin", "description": "a\x1bb"}, "`description` param must not have control characters"),
        ({"role": "admin", "user_name": "x" * 321}, None),
        ({"role": "admin", "user_name": "a\r\nb"}, "`user_name` param must not have control characters"),
        ({"role": "admin", "email": "x" * 321}, None),
        ({"role": "admin", "user_id": "\x7f"}, "`user_id` param must not have control characters"),
    ],
)
async def test_what_cannot_be_created(
    world: World, call: Call, fields: dict[str, str], message: str | None
) -> None:
    account, foreign = await world.account(), await world.account()
    world.owned |= {(account, "example.com"), (foreign, "other.com")}
    admin = (await world.key(account)).secret
    before = await stored(world)
    answer = await call("POST", "/v1/keys", admin, data=fields)
    assert answer.status == 400
    assert answer.json["message"] == message or (message is None and answer.json["message"])
    assert await stored(world) == before


async def test_bodies_that_are_no_parameters(world: World, call: Call) -> None:
    admin = (await world.key(await world.account())).secret
    before = await stored(world)
    labels = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data", "image/png", "")
    for label in labels:
        for body in (
            b"",
            b"{",
            b"[]",
            b"null",
            b'{"role": 5}',
            b'{"role": "\\ud800"}',
            b"role=%zz",
            b"\xff=\xfe",
        ):
            answer = await call("POST", "/v1/keys", admin, data=body, headers={"Content-Type": label})
            assert answer.status == 400, (label, body)
            assert answer.json["message"]
    assert await stored(world) == before


async def test_lists_are_filtered_and_in_order(world: World, call: Call) -> None:
    account, foreign = await world.account(), await world.account()
    admin = await world.key(account)
    await world.key(foreign)
    web = {"kind": "web", "user_id": "u", "email": "a@b.c"}
    made = [admin]
    for more in (
        {"role": "basic"},
        {"role": "admin", **web},
        {"role": "sending", "domain_name": "a.example"},
    ):
        world.clock.advance(1)
        kind = {"kind": "domain"} if "domain_name" in more else {}
        made.append(await world.key(account, **more, **kind))
    world.clock.advance(1)
    made.append(await world.key(account, "sending", kind="domain", domain_name="b.example"))
    ids = [one.key.id for one in made]
    for query, expected in (
        ("", ids),
        ("?kind=", ids),
        ("?kind=user", ids[:2]),
        ("?kind=web", ids[2:3]),
        ("?kind=domain", ids[3:]),
        ("?domain_name=a.example", ids[3:4]),
        ("?domain_name=A.Example&kind=domain", ids[3:4]),
        ("?domain_name=a.example&kind=user", []),
        ("?domain_name=nobody.example", []),
    ):
        got = (await call("GET", f"/v1/keys{query}", admin.secret)).json
        assert [item["id"] for item in got["items"]] == expected, query
        assert got["total_count"] == len(expected)
    answer = await call("GET", "/v1/keys?kind=public", admin.secret)
    assert (answer.status, answer.json) == (400, {"message": _KINDS})
    for query in (
        "?kind=%00",
        "?domain_name=%00",
        "?domain_name=" + "x" * 1000,
        "?domain_name=%ff",
        "?kind=%zz",
    ):
        answer = await call("GET", f"/v1/keys{query}", admin.secret)
        assert answer.status == 400 and answer.json["message"], query


async def test_expired_and_disabled_keys_are_listed_as_such(world: World, call: Call) -> None:
    account = await world.account()
    admin = await world.key(account)
    world.clock.advance(1)
    expired = await world.key(account, expiration=1)
    await world.set_key(expired.key.id, is_disabled=True, disabled_reason="leaked")
    world.clock.advance(10)
    item = (await call("GET", "/v1/keys", admin.secret)).json["items"][1]
    assert (item["is_disabled"], item["disabled_reason"]) == (True, "leaked")
    assert item["expires_at"] == stamp(expired.key.created_at + 1_000_000)


async def test_delete(world: World, call: Call) -> None:
    account, foreign = await world.account(), await world.account()
    admin, victim, alien = await world.key(account), await world.key(account), await world.key(foreign)
    answer = await call("DELETE", f"/v1/keys/{victim.key.id}", admin.secret)
    assert (answer.status, answer.json) == (200, {"message": "key deleted"})
    assert [row["id"] for row in await stored(world)] == sorted([admin.key.id, alien.key.id])
    unknown = [alien.key.id, victim.key.id, "x", admin.key.id.upper() + "0", "%20", "%27%3B--", "x" * 5000]
    for name in unknown:
        answer = await call("DELETE", f"/v1/keys/{name}", admin.secret)
        assert (answer.status, answer.json) == (404, {"message": "no key matching id"}), name
    for name in ("%00", "%ff"):
        assert (await call("DELETE", f"/v1/keys/{name}", admin.secret)).status == 404
    assert (await call("GET", "/v1/keys", alien.secret)).status == 200
    own = await call("DELETE", f"/v1/keys/{admin.key.id}", admin.secret)
    assert (own.status, own.json) == (200, {"message": "key deleted"})
    assert (await call("GET", "/v1/keys", admin.secret)).status == 401


async def test_the_public_key_is_replaced_and_hashed(world: World, call: Call) -> None:
    account, foreign = await world.account(), await world.account()
    admin = (await world.key(account)).secret

    def digests(tx: Any) -> dict[str, str]:
        return {row.id: row.public_key for row in tx.rows(select(accounts.c.id, accounts.c.public_key))}

    before = await world.db.read(digests)
    first, second = [(await call("POST", "/v1/keys/public", admin)).json for _ in range(2)]
    assert set(first) == {"key", "message"} and first["key"] != second["key"]
    assert re.fullmatch(r"pubkey-[0-9a-f]{32}", second["key"])
    assert second["message"] == "The public API key has been successfully regenerated."
    after = await world.db.read(digests)
    assert after == {account: digest(second["key"]), foreign: before[foreign]}


async def test_no_secret_is_stored(world: World, call: Call) -> None:
    admin = (await world.key(await world.account())).secret
    secret = (await call("POST", "/v1/keys", admin, data={"role": "admin"})).json["key"]["secret"]
    everything = str(await stored(world))
    assert digest(secret) in everything
    assert secret not in everything and admin not in everything


class TestLimit:
    async def test_the_limit(self, world: World, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(service, "MAX_KEYS", 3)
        account, other = await world.account(), await world.account()
        admin, elsewhere = (await world.key(account)).secret, (await world.key(other)).secret
        for _ in range(2):
            assert (await call("POST", "/v1/keys", admin, data={"role": "basic"})).status == 200
        answer = await call("POST", "/v1/keys", admin, data={"role": "basic"})
        assert answer.status == 403
        assert answer.json == {"message": "could not create key, account limit reached"}
        assert (await call("GET", "/v1/keys", admin)).json["total_count"] == 3
        assert (await call("POST", "/v1/keys", elsewhere, data={"role": "basic"})).status == 200

    async def test_ended_sessions_do_not_count(
        self, world: World, call: Call, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(service, "MAX_KEYS", 3)
        account = await world.account()
        admin = (await world.key(account)).secret
        session = {"role": "admin", "kind": "web", "user_id": "u", "email": "a@b.c", "expiration": "60"}
        user = (await call("POST", "/v1/keys", admin, data={"role": "basic", "expiration": "60"})).json["key"]
        ended = (await call("POST", "/v1/keys", admin, data=session)).json["key"]
        assert (await call("POST", "/v1/keys", admin, data=session)).status == 403
        world.clock.advance(60)
        assert (await call("POST", "/v1/keys", admin, data=session)).status == 200
        ids = {row["id"] for row in await stored(world)}
        assert ended["id"] not in ids and user["id"] in ids

    async def test_it_holds_for_processes_that_create_at_once(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(service, "MAX_KEYS", 5)
        account = await world.account()

        async def make(db: Db) -> None:
            await db.write(service.create_key, world.clock.now(), account, role="basic")

        dbs = [world.db, world.other_db] * 10
        results = await asyncio.gather(*map(make, dbs), return_exceptions=True)
        assert sum(result is None for result in results) == 5
        assert sum(isinstance(result, KeyLimitReached) for result in results) == 15
        assert len(await stored(world)) == 5


async def test_two_keys_cannot_have_one_secret(world: World) -> None:
    account, other = await world.account(), await world.account()
    await world.key(account, secret="mine")
    with pytest.raises(service.BadKey, match="another key has this secret"):
        await world.key(other, secret="mine")
    assert [row["account_id"] for row in await stored(world)] == [account]


async def test_a_key_needs_an_account(world: World) -> None:
    with pytest.raises(service.AccountNotFound):
        await world.key("0" * 24)


async def test_the_keys_of_a_domain_go_with_it(world: World, call: Call) -> None:
    account, other = await world.account(), await world.account()
    mine, gone, alien = [
        await world.key(owner, "sending", kind="domain", domain_name=name)
        for owner, name in ((account, "b.example"), (account, "a.example"), (other, "a.example"))
    ]
    assert await world.db.write(delete_domain_keys, account, "a.example") == 1
    for made, name, status in ((mine, "b", 200), (gone, "a", 401), (alien, "a", 200)):
        assert (await call("POST", f"/v3/{name}.example/messages", made.secret)).status == status


async def test_the_first_account_is_the_oldest_primary_one(world: World) -> None:
    assert await world.db.read(service.any_account) is None
    first = await world.account()
    world.clock.advance(-1)
    await world.account("Child", first)
    world.clock.advance(2)
    await world.account()
    assert await world.db.read(service.any_account) == first
