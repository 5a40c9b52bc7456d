"""Domains over HTTP: what is stored, what is answered, what is refused."""

from datetime import UTC, datetime
from typing import Any

import pytest

from postwright import accounts, domains
from tests.world import World


async def create(api: World, name: str = "mg.acme.test", **fields: Any) -> dict[str, Any]:
    return await api.ok("POST", "/v4/domains", data={"name": name, **fields})


async def refused(api: World, method: str, path: str, **more: Any) -> tuple[int, str]:
    answer = await api.call(method, path, **more)
    return answer.status_code, answer.json()["message"]


def has_null(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(has_null, value.values()))
    if isinstance(value, list):
        return any(map(has_null, value))
    return value is None


async def test_create_shows_everything(api: World) -> None:
    body = await create(api, " MG.Acme.test. ")
    assert body["message"] == "Domain DNS records have been created"
    domain = body["domain"]
    created = datetime.fromtimestamp(api.clock.now() // 1_000_000, UTC)
    assert domain == {
        "created_at": created.strftime("%a, %d %b %Y %H:%M:%S GMT"),
        "id": domain["id"],
        "name": "mg.acme.test",
        "state": "active",  # a capture instance trusts
        "type": "custom",
        "smtp_login": "postmaster@mg.acme.test",
        "spam_action": "disabled",
        "wildcard": False,
        "require_tls": False,
        "skip_verification": False,
        "is_disabled": False,
        "web_prefix": "email",
        "web_scheme": "http",
        "use_automatic_sender_security": False,
        "encrypt_incoming_message": False,
        "tracking_host": "email.mg.acme.test",
    }
    assert len(domain["id"]) == 24 and int(domain["id"], 16)
    assert body["receiving_dns_records"] == [
        {
            "record_type": "MX",
            "value": f"mx{letter}.mail.example.com",
            "priority": "10",
            "valid": "unknown",
            "is_active": False,
            "cached": [],
        }
        for letter in "ab"
    ]
    spf, key, tracking = body["sending_dns_records"]
    unknown = {"valid": "unknown", "is_active": False, "cached": []}
    assert spf == {
        "record_type": "TXT",
        "name": "mg.acme.test",
        "value": "v=spf1 a:mail.example.com ~all",
        **unknown,
    }
    assert (key["record_type"], key["name"]) == ("TXT", "s1._domainkey.mg.acme.test")
    assert tracking == {
        "record_type": "CNAME",
        "name": "email.mg.acme.test",
        "value": "mail.example.com",
        **unknown,
    }
    assert body["use_automatic_sender_security"] is False
    assert not has_null(body)
    shown = await api.ok("GET", "/v3/domains/MG.acme.test")
    assert shown == {name: value for name, value in body.items() if name != "message"}


async def test_every_setting(api: World) -> None:
    given = {
        "spam_action": "tag",
        "wildcard": "true",
        "require_tls": "yes",
        "skip_verification": "1",
        "web_scheme": "https",
        "web_prefix": "Links",
        "message_ttl": "3600",
    }
    expected = {
        "spam_action": "tag",
        "wildcard": True,
        "require_tls": True,
        "skip_verification": True,
        "web_scheme": "https",
        "web_prefix": "links",
        "message_ttl": 3600,
        "tracking_host": "links.mg.acme.test",
    }
    made = (await create(api, **given))["domain"]
    assert expected.items() <= made.items()
    plain = (await create(api, "plain.test"))["domain"]
    assert "message_ttl" not in plain
    body = await api.ok("PUT", "/v4/domains/plain.test", data=given)
    assert body["message"] == "Domain has been updated"
    assert (expected | {"tracking_host": "links.plain.test"}).items() <= body["domain"].items()
    assert body["sending_dns_records"][-1]["name"] == "links.plain.test"
    # What is left out stays; what is given changes.
    body = await api.ok("PUT", "/v3/domains/plain.test", data={"wildcard": "no", "spam_action": "delete"})
    assert body["domain"]["wildcard"] is False and body["domain"]["spam_action"] == "block"
    assert body["domain"]["require_tls"] is True and body["domain"]["web_scheme"] == "https"
    assert (await api.ok("GET", "/v4/domains/plain.test"))["domain"] == body["domain"]


NAME = "Domain name is not valid"


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"name": "one.example.com"}, "This domain name is already taken"),
        ({"name": "two.example.org"}, "This domain name is already taken"),  # another account's
        ({"name": "com"}, NAME),
        ({"name": "192.0.2.1"}, NAME),
        ({"name": "a b.test"}, NAME),
        ({"name": "a..test"}, NAME),
        ({"name": "-a.test"}, NAME),
        ({"name": "x" * 64 + ".test"}, NAME),
        ({"name": ".".join(["abcdefgh"] * 40)}, NAME),
        ({"name": "\u2603\u202e.test"}, NAME),
        ({"smtp_password": "1234"}, "Password is too short. It must be between 5 and 32 characters."),
        ({"smtp_password": "x" * 33}, "Password is too short. It must be between 5 and 32 characters."),
        ({"dkim_key_size": "512"}, "dkim_key_size is not valid"),
        ({"dkim_selector": "a b"}, "dkim_selector is not valid"),
        ({"dkim_selector": "a..b"}, "dkim_selector is not valid"),
        ({"dkim_host_name": "acme.test", "force_dkim_authority": "yes"}, "dkim_host_name can't be used with"),
        ({"dkim_host_name": "acme.test", "force_root_dkim_host": "yes"}, "dkim_host_name can't be used with"),
        ({"dkim_host_name": "other.test"}, "dkim_host_name must be the domain itself"),
        ({"ips": "192.0.2.77"}, "IP 192.0.2.77 does not belong to this account"),
        ({"pool_id": "62bb"}, "IP pool 62bb not found"),
        ({"spam_action": "eat"}, "spam_action is not valid"),
        ({"web_scheme": "ftp"}, "web_scheme is not valid"),
        ({"web_prefix": "a.b"}, "web_prefix is not valid"),
        ({"wildcard": "perhaps"}, "wildcard parameter is not valid"),
        ({"message_ttl": "-1"}, "message_ttl is not valid"),
        ({"message_ttl": "9999999999"}, "message_ttl is not valid"),
        ({"message_ttl": "9" * 30}, "message_ttl parameter is not valid"),
        ({"archive_to": "ftp://x.test"}, "archive_to is not a valid url"),
        ({"archive_to": "http://[::1"}, "archive_to is not a valid url"),
    ],
)
async def test_create_refuses(api: World, fields: dict[str, str], text: str) -> None:
    before = (await api.ok("GET", "/v4/domains"))["total_count"]
    status, message = await refused(api, "POST", "/v4/domains", data={"name": "bad.acme.test", **fields})
    assert status == 400 and message.startswith(text)
    assert (await api.ok("GET", "/v4/domains"))["total_count"] == before


async def test_a_name_is_needed(api: World) -> None:
    status, message = await refused(api, "POST", "/v4/domains", data={"wildcard": "yes"})
    assert status == 400 and "name" in message


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"spam_action": "eat"}, "spam_action is not valid"),
        ({"web_prefix": ".."}, "web_prefix is not valid"),
        ({"smtp_password": "1234"}, "Password is too short"),
        ({"use_automatic_sender_security": "yes"}, "use_automatic_sender_security can only be chosen"),
        ({"mailfrom_host": "elsewhere.test"}, "mailfrom_host must be the domain itself"),
        ({"mailfrom_host": "no host"}, NAME),
    ],
)
async def test_change_refuses_and_changes_nothing(api: World, fields: dict[str, str], text: str) -> None:
    before = await api.ok("GET", "/v4/domains/{d}")
    status, message = await refused(api, "PUT", "/v4/domains/{d}", data={"wildcard": "yes", **fields})
    assert status == 400 and message.startswith(text)
    assert await api.ok("GET", "/v4/domains/{d}") == before


async def test_return_host(api: World) -> None:
    body = await api.ok("PUT", "/v4/domains/{d}", data={"mailfrom_host": "Bounce.One.example.com"})
    assert body["domain"]["mailfrom_host"] == "bounce.one.example.com"
    body = await api.ok("PUT", "/v4/domains/{d}", data={"mailfrom_host": ""})
    assert "mailfrom_host" not in body["domain"]


async def test_return_host_of_a_stranger(api: World) -> None:
    # Mail captured for the host would be shown to whoever names it.
    await api.ok("POST", "/v4/domains", data={"name": "below.two.example.org"})
    status, message = await refused(
        api, "PUT", "/v4/domains/below.two.example.org", data={"mailfrom_host": "two.example.org"}
    )
    assert (status, message) == (400, "mailfrom_host belongs to another account")


async def test_list(api: World) -> None:
    names = ["b.acme.test", "a.acme.test", "c_d.other.test"]
    for name in names:
        api.clock.advance(1.0)
        await create(api, name, force_dkim_authority="yes")
    await create(api, "sub.a.acme.test")  # under the key of a.acme.test, and as old as c_d

    async def found(**query: Any) -> list[str]:
        body = await api.ok("GET", "/v4/domains", params=query)
        assert not has_null(body)
        return [domain["name"] for domain in body["items"]]

    newest_first = await found()
    assert newest_first[2:] == ["a.acme.test", "b.acme.test", "one.example.com"]
    by_name = sorted(newest_first)
    assert await found(sort="name") == await found(sort="name:asc") == by_name
    assert await found(sort="name:desc") == by_name[::-1]
    assert await found(search="ACME") == [name for name in newest_first if "acme" in name]
    assert await found(search="c_d") == ["c_d.other.test"]
    assert await found(search="_") == ["c_d.other.test"] and await found(search="%") == []
    assert set(await found(authority="a.acme.test")) == {"a.acme.test", "sub.a.acme.test"}
    # `authority` does not count beside `state`.
    assert await found(state="active", authority="a.acme.test") == newest_first
    assert await found(state="unverified") == []
    pages = [await found(limit=2, skip=skip) for skip in (0, 2, 4, 6)]
    assert [name for page in pages for name in page] == newest_first
    assert [len(page) for page in pages] == [2, 2, 1, 0]
    body = await api.ok("GET", "/v3/domains", params={"limit": 1, "search": "acme"})
    assert body["total_count"] == 3 and len(body["items"]) == 1


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("limit=1001", "The 'limit' parameter can't be larger than 1000"),
        ("limit=x", "limit parameter is not valid"),
        ("limit=-1", "limit parameter is not valid"),
        ("skip=-1", "skip parameter is not valid"),
        ("sort=age", "sort is not valid"),
        ("state=odd", "state is not valid"),
    ],
)
async def test_list_refuses(api: World, query: str, text: str) -> None:
    status, message = await refused(api, "GET", f"/v4/domains?{query}")
    assert status == 400 and message.startswith(text)


@pytest.mark.parametrize(
    "query", ["search=%00", "authority=%00", f"skip={2**63 - 1}", "search=" + "x" * 5000, "authority=%ff"]
)
async def test_odd_lists(api: World, query: str) -> None:
    answer = await api.call("GET", f"/v4/domains?{query}")
    assert answer.status_code in (200, 400)


async def test_list_of_subaccounts(api: World) -> None:
    child = await api.db.write(_child, api)
    body = await api.ok("GET", "/v4/domains", params={"include_subaccounts": "true"})
    assert {domain["name"]: domain.get("subaccount_id") for domain in body["items"]} == {
        "one.example.com": None,
        "child.test": child,
    }
    assert [d["name"] for d in (await api.ok("GET", "/v4/domains"))["items"]] == ["one.example.com"]
    assert (await api.call("GET", "/v4/domains/child.test")).status_code == 404
    behalf = {"X-Mailgun-On-Behalf-Of": child}
    shown = await api.ok("GET", "/v4/domains/child.test", headers=behalf)
    assert "subaccount_id" not in shown["domain"]


def _child(tx: Any, api: World) -> str:
    from_parent = api.one.account_id
    now, vault = api.clock.now(), api.context.vault
    child: str = accounts.create_account(tx, now, "child", "c@child.test", vault, from_parent)
    pair = domains.KeyPair("", "")
    domains.create_first(tx, now, vault, child, "child.test", pair, sandbox=False, postmaster_hash="")
    return child


async def test_show_without_records(api: World) -> None:
    body = await api.ok("GET", "/v4/domains/{d}?h:with_dns=false&h:extended=true")
    assert set(body) == {"domain", "use_automatic_sender_security"}
    body = await api.ok("GET", "/v4/domains/{d}?h:with_dns=true")
    assert len(body["sending_dns_records"]) == 3


OPERATIONS = [
    ("GET", "/v4/domains/{}"),
    ("GET", "/v3/domains/{}"),
    ("PUT", "/v4/domains/{}"),
    ("PUT", "/v4/domains/{}/verify"),
    ("DELETE", "/v3/domains/{}"),
    ("GET", "/v3/domains/{}/connection"),
    ("PUT", "/v3/domains/{}/connection"),
    ("PUT", "/v3/domains/{}/web_prefix"),
    ("GET", "/v3/domains/{}/ips"),
]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
async def test_strangers_do_not_exist(api: World, method: str, path: str) -> None:
    before = await api.ok("GET", "/v4/domains/two.example.org", key=api.two.key)
    fields = {"data": {"web_prefix": "evil", "wildcard": "yes"}} if method == "PUT" else {}
    for name in ("two.example.org", "nobody.test", "not%20a%20name", "%F0%9F%98%80.test"):
        answer = await refused(api, method, path.format(name), **fields)
        assert answer == (404, "Domain not found")
    assert await api.ok("GET", "/v4/domains/two.example.org", key=api.two.key) == before


@pytest.mark.parametrize("role", ["admin", "developer", "basic", "sending"])
async def test_roles(api: World, role: str) -> None:
    more = {"kind": "domain", "domain_name": api.one.domain} if role == "sending" else {}
    key = api.key(api.one.account_id, role, **more)
    for method, path in [*OPERATIONS, ("GET", "/v4/domains"), ("POST", "/v4/domains")]:
        fields = {"data": {"web_prefix": "x", "name": "new.test"}} if method in ("PUT", "POST") else {}
        # A name nobody has: whoever may gets as far as not finding it.
        answer = await api.call(method, path.format("nobody.test"), key=key, **fields)
        allowed = role in ("admin", "developer") or (role == "basic" and method == "GET")
        assert (answer.status_code != 403) is allowed, (method, path)
        if not allowed:
            assert answer.json() == {"message": "Forbidden"}


async def test_connection(api: World) -> None:
    path = "/v3/domains/{d}/connection"
    off = {"require_tls": False, "skip_verification": False}
    assert await api.ok("GET", path) == {**off, "connection": off}
    assert await api.ok("PUT", path, data={"require_tls": "yes"}) == {
        "message": "Domain connection settings have been updated, may take 10 minutes to fully propagate",
        "require_tls": True,
        "skip_verification": False,
        "require-tls": True,
        "skip-verification": False,
    }
    on = {"require_tls": True, "skip_verification": True}
    await api.ok("PUT", f"{path}?skip_verification=true")
    assert await api.ok("GET", path) == {**on, "connection": on}
    status, message = await refused(api, "PUT", path, data={"require_tls": "maybe"})
    assert status == 400 and message.startswith("require_tls parameter is not valid")


async def test_web_prefix(api: World) -> None:
    path = "/v3/domains/{d}/web_prefix"
    assert await api.ok("PUT", f"{path}?web_prefix=Click") == {"message": "Domain web prefix updated"}
    assert (await api.ok("GET", "/v4/domains/{d}"))["domain"]["web_prefix"] == "click"
    assert (await refused(api, "PUT", path))[0] == 400
    assert (await refused(api, "PUT", path, data={"web_prefix": "a/b"}))[0] == 400


async def test_delete(api: World) -> None:
    await create(api)
    assert await api.ok("DELETE", "/v4/domains/mg.acme.test") == {
        "message": "Domain will be deleted in the background"
    }
    for method in ("GET", "DELETE"):
        assert await refused(api, method, "/v3/domains/mg.acme.test") == (404, "Domain not found")
    # The name is free at once, for anybody.
    await api.ok("POST", "/v4/domains", data={"name": "mg.acme.test"}, key=api.two.key)
