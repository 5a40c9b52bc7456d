"""DKIM keys of domains: whose they are, how large, and that they are those which sign."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
)

from postwright import domains
from tests.world import World


async def create(api: World, name: str = "mg.acme.test", **fields: Any) -> dict[str, Any]:
    return await api.ok("POST", "/v4/domains", data={"name": name, **fields})


def public_key(record: dict[str, Any]) -> Any:
    assert record["record_type"] == "TXT" and record["value"].startswith("k=rsa; p=")
    return load_der_public_key(base64.b64decode(record["value"].partition("p=")[2]))


async def signing_keys(api: World, domain_id: str) -> list[domains.SigningKey]:
    return await api.db.read(domains.signing_keys, api.context.vault, domain_id)


def dkim(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [record for record in body["sending_dns_records"] if "._domainkey." in record["name"]]


async def test_the_public_key_is_that_of_the_signature(api: World) -> None:
    body = await create(api, dkim_selector="mail2026", dkim_key_size="2048")
    (record,) = dkim(body)
    (key,) = await signing_keys(api, body["domain"]["id"])
    assert (
        record["name"] == f"{key.selector}._domainkey.{key.authority}" == "mail2026._domainkey.mg.acme.test"
    )
    private: Any = load_pem_private_key(key.pem, None)
    spki = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert private.public_key().public_bytes(*spki) == public_key(record).public_bytes(*spki)
    assert private.key_size == 2048


async def test_size_of_a_key_query_and_older_path(api: World) -> None:
    body = await api.ok("POST", "/v3/domains?wildcard=yes", json={"name": "json.test", "dkim_key_size": 1024})
    assert body["domain"]["wildcard"] is True
    (record,) = dkim(body)
    assert public_key(record).key_size == 1024


async def test_default_size(api: World) -> None:
    (record,) = dkim(await create(api))
    assert record["name"] == "s1._domainkey.mg.acme.test" and public_key(record).key_size == 1024


async def test_subdomain_shares_the_key_of_the_root(api: World) -> None:
    root = await create(api, "acme.test")
    sub = await create(api, "news.mail.acme.test")
    assert [r["name"] for r in dkim(sub)] == ["s1._domainkey.acme.test"]
    assert dkim(sub)[0]["value"] == dkim(root)[0]["value"]
    assert sub["domain"]["dkim_host"] == "acme.test" and "dkim_host" not in root["domain"]
    assert await signing_keys(api, sub["domain"]["id"]) == await signing_keys(api, root["domain"]["id"])
    own = await create(api, "own.acme.test", force_dkim_authority="yes")
    assert [r["name"] for r in dkim(own)] == ["s1._domainkey.own.acme.test"]
    assert dkim(own)[0]["value"] != dkim(root)[0]["value"] and "dkim_host" not in own["domain"]
    # Another account's domain is no root.
    other = await api.ok("POST", "/v4/domains", data={"name": "x.acme.test"}, key=api.two.key)
    assert [r["name"] for r in dkim(other)] == ["s1._domainkey.x.acme.test"]
    # The key outlives the root while others sign with it.
    await api.ok("DELETE", "/v3/domains/acme.test")
    assert dkim(await api.ok("GET", "/v4/domains/news.mail.acme.test"))[0]["value"] == dkim(root)[0]["value"]
    assert len(await signing_keys(api, sub["domain"]["id"])) == 1


@pytest.mark.parametrize("how", [{"dkim_host_name": "acme.test"}, {"force_root_dkim_host": "true"}])
async def test_authority_above_that_is_no_domain(api: World, how: dict[str, str]) -> None:
    body = await create(api, "mg.acme.test", **how)
    assert [r["name"] for r in dkim(body)] == ["s1._domainkey.acme.test"]
    assert body["domain"]["dkim_host"] == "acme.test"
    (key,) = await signing_keys(api, body["domain"]["id"])
    assert key.authority == "acme.test"
    # The next one there uses the same key, and so does the root when it comes.
    second = await create(api, "mx.acme.test", dkim_host_name="acme.test")
    root = await create(api, "acme.test")
    assert dkim(second) == dkim(root) == dkim(body)


async def test_automatic_sender_security(api: World) -> None:
    body = await create(api, use_automatic_sender_security="true")
    domain = body["domain"]
    assert domain["use_automatic_sender_security"] is body["use_automatic_sender_security"] is True
    code = domain["id"][-5:]
    assert [(r["record_type"], r["name"], r["value"]) for r in dkim(body)] == [
        (
            "CNAME",
            f"{key}._domainkey.mg.acme.test",
            f"{key}._domainkey.{code}.dkim.mail.example.com",
        )
        for key in ("pdk1", "pdk2")
    ]
    (key,) = await signing_keys(api, domain["id"])
    private: Any = load_pem_private_key(key.pem, None)
    assert (key.selector, key.authority, private.key_size) == ("pdk1", "mg.acme.test", 2048)
