"""Verification against a real DNS server with invented records."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from postwright.domains import keys
from postwright.domains.tables import domains
from postwright.kernel.db import Db
from postwright.testing.dns import Failure, FakeDns
from tests.world import World, world

NAME = "mg.acme.test"
SPF = "v=spf1 ip4:192.0.2.10 ip6:2001:db8::10 ~all"


@pytest.fixture
def settings(fake_dns: FakeDns) -> dict[str, str]:
    return {
        "dns": fake_dns.address,
        "delivery": "live",
        "source_ips": "192.0.2.10=out.example.com,2001:db8::10",
    }


# Policies of others, for those that refer to them.
OTHERS = {
    "_spf.google.test": "v=spf1 ip4:203.0.113.0/24 ~all",
    "ours.test": SPF,
    "deep.test": "v=spf1 ip4:192.0.2.10 include:ours.test -all",
    "half.test": "v=spf1 ip4:192.0.2.10 -all",
    "loop.test": "v=spf1 include:loop.test -all",
}


async def create(api: World, **fields: str) -> dict[str, Any]:
    return await api.ok("POST", "/v4/domains", data={"name": NAME, **fields})


async def verify(api: World) -> dict[str, Any]:
    return await api.ok("PUT", f"/v4/domains/{NAME}/verify")


def publish(fake_dns: FakeDns, body: dict[str, Any]) -> None:
    """Everything as the answer wants it."""
    mx = [f"{record['priority']} {record['value']}." for record in body["receiving_dns_records"]]
    fake_dns.set(NAME, "MX", *mx)
    for record in body["sending_dns_records"]:
        dot = "." if record["record_type"] == "CNAME" else ""
        fake_dns.set(record["name"], record["record_type"], record["value"] + dot)


def states(body: dict[str, Any]) -> dict[str, str]:
    """`valid` by record: mx, spf, dkim, tracking."""
    spf, key, tracking = body["sending_dns_records"]
    (mx,) = {record["valid"] for record in body["receiving_dns_records"]}
    return {"mx": mx, "spf": spf["valid"], "dkim": key["valid"], "tracking": tracking["valid"]}


async def test_everything_in_place(api: World, fake_dns: FakeDns) -> None:
    body = await create(api)
    assert body["domain"]["state"] == "unverified"
    assert body["sending_dns_records"][0]["value"] == SPF
    publish(fake_dns, body)
    body = await verify(api)
    assert body["message"] == "Domain DNS records have been updated"
    assert body["domain"]["state"] == "active"
    assert set(states(body).values()) == {"valid"}
    records = [*body["receiving_dns_records"], *body["sending_dns_records"]]
    assert all(record["is_active"] is True for record in records)
    assert body["sending_dns_records"][0]["cached"] == [SPF]
    assert sorted(body["receiving_dns_records"][0]["cached"]) == [
        "mxa.mail.example.com",
        "mxb.mail.example.com",
    ]
    assert body["sending_dns_records"][2]["cached"] == ["mail.example.com"]
    shown = await api.ok("GET", f"/v4/domains/{NAME}")
    assert shown == {key: value for key, value in body.items() if key != "message"}
    # Records that go take the state along.
    fake_dns.remove(f"s1._domainkey.{NAME}")
    body = await verify(api)
    assert body["domain"]["state"] == "unverified" and states(body)["dkim"] == "invalid"


async def test_receiving_and_tracking_do_not_matter(api: World, fake_dns: FakeDns) -> None:
    publish(fake_dns, await create(api))
    fake_dns.set(NAME, "MX", "10 elsewhere.test.")
    fake_dns.set(f"email.{NAME}", "CNAME", "elsewhere.test.")
    body = await verify(api)
    assert body["domain"]["state"] == "active"
    assert states(body) == {"mx": "invalid", "spf": "valid", "dkim": "valid", "tracking": "invalid"}
    assert body["receiving_dns_records"][0]["cached"] == ["elsewhere.test"]


async def test_nothing_there(api: World) -> None:
    await create(api)
    body = await verify(api)
    assert body["domain"]["state"] == "unverified" and set(states(body).values()) == {"invalid"}
    assert all(record["cached"] == [] for record in body["sending_dns_records"])


@pytest.mark.parametrize("how", [Failure.SERVFAIL, Failure.REFUSED])
async def test_dns_that_fails_says_nothing(api: World, fake_dns: FakeDns, how: Failure) -> None:
    publish(fake_dns, await create(api))
    assert (await verify(api))["domain"]["state"] == "active"
    for name in (NAME, f"s1._domainkey.{NAME}", f"email.{NAME}"):
        fake_dns.fail(name, how)
    body = await verify(api)
    assert set(states(body).values()) == {"unknown"}
    # A domain that worked keeps working.
    assert body["domain"]["state"] == "active"
    fake_dns.heal(NAME)
    fake_dns.set(NAME, "TXT", "v=spf1 -all")
    body = await verify(api)
    assert body["domain"]["state"] == "unverified" and states(body)["dkim"] == "unknown"


async def test_dns_that_fails_proves_nothing(api: World, fake_dns: FakeDns) -> None:
    publish(fake_dns, await create(api))
    fake_dns.fail(f"s1._domainkey.{NAME}", Failure.SERVFAIL)
    body = await verify(api)
    assert body["domain"]["state"] == "unverified"
    assert states(body) == {"mx": "valid", "spf": "valid", "dkim": "unknown", "tracking": "valid"}
    fake_dns.heal(f"s1._domainkey.{NAME}")
    assert (await verify(api))["domain"]["state"] == "active"


@pytest.mark.parametrize(
    ("policies", "valid"),
    [
        ([SPF], True),
        (["v=spf1 include:_spf.google.test mx +ip6:2001:DB8:0:0::10 ip4:192.0.2.10 -all"], True),
        (["v=spf1 include:ours.test -all"], True),
        (["v=spf1 include:deep.test ~all"], True),
        (["v=spf1 redirect=deep.test"], True),
        (["v=spf1 a:out.ours.test -all"], True),
        (["v=spf1 include:half.test ~all"], False),
        (["v=spf1 include:void.test ip4:192.0.2.10 ip6:2001:db8::10 ~all"], False),  # a permanent error
        (["v=spf1 include:loop.test ip4:192.0.2.10 ip6:2001:db8::10 ~all"], False),
        (["V=SPF1 IP4:192.0.2.0/24 ip6:2001:db8::/32 ?all"], True),
        (["google-site-verification=abc", SPF], True),
        (["v=spf10 other", SPF], True),
        ([SPF, "v=spf1 -all"], False),  # two policies: an error for every receiver
        ([SPF, "v=spf1"], False),
        (["v=spf1 ip4:192.0.2.10 ~all"], False),  # half of our addresses
        (["v=spf1 ip4:192.0.2.1 ip6:2001:db8::10 ~all"], False),
        (["v=spf1 -ip4:192.0.2.10 ip6:2001:db8::10 ~all"], False),
        (["v=spf1 -all ip4:192.0.2.10 ip6:2001:db8::10"], False),  # never reached
        (["v=spf1 ip4:oops ip4:192.0.2.10 ip6:2001:db8::10 ~all"], False),
        (["ip4:192.0.2.10 ip6:2001:db8::10"], False),
        ([""], False),
    ],
)
async def test_spf(api: World, fake_dns: FakeDns, policies: list[str], valid: bool) -> None:
    publish(fake_dns, await create(api))
    for name, policy in OTHERS.items():
        fake_dns.set(name, "TXT", policy)
    fake_dns.set("out.ours.test", "A", "192.0.2.10")
    fake_dns.set("out.ours.test", "AAAA", "2001:db8::10")
    fake_dns.set(NAME, "TXT", *policies)
    body = await verify(api)
    assert states(body)["spf"] == ("valid" if valid else "invalid")
    assert body["domain"]["state"] == ("active" if valid else "unverified")
    assert sorted(body["sending_dns_records"][0]["cached"]) == sorted(policies)


async def test_key_records(api: World, fake_dns: FakeDns) -> None:
    body = await create(api, dkim_key_size="2048")
    publish(fake_dns, body)
    key = body["sending_dns_records"][1]
    value = key["value"]
    assert len(value) > 255  # so it comes in several strings
    public = value.partition("p=")[2]

    async def judged(*texts: str) -> str:
        fake_dns.set(key["name"], "TXT", *texts)
        return states(await verify(api))["dkim"]

    assert await judged(value) == "valid"
    assert await judged(f"v=DKIM1; k=rsa; t=s; p={public[:90]} {public[90:]};") == "valid"
    assert await judged(f"p={public}") == "valid"
    assert await judged("something else", value) == "valid"
    assert await judged("v=DKIM1; k=rsa; p=") == "invalid"  # revoked
    assert await judged(value[:-8] + "AAAAAAAA") == "invalid"
    assert await judged(value.replace("p=", "P=")) == "invalid"  # tags have case
    assert await judged("") == "invalid"
    fake_dns.set(key["name"], "TXT", value)
    fake_dns.fail(key["name"], Failure.TRUNCATED)  # to be asked again over TCP
    assert states(await verify(api))["dkim"] == "valid"


async def test_subdomain_is_proven_by_the_key_of_its_root(api: World, fake_dns: FakeDns) -> None:
    root = await api.ok("POST", "/v4/domains", data={"name": "acme.test"})
    body = await create(api)
    publish(fake_dns, body)
    assert body["sending_dns_records"][1]["name"] == "s1._domainkey.acme.test"
    assert (await verify(api))["domain"]["state"] == "active"
    assert (await api.ok("GET", "/v4/domains/acme.test"))["domain"]["state"] == "unverified"
    assert root["domain"]["state"] == "unverified"


async def test_automatic_sender_security_follows_the_names(api: World, fake_dns: FakeDns) -> None:
    body = await create(api, use_automatic_sender_security="yes")
    publish(fake_dns, body)
    spf, first, second, _ = body["sending_dns_records"]
    body = await verify(api)
    assert body["domain"]["state"] == "unverified"  # nothing at the end of the names yet
    assert body["sending_dns_records"][1]["valid"] == "invalid"
    assert body["sending_dns_records"][1]["cached"] == [first["value"]]
    records = await api.db.read(keys.records, api.one.account_id, NAME)
    fake_dns.set(first["value"], "TXT", next(r.public for r in records if r.selector == "pdk1"))
    body = await verify(api)
    # The second key waits for its turn: it need not be there yet.
    assert [r["valid"] for r in body["sending_dns_records"][1:3]] == ["valid", "invalid"]
    assert body["domain"]["state"] == "active"
    assert second["record_type"] == "CNAME" and spf["record_type"] == "TXT"


async def test_ten_a_minute(api: World) -> None:
    await create(api)
    path = f"/v4/domains/{NAME}/verify"
    for _ in range(10):
        await api.ok("PUT", path)
    answer = await api.call("PUT", path)
    assert answer.status_code == 429
    body = answer.json()
    assert body["message"] == "Too Many Requests" and 0 < body["retry-seconds"] <= 60
    assert answer.headers["retry-after"] == str(body["retry-seconds"])
    await api.ok("PUT", "/v4/domains/{d}/verify")  # each domain has its own ten
    assert (await api.call("PUT", path, key=api.two.key)).status_code == 404


async def test_who_trusts_does_not_judge(db: Db, tmp_path: Path, fake_dns: FakeDns) -> None:
    async with world(db, tmp_path, dns=fake_dns.address) as api:
        assert (await create(api))["domain"]["state"] == "active"
        for _ in range(12):  # nor does it count
            body = await verify(api)
        assert body["domain"]["state"] == "active" and set(states(body).values()) == {"invalid"}


async def test_a_disabled_domain_stays_so(api: World, fake_dns: FakeDns) -> None:
    publish(fake_dns, await create(api))
    disable = update(domains).where(domains.c.name == NAME).values(state="disabled")
    await api.db.write(lambda tx: tx.run(disable))
    body = await verify(api)
    assert body["domain"]["state"] == "disabled" and states(body)["dkim"] == "valid"
    answer = await api.call("DELETE", f"/v3/domains/{NAME}")
    assert (answer.status_code, answer.json()["message"]) == (403, "Disabled domains cannot be deleted")
