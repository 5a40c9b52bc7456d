"""Operations on DKIM keys: made, imported, activated, renamed, deleted, and what signs afterwards."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from postwright import domains
from postwright.kernel.db import Db
from postwright.testing.dns import Failure, FakeDns
from tests.world import World

NAME = "mg.acme.test"
PAIR = domains.new_key(1024)


@pytest.fixture
def settings(fake_dns: FakeDns) -> dict[str, str]:
    return {"dns": fake_dns.address, "delivery": "live", "source_ips": "192.0.2.10"}


async def create(api: World, name: str = NAME, **fields: str) -> dict[str, Any]:
    return await api.ok("POST", "/v4/domains", data={"name": name, **fields})


def publish(fake_dns: FakeDns, *records: dict[str, Any]) -> None:
    for record in records:
        dot = "." if record["record_type"] == "CNAME" else ""
        fake_dns.set(record["name"], record["record_type"], record["value"] + dot)


async def proven(api: World, fake_dns: FakeDns, name: str = NAME) -> dict[str, Any]:
    body = await create(api, name)
    publish(fake_dns, *body["sending_dns_records"])
    body = await api.ok("PUT", f"/v4/domains/{name}/verify")
    assert body["domain"]["state"] == "active"
    return body


async def add(api: World, selector: str, **fields: Any) -> dict[str, Any]:
    return await api.ok(
        "POST",
        "/v1/dkim/keys",
        data={"signing_domain": NAME, "selector": selector, "pem": PAIR.private} | fields,
    )


async def selectors(api: World, domain_id: str) -> list[str]:
    keys = await api.db.read(domains.signing_keys, api.context.vault, domain_id, judged=True)
    return sorted(key.selector for key in keys)


async def refused(api: World, method: str, path: str, **more: Any) -> tuple[int, str]:
    answer = await api.call(method, path, **more)
    return answer.status_code, answer.json()["message"]


async def test_a_key_signs_when_it_is_published_and_activated(api: World, fake_dns: FakeDns) -> None:
    body = await proven(api, fake_dns)
    made = await add(api, "second")
    assert made == {
        "signing_domain": NAME,
        "selector": "second",
        "dns_record": {
            "record_type": "TXT",
            "name": f"second._domainkey.{NAME}",
            "value": PAIR.public,
            "valid": "unknown",
            "is_active": False,
            "cached": [],
        },
    }
    path = f"/v4/domains/{NAME}/keys/second"
    assert (await refused(api, "PUT", f"{path}/activate"))[0] == 400  # not in DNS
    fake_dns.set(f"second._domainkey.{NAME}", "TXT", "k=rsa; p=c29tZXRoaW5nIGVsc2U=")
    assert (await refused(api, "PUT", f"{path}/activate"))[0] == 400  # another key
    fake_dns.fail(f"second._domainkey.{NAME}", Failure.SERVFAIL)
    assert (await refused(api, "PUT", f"{path}/activate"))[0] == 400  # nobody can tell
    fake_dns.heal(f"second._domainkey.{NAME}")
    assert await selectors(api, body["domain"]["id"]) == ["s1"]
    publish(fake_dns, made["dns_record"])
    assert await api.ok("PUT", f"{path}/activate") == {
        "message": "domain key activated",
        "authority": NAME,
        "selector": "second",
        "active": True,
    }
    assert await selectors(api, body["domain"]["id"]) == ["s1", "second"]
    listed = (await api.ok("GET", f"/v4/domains/{NAME}/keys"))["items"]
    assert [
        (key["selector"], key["dns_record"]["valid"], key["dns_record"]["is_active"]) for key in listed
    ] == [
        ("s1", "valid", True),
        ("second", "valid", True),
    ]
    assert listed[1]["dns_record"]["cached"] == [PAIR.public]
    # A second key that goes from DNS signs no more, and the other one goes on.
    fake_dns.remove(f"second._domainkey.{NAME}")
    await api.ok("PUT", f"/v4/domains/{NAME}/verify")
    assert await selectors(api, body["domain"]["id"]) == ["s1"]
    assert await api.ok("PUT", f"{path}/deactivate") == {
        "message": "domain key deactivated",
        "authority": NAME,
        "selector": "second",
        "active": False,
    }
    body = await api.ok("PUT", f"/v4/domains/{NAME}/verify")
    assert body["domain"]["state"] == "active"  # what does not sign need not be there


async def test_at_most_three_and_one_that_signs(api: World) -> None:
    await create(api)
    await add(api, "a")
    assert (await refused(api, "POST", "/v1/dkim/keys", data={"signing_domain": NAME, "selector": "a"}))[
        0
    ] == 400
    await add(api, "b")
    status, _ = await refused(
        api, "POST", "/v1/dkim/keys", data={"signing_domain": NAME, "selector": "c", "pem": PAIR.private}
    )
    assert status == 400
    last = {"signing_domain": NAME, "selector": "s1"}
    assert await refused(api, "DELETE", "/v1/dkim/keys", params=last) == (
        400,
        "cannot delete domain key: must have at least one active domain key",
    )
    unknown = {"signing_domain": NAME, "selector": "zz"}
    assert await refused(api, "DELETE", "/v1/dkim/keys", params=unknown) == (404, "domain key not found")
    gone = await api.ok("DELETE", "/v1/dkim/keys", params={"signing_domain": NAME, "selector": "a"})
    assert gone == {"message": "success"}
    wrapped = {"params[signing_domain]": NAME, "params[selector]": "b"}
    assert await api.ok("DELETE", "/v1/dkim/keys", params=wrapped) == {"message": "success"}
    hashed = f'{{"signing_domain"=>"{NAME}", :selector=>"zz"}}'
    assert (await refused(api, "DELETE", "/v1/dkim/keys", params={"params": hashed}))[0] == 404
    assert [key["selector"] for key in (await api.ok("GET", f"/v4/domains/{NAME}/keys"))["items"]] == ["s1"]


@pytest.mark.parametrize(
    "fields",
    [
        {"selector": "no spaces"},
        {"selector": "a..b"},
        {"selector": ""},
        {"bits": "512"},
        {"bits": "many"},
        {"pem": "nonsense"},
        {"pem": "x" * 20_000},
        {
            "pem": ed25519.Ed25519PrivateKey.generate()
            .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            .decode()
        },
    ],
)
async def test_keys_that_cannot_be(api: World, fields: dict[str, str]) -> None:
    data = {"signing_domain": "one.example.com", "selector": "x"} | fields
    answer = await api.call("POST", "/v1/dkim/keys", data=data)
    assert answer.status_code == 400 and answer.json()["message"]
    assert len((await api.ok("GET", "/v4/domains/one.example.com/keys"))["items"]) == 1


async def test_a_file_and_a_made_key(api: World) -> None:
    await create(api)
    files = {"pem": ("server.key", PAIR.private.encode(), "application/octet-stream")}
    made = await api.ok(
        "POST", "/v1/dkim/keys", data={"signing_domain": NAME, "selector": "file"}, files=files
    )
    assert made["dns_record"]["value"] == PAIR.public
    made = await api.ok(
        "POST", "/v1/dkim/keys", json={"signing_domain": NAME, "selector": "new", "bits": 1024}
    )
    assert made["dns_record"]["value"].startswith("k=rsa; p=")


async def test_pages(api: World) -> None:
    for name in ("a.test", "b.test"):
        await create(api, name)
    await add_to(api, "a.test", "k1")
    await add_to(api, "a.test", "k2")
    everything = (await api.ok("GET", "/v1/dkim/keys?limit=100"))["items"]
    names = [(key["signing_domain"], key["selector"]) for key in everything]
    assert names == [
        ("a.test", "k1"),
        ("a.test", "k2"),
        ("a.test", "s1"),
        ("b.test", "s1"),
        ("one.example.com", "s1"),
    ]
    page = await api.ok("GET", "/v1/dkim/keys?limit=2")
    seen = []
    while page["items"]:
        seen += [(key["signing_domain"], key["selector"]) for key in page["items"]]
        assert all(link.startswith("https://") for link in page["paging"].values())
        last = page
        page = await api.ok("GET", page["paging"]["next"])
    assert seen == names
    back = await api.ok("GET", last["paging"]["previous"])
    assert [(key["signing_domain"], key["selector"]) for key in back["items"]] == names[2:4]
    assert len((await api.ok("GET", "/v1/dkim/keys?signing_domain=a.test"))["items"]) == 3
    assert len((await api.ok("GET", "/v1/dkim/keys?selector=s1"))["items"]) == 3
    assert len((await api.ok("GET", "/v1/dkim/keys?page=string&limit=0&selector=k1"))["items"]) == 1
    assert (await api.ok("GET", "/v1/dkim/keys?limit=5000&signing_domain=none.test"))["items"] == []


async def add_to(api: World, name: str, selector: str) -> None:
    data = {"signing_domain": name, "selector": selector, "pem": PAIR.private}
    await api.ok("POST", "/v1/dkim/keys", data=data)


async def test_strangers(api: World) -> None:
    await create(api)
    two = api.two.key
    data = {"signing_domain": NAME, "selector": "evil", "pem": PAIR.private}
    assert await refused(api, "POST", "/v1/dkim/keys", key=two, data=data) == (404, "Domain not found")
    one = {"signing_domain": NAME, "selector": "s1"}
    assert (await refused(api, "DELETE", "/v1/dkim/keys", key=two, params=one))[0] == 404
    assert (await refused(api, "GET", f"/v4/domains/{NAME}/keys", key=two))[0] == 404
    for change in ("activate", "deactivate"):
        answer = await refused(api, "PUT", f"/v4/domains/{NAME}/keys/s1/{change}", key=two)
        assert answer == (404, "domain key not found")
    for path, fields in (("dkim_authority", {"self": "true"}), ("dkim_selector", {"dkim_selector": "x"})):
        answer = await refused(api, "PUT", f"/v3/domains/{NAME}/{path}", key=two, data=fields)
        assert answer == (404, "Domain not found")
    items = (await api.ok("GET", "/v1/dkim/keys?limit=100", key=two))["items"]
    assert {key["signing_domain"] for key in items} == {"two.example.org"}


async def test_another_selector_signs_when_it_is_there(api: World, fake_dns: FakeDns) -> None:
    body = await proven(api, fake_dns)
    before = body["sending_dns_records"][1]
    unchanged = await api.ok("PUT", f"/v3/domains/{NAME}/dkim_selector", data={})
    assert unchanged == {"message": "DKIM selector changed"}
    await api.ok("PUT", f"/v3/domains/{NAME}/dkim_selector", data={"dkim_selector": "next"})
    body = await api.ok("GET", f"/v4/domains/{NAME}")
    record = body["sending_dns_records"][1]
    assert record["name"] == f"next._domainkey.{NAME}" and record["value"] == before["value"]
    # Nothing is signed with what nobody finds; the domain has a day to mend it.
    assert (record["valid"], body["domain"]["state"]) == ("invalid", "active")
    assert await selectors(api, body["domain"]["id"]) == []
    publish(fake_dns, record)
    await api.ok("PUT", f"/v4/domains/{NAME}/verify")
    assert await selectors(api, body["domain"]["id"]) == ["next"]
    await add(api, "other")
    taken = await refused(api, "PUT", f"/v3/domains/{NAME}/dkim_selector", data={"dkim_selector": "other"})
    assert taken[0] == 400
    bad = await refused(api, "PUT", f"/v3/domains/{NAME}/dkim_selector", data={"dkim_selector": "o o"})
    assert bad[0] == 400


async def test_authority(api: World, fake_dns: FakeDns) -> None:
    root = await proven(api, fake_dns, "acme.test")
    sub = await create(api)
    path = f"/v3/domains/{NAME}/dkim_authority"
    same = await api.ok("PUT", path, data={"self": "false"})
    assert (same["message"], same["changed"]) == ("Domain DKIM authority has not been changed", False)
    own = await api.ok("PUT", path, data={"self": "true"})
    assert (own["message"], own["changed"]) == ("Domain DKIM authority has been changed", True)
    assert own["sending_dns_records"][1]["name"] == f"s1._domainkey.{NAME}"
    assert own["sending_dns_records"][1]["value"] != root["sending_dns_records"][1]["value"]
    publish(fake_dns, *own["sending_dns_records"])
    body = await api.ok("PUT", f"/v4/domains/{NAME}/verify")
    assert body["domain"]["state"] == "active" and "dkim_host" not in body["domain"]
    back = await api.ok("PUT", path, data={"self": "no"})
    assert back["changed"] and back["sending_dns_records"][1]["name"] == "s1._domainkey.acme.test"
    assert back["sending_dns_records"][1]["valid"] == "valid"  # looked up at once
    # Coming back finds the key it had.
    again = await api.ok("PUT", path, data={"self": "true"})
    assert again["sending_dns_records"][1] == own["sending_dns_records"][1] | {
        "valid": "valid",
        "is_active": True,
        "cached": [own["sending_dns_records"][1]["value"]],
    }
    for name in (NAME, "acme.test"):
        await api.ok("DELETE", f"/v3/domains/{name}")
    left = (await api.ok("GET", "/v1/dkim/keys?limit=100"))["items"]
    assert {key["signing_domain"] for key in left} == {"one.example.com"}
    assert sub["domain"]["dkim_host"] == "acme.test"


async def test_without_a_key_that_signs_nothing_is_signed(api: World, db: Db) -> None:
    body = await create(api)
    await api.ok("PUT", f"/v4/domains/{NAME}/keys/s1/deactivate")
    assert await selectors(api, body["domain"]["id"]) == []
