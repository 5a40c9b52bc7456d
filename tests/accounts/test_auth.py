"""Who gets in, who does not, and with which words, over real connections."""

import asyncio
import base64
import time
from typing import Any

import pytest
from sqlalchemy import select

from postwright.accounts import api_keys, store
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Db, StoreUnavailable, Write

from .conftest import Answer, Call, World

SENDING = [("POST", "/v3/example.com/messages"), ("POST", "/v3/example.com/messages.mime")]
OTHERS = [
    ("GET", "/v1/keys"),
    ("POST", "/v1/keys"),
    ("DELETE", "/v1/keys/c02fd0ba-d8dbad66"),
    ("POST", "/v1/keys/public"),
    ("GET", "/v5/accounts/http_signing_key"),
    ("POST", "/v5/accounts/http_signing_key"),
    ("GET", "/v3/domains/example.com/messages/x"),
    ("POST", "/v1/analytics/metrics"),
]


def basic(pair: str | bytes, scheme: str = "Basic") -> dict[str, str]:
    raw = pair.encode() if isinstance(pair, str) else pair
    return {"Authorization": f"{scheme} {base64.b64encode(raw).decode()}"}


def is_refusal(answer: Answer, *, sending: bool) -> bool:
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == 'Basic realm="MG API"'
    assert "x-mailgun-key-id" not in answer.headers
    if sending:
        return answer.headers["content-type"].startswith("text/plain") and answer.text == "Forbidden"
    return bool(answer.json == {"message": "Invalid private key"})


@pytest.mark.parametrize(("method", "path"), SENDING + OTHERS)
async def test_no_key_and_a_wrong_key(call: Call, method: str, path: str) -> None:
    sending = (method, path) in SENDING
    assert is_refusal(await call(method, path), sending=sending)
    assert is_refusal(await call(method, path, "key-" + "0" * 32), sending=sending)


async def test_malformed_credentials(world: World, call: Call) -> None:
    secret = (await world.key(await world.account())).secret
    right = base64.b64encode(f"api:{secret}".encode()).decode()
    broken = [
        {},
        {"Authorization": ""},
        {"Authorization": "Basic"},
        {"Authorization": "Basic "},
        {"Authorization": "Basic !!!"},
        {"Authorization": f"Basic {right[:-2]}*="},
        {"Authorization": f"Basic {right} {right}"},
        {"Authorization": right},
        {"Authorization": f"Bearer {secret}"},
        {"Authorization": "Basic \u00fc"},
        basic(secret),
        basic(":" + secret),
        basic("api"),
        basic("api:"),
        basic("API:" + secret),
        basic("user:" + secret),
        basic(f"api:{secret} "),
        basic(f"api:{secret}:"),
        basic(b"api:\xff\xfe"),
        basic(b"api:\x00"),
        basic("api:" + "x" * 1990),
        basic("api:" + "x" * 30_000),
        basic("api:" + secret, "Digest"),
    ]
    for headers in broken:
        assert is_refusal(await call("GET", "/v1/keys", headers=headers), sending=False), headers
        assert is_refusal(await call(*SENDING[0], headers=headers), sending=True), headers
    # The scheme's case does not matter (RFC 7235 2.1).
    assert (await call("GET", "/v1/keys", headers=basic(f"api:{secret}", "bAsIc"))).status == 200


async def test_an_answer_names_the_key(world: World, call: Call) -> None:
    account = await world.account()
    made = await world.key(account)
    got = await call("GET", "/v3/domains/example.com/messages/x", made.secret)
    assert got.json == {"account_id": account, "key_id": made.key.id, "domain": "example.com"}
    assert got.headers["x-mailgun-key-id"] == made.key.id
    missing = await call("DELETE", "/v1/keys/00000000-00000000", made.secret)
    assert (missing.status, missing.headers["x-mailgun-key-id"]) == (404, made.key.id)


async def test_the_public_key_opens_nothing(world: World, call: Call) -> None:
    made = await world.key(await world.account())
    public = (await call("POST", "/v1/keys/public", made.secret)).json["key"]
    assert is_refusal(await call("GET", "/v1/keys", public), sending=False)
    assert is_refusal(await call(*SENDING[0], public), sending=True)


async def test_a_key_chosen_by_the_operator_has_any_shape(world: World, call: Call) -> None:
    made = await world.key(await world.account(), secret="pässwörd: of my own ✓")
    assert made.secret == "pässwörd: of my own ✓"
    credentials = basic(f"api:{made.secret}")
    assert (await call("GET", "/v1/keys", headers=credentials)).status == 200


async def test_a_refusal_does_not_wait_for_the_body(base_url: str) -> None:
    host, port = base_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = "POST /v3/example.com/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n"
    writer.write(f"{head}Authorization: Basic eDp5\r\n\r\n".encode())
    async with asyncio.timeout(5):
        assert (await reader.readline()).startswith(b"HTTP/1.1 401")
    writer.close()
    await writer.wait_closed()


class TestLife:
    async def test_an_expired_key(self, world: World, call: Call) -> None:
        made = await world.key(await world.account(), expiration=60)
        world.clock.advance(59.9)
        assert (await call("GET", "/v1/keys", made.secret)).status == 200
        world.clock.advance(0.1)
        assert is_refusal(await call("GET", "/v1/keys", made.secret), sending=False)
        assert is_refusal(await call(*SENDING[0], made.secret), sending=True)

    async def test_a_disabled_key(self, world: World, call: Call) -> None:
        made = await world.key(await world.account())
        await world.set_key(made.key.id, is_disabled=True, disabled_reason="leaked")
        assert is_refusal(await call("GET", "/v1/keys", made.secret), sending=False)

    async def test_a_deleted_key_stops_at_once_here_and_within_a_second_elsewhere(
        self, world: World, call: Call, other_url: str
    ) -> None:
        account = await world.account()
        admin, victim = await world.key(account), await world.key(account)
        assert (await call("GET", "/v1/keys", victim.secret)).status == 200
        assert (await call("GET", "/v1/keys", victim.secret, base=other_url)).status == 200
        assert (await call("DELETE", f"/v1/keys/{victim.key.id}", admin.secret)).status == 200
        deleted = time.monotonic()
        assert is_refusal(await call("GET", "/v1/keys", victim.secret), sending=False)
        asked = deleted
        while asked < deleted + 1.5:
            asked = time.monotonic()
            answer = await call("GET", "/v1/keys", victim.secret, base=other_url)
            assert answer.status == 401 or asked - deleted < 1.0
            await asyncio.sleep(0.02)
        assert (await call("GET", "/v1/keys", admin.secret, base=other_url)).status == 200

    async def test_a_new_key_works_at_once_everywhere(self, world: World, call: Call, other_url: str) -> None:
        secret = "0" * 32
        assert (await call("GET", "/v1/keys", secret)).status == 401
        assert (await call("GET", "/v1/keys", secret, base=other_url)).status == 401
        await world.key(await world.account(), secret=secret)
        assert (await call("GET", "/v1/keys", secret)).status == 200
        assert (await call("GET", "/v1/keys", secret, base=other_url)).status == 200

    async def test_a_key_in_use_is_not_read_for_each_request(
        self, world: World, call: Call, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = await world.key(await world.account())
        read, reads = store.holder, []
        monkeypatch.setattr(store, "holder", lambda tx, digest: reads.append(digest) or read(tx, digest))
        began = time.monotonic()
        for _ in range(30):
            assert (await call(*SENDING[0], made.secret)).status == 200
        assert 1 <= len(reads) <= 2 + (time.monotonic() - began)

    async def test_an_account_that_is_disabled_or_closed(self, world: World, call: Call) -> None:
        disabled, closed = await world.account(), await world.account()
        first, second = await world.key(disabled), await world.key(closed)
        await world.set_account(disabled, status="disabled")
        await world.set_account(closed, status="closed")
        for method, path in SENDING + OTHERS:
            answer = await call(method, path, first.secret)
            assert (answer.status, answer.json) == (403, {"message": "Account is disabled"})
            sending = (method, path) in SENDING
            assert is_refusal(await call(method, path, second.secret), sending=sending)

    async def test_use_is_noted_to_the_hour(self, world: World, call: Call) -> None:
        made = await world.key(await world.account())
        seen = select(api_keys.c.last_used_at, api_keys.c.updated_at)
        assert (await world.db.read(lambda tx: tx.row(seen))).last_used_at is None
        first = world.clock.now()
        assert (await call("GET", "/v1/keys", made.secret)).status == 200
        assert tuple(await world.db.read(lambda tx: tx.row(seen))) == (first, made.key.updated_at)
        for hours, expected in ((0.5, first), (0.6, first + int(1.1 * 3600 * SECOND))):
            world.clock.advance(hours * 3600)
            world.forget()  # a second passes, and the key must be read again
            assert (await call("GET", "/v1/keys", made.secret)).status == 200
            assert (await world.db.read(lambda tx: tx.row(seen))).last_used_at == expected

    async def test_a_store_that_cannot_write_can_be_read(
        self, world: World, call: Call, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = await world.key(await world.account())

        async def full(self: Db, fn: Any, *args: Any, **kwargs: Any) -> None:
            raise StoreUnavailable

        monkeypatch.setattr(Db, "write", full)
        assert (await call("GET", "/v1/keys", made.secret)).status == 200
        assert (await call("POST", "/v1/keys/public", made.secret)).status == 503


class TestRights:
    # role: reads keys, writes keys, reads the signing key, writes it, sends, reads messages, asks for metrics
    EXPECTED = {
        "admin": "1111111",
        "developer": "1011111",
        "basic": "0010011",
        "support": "0010011",
        "sending": "0000100",
    }

    @pytest.mark.parametrize("role", EXPECTED)
    async def test_each_operation_under_each_role(self, world: World, call: Call, role: str) -> None:
        account = await world.account()
        victim = await world.key(account)
        secret = (await world.key_of(account, role)).secret
        operations: list[list[tuple[str, str, dict[str, Any]]]] = [
            [("GET", "/v1/keys", {})],
            [
                ("POST", "/v1/keys", {"data": {"role": "basic"}}),
                ("POST", "/v1/keys/public", {}),
                ("DELETE", f"/v1/keys/{victim.key.id}", {}),
            ],
            [("GET", "/v5/accounts/http_signing_key", {})],
            [("POST", "/v5/accounts/http_signing_key", {})],
            [(method, path, {"data": {"text": "x"}}) for method, path in SENDING],
            [("GET", "/v3/domains/example.com/messages/x", {})],
            [("POST", "/v1/analytics/metrics", {"json": {"text": "x"}})],
        ]
        before = await world.db.read(lambda tx: tx.rows(select(api_keys.c.id)))
        for allowed, group in zip(self.EXPECTED[role], operations, strict=True):
            for method, path, more in group:
                answer = await call(method, path, secret, **more)
                if allowed == "1":
                    assert answer.status == 200, (method, path)
                else:
                    assert (answer.status, answer.json) == (403, {"message": "Forbidden"}), (method, path)
        if role != "admin":
            assert await world.db.read(lambda tx: tx.rows(select(api_keys.c.id))) == before

    async def test_a_domain_key_sends_from_its_own_domain_only(self, world: World, call: Call) -> None:
        account = await world.account()
        secret = (await world.key_of(account, "sending")).secret
        for name in ("example.com", "EXAMPLE.com", "%65xample.com"):
            assert (await call("POST", f"/v3/{name}/messages", secret)).status == 200, name
        others = ("example.org", "sub.example.com", "example.com.", "xample.com", "%ff", "a%2Fb", "x" * 300)
        for name in others:
            for operation in ("messages", "messages.mime"):
                answer = await call("POST", f"/v3/{name}/{operation}", secret)
                assert answer.status in (403, 404), name
                if answer.status == 403:
                    assert answer.json == {"message": "Forbidden"}

    async def test_the_domain_of_a_key_is_found_in_every_spelling(self, world: World, call: Call) -> None:
        made = await world.key(await world.account(), "sending", kind="domain", domain_name="BÜCHER.example")
        assert made.key.domain_name == "xn--bcher-kva.example"
        for name in ("xn--bcher-kva.example", "b%C3%BCcher.example", "B%C3%9CCHER.example"):
            assert (await call("POST", f"/v3/{name}/messages", made.secret)).status == 200, name


class TestOnBehalf:
    async def test_a_primary_key_acts_on_a_subaccount(self, world: World, call: Call) -> None:
        parent = await world.account()
        child = await world.account("Child", parent)
        made = await world.key(parent)
        behalf = {"X-Mailgun-On-Behalf-Of": child}
        for account, headers in ((parent, {}), (child, behalf)):
            got = await call("GET", "/v3/domains/example.com/messages/x", made.secret, headers=headers)
            assert got.json["account_id"] == account
            assert got.headers["x-mailgun-key-id"] == made.key.id
        created = await call("POST", "/v1/keys", made.secret, headers=behalf, data={"role": "admin"})
        listed = await call("GET", "/v1/keys", made.secret, headers=behalf)
        assert [item["id"] for item in listed.json["items"]] == [created.json["key"]["id"]]
        own = await call("GET", "/v3/domains/example.com/messages/x", created.json["key"]["secret"])
        assert own.json["account_id"] == child
        signing = [
            (await call("GET", "/v5/accounts/http_signing_key", made.secret, headers=headers)).text
            for headers in ({}, behalf)
        ]
        assert signing[0] != signing[1]

    async def test_nobody_elses_account(self, world: World, call: Call) -> None:
        mine, foreign = await world.account(), await world.account("Foreign")
        my_child = await world.account("Child", mine)
        foreign_child = await world.account("Foreign child", foreign)
        admin, child_admin = await world.key(mine), await world.key(my_child)
        unknown = [
            "646d00a1b32c35364a2ad34f",
            "x",
            my_child.upper(),
            f"{my_child}0",
            "ü",
            "'; --",
            "0" * 5000,
        ]
        for secret, names in (
            (admin.secret, [foreign, foreign_child, mine, *unknown]),
            (child_admin.secret, [my_child, mine, foreign, foreign_child]),
        ):
            for name in names:
                answer = await call(
                    "POST", "/v1/keys/public", secret, headers={"X-Mailgun-On-Behalf-Of": name}
                )
                assert (answer.status, answer.json) == (404, {"message": "Subaccount not found"}), name

    async def test_a_domain_key_acts_on_nobodys_behalf(self, world: World, call: Call) -> None:
        parent = await world.account()
        child = await world.account("Child", parent)
        made = await world.key_of(parent, "sending")
        answer = await call(*SENDING[0], made.secret, headers={"X-Mailgun-On-Behalf-Of": child})
        assert (answer.status, answer.json) == (403, {"message": "Forbidden"})

    async def test_the_role_stays_that_of_the_key(self, world: World, call: Call) -> None:
        parent = await world.account()
        behalf = {"X-Mailgun-On-Behalf-Of": await world.account("Child", parent)}
        made = await world.key(parent, "basic")
        assert (await call("GET", "/v5/accounts/http_signing_key", made.secret, headers=behalf)).status == 200
        assert (
            await call("POST", "/v5/accounts/http_signing_key", made.secret, headers=behalf)
        ).status == 403

    async def test_a_disabled_and_a_closed_subaccount(self, world: World, call: Call, other_url: str) -> None:
        parent = await world.account()
        child = await world.account("Child", parent)
        made, behalf = await world.key(parent), {"X-Mailgun-On-Behalf-Of": child}
        assert (await call("GET", "/v1/keys", made.secret, headers=behalf)).status == 200
        for status, expected in (("disabled", 403), ("closed", 404)):
            await world.set_account(child, status=status)
            changed = asked = time.monotonic()
            while asked < changed + 1.2:
                asked = time.monotonic()
                got = await call("GET", "/v1/keys", made.secret, headers=behalf)
                assert got.status == expected or asked - changed < 1.0
                await asyncio.sleep(0.05)
        # A process that was not asked before sees it at once.
        assert (await call("GET", "/v1/keys", made.secret, headers=behalf, base=other_url)).status == 404
        assert (await call("GET", "/v1/keys", made.secret)).status == 200


async def test_many_wrong_keys_leave_nothing_behind(world: World, call: Call, base_url: str) -> None:
    made = await world.key(await world.account())

    def rows(tx: Write) -> int:
        return len(tx.rows(select(api_keys)))

    answers = await asyncio.gather(*(call("GET", "/v1/keys", f"{n:032x}") for n in range(200)))
    assert {answer.status for answer in answers} == {401}
    assert (await call("GET", "/v1/keys", made.secret)).status == 200
    assert await world.db.write(rows) == 1
