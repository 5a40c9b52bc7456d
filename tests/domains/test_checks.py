"""Looks at DNS by the clock: domains that become whole by themselves, and those whose records vanish."""

from typing import Any

import pytest

from postwright import domains, ips, notices
from postwright.domains import Checker
from postwright.domains.checks import GRACE_SECONDS, HEALTHY_SECONDS, KEPT, SOONEST_SECONDS
from postwright.testing.dns import Failure, FakeDns
from tests.world import World

NAME = "mg.acme.test"
KEY = f"s1._domainkey.{NAME}"
HOUR = 3600


@pytest.fixture
def settings(fake_dns: FakeDns) -> dict[str, str]:
    return {"dns": fake_dns.address, "delivery": "live", "source_ips": "192.0.2.10"}


class Watched:
    """A domain, its DNS, and the process that looks."""

    def __init__(self, api: World, fake_dns: FakeDns) -> None:
        self.api, self.fake_dns = api, fake_dns
        context = api.context
        self.checker = Checker(
            context.settings, context.installation, context.db, context.clock, context.vault
        )
        self.id = ""
        self.key = ""

    async def create(self, *, published: bool = True) -> None:
        body = await self.api.ok("POST", "/v4/domains", data={"name": NAME})
        self.id = body["domain"]["id"]
        spf, key, tracking = body["sending_dns_records"]
        self.key = key["value"]
        if published:
            self.fake_dns.set(NAME, "TXT", spf["value"])
            self.fake_dns.set(KEY, "TXT", self.key)
            self.fake_dns.set(tracking["name"], "CNAME", tracking["value"] + ".")

    async def pass_time(self, seconds: float) -> None:
        self.api.clock.advance(seconds)
        while await self.checker.run_once():
            pass

    async def shown(self) -> dict[str, Any]:
        return await self.api.ok("GET", f"/postwright/v1/domains/{NAME}/checks?limit=100")

    async def state(self) -> str:
        return str((await self.shown())["domain"]["state"])

    async def sends(self) -> int:
        data = {"from": f"a@{NAME}", "to": "b@x.test", "text": "t"}
        return (await self.api.call("POST", f"/v3/{NAME}/messages", data=data)).status_code

    async def signs(self) -> int:
        vault = self.api.context.vault
        return len(await self.api.db.read(domains.signing_keys, vault, self.id, judged=True))


@pytest.fixture
async def watched(api: World, fake_dns: FakeDns) -> Watched:
    return Watched(api, fake_dns)


async def test_a_domain_becomes_active_by_itself(watched: Watched) -> None:
    await watched.create(published=False)
    await watched.pass_time(0)
    assert await watched.state() == "unverified" and await watched.sends() == 403
    asked = watched.fake_dns.asked(KEY)
    await watched.pass_time(SOONEST_SECONDS - 1)
    assert watched.fake_dns.asked(KEY) == asked  # not yet again
    body = await watched.api.ok("GET", f"/v4/domains/{NAME}")
    for record in body["sending_dns_records"][:2]:
        watched.fake_dns.set(record["name"], record["record_type"], record["value"])
    await watched.pass_time(1)
    assert await watched.state() == "active" and await watched.sends() == 200
    shown = await watched.shown()
    assert [(each["state"], each["asked"]) for each in shown["items"]] == [
        ("active", False),
        ("unverified", False),
    ]
    newest = shown["items"][0]["results"]
    assert {purpose: each["valid"] for purpose, each in newest.items()} == {
        "mxa": "invalid",
        "mxb": "invalid",
        "spf": "valid",
        "dkim:s1": "valid",
        "tracking": "invalid",
        "dmarc": "invalid",
    }
    assert newest["dkim:s1"]["found"] == [body["sending_dns_records"][1]["value"]]
    (dmarc,) = shown["recommended"]
    assert dmarc["value"] == f"v=DMARC1; p=none; rua=mailto:dmarc-reports@{NAME}"


async def test_records_that_vanish(watched: Watched) -> None:
    await watched.create()
    await watched.pass_time(0)
    assert await watched.state() == "active" and await watched.signs() == 1
    watched.fake_dns.remove(KEY)
    await watched.pass_time(HEALTHY_SECONDS)
    # Noticed: nothing is signed with a key that is not there, and mail still goes.
    domain = (await watched.shown())["domain"]
    assert domain["state"] == "active" and domain["failing_since"] and domain["proven_at"]
    assert await watched.signs() == 0 and await watched.sends() == 200
    # Back within a day: as if nothing had been.
    watched.fake_dns.set(KEY, "TXT", watched.key)
    await watched.pass_time(SOONEST_SECONDS)
    assert (await watched.shown())["domain"]["failing_since"] is None and await watched.signs() == 1
    # Away for longer.
    watched.fake_dns.remove(KEY)
    for _ in range((HEALTHY_SECONDS + GRACE_SECONDS) // HOUR - 1):
        await watched.pass_time(HOUR)
        assert await watched.state() == "active"
    for _ in range(4):
        await watched.pass_time(HOUR)
    assert await watched.state() == "unverified" and await watched.sends() == 403
    watched.fake_dns.set(KEY, "TXT", watched.key)
    await watched.pass_time(HEALTHY_SECONDS)
    assert await watched.state() == "active" and await watched.sends() == 200
    # All of it was recorded, and the owner told, once each.
    told = (await watched.api.ok("GET", "/postwright/v1/audit"))["items"]
    found = [each for each in reversed(told) if each["by"]["kind"] == "system"]
    assert [each["action"] for each in found] == [
        "domains.verified",
        "domains.records_gone",
        "domains.records_back",
        "domains.records_gone",
        "domains.unverified",
        "domains.verified",
    ]
    assert {each["object"] for each in found} == {NAME}
    assert "dkim:s1" in found[1]["after"]["missing"] and found[4]["after"]["state"] == "unverified"
    mail = await watched.api.db.write(notices.claim, watched.api.context.vault, watched.api.clock.now())
    assert [each.subject for each in mail][:2] == [
        f"{NAME} is verified",
        f"DNS records of {NAME} are missing",
    ]
    assert len(mail) == 6 and {each.recipient for each in mail} == {f"owner@{watched.api.one.domain}"}
    assert "Missing, or not as they have to be: dkim:s1." in mail[1].text


async def test_a_resolver_that_fails_changes_nothing(watched: Watched) -> None:
    await watched.create()
    await watched.pass_time(0)
    for name in (NAME, KEY, f"email.{NAME}", f"_dmarc.{NAME}"):
        watched.fake_dns.fail(name, Failure.SERVFAIL)
    for _ in range(5):
        await watched.pass_time(GRACE_SECONDS)
    assert await watched.state() == "active" and await watched.signs() == 1
    body = await watched.api.ok("GET", f"/v4/domains/{NAME}")
    assert {record["valid"] for record in body["sending_dns_records"]} == {"valid"}  # what was known last
    assert (await watched.shown())["items"][0]["results"]["spf"]["valid"] == "unknown"


async def test_the_operators_word_holds(watched: Watched) -> None:
    """A domain that the installation was started with needs no proof, and none is missed."""
    await watched.pass_time(0)
    await watched.pass_time(GRACE_SECONDS)
    await watched.pass_time(GRACE_SECONDS)
    body = await watched.api.ok("GET", "/v4/domains/{d}")
    assert body["domain"]["state"] == "active"
    assert body["sending_dns_records"][1]["valid"] == "invalid"
    found = await watched.api.db.read(domains.find, watched.api.one.account_id, watched.api.one.domain)
    assert found is not None
    keys = await watched.api.db.read(domains.signing_keys, watched.api.context.vault, found.id, judged=True)
    assert len(keys) == 1


async def test_history_counts_what_repeats_and_ends(watched: Watched) -> None:
    await watched.create()
    for _ in range(4):
        await watched.pass_time(HEALTHY_SECONDS)
    (only,) = (await watched.shown())["items"]
    assert only["times"] == 4 and only["first_at"] < only["last_at"]
    await watched.api.ok("PUT", f"/v4/domains/{NAME}/verify")
    assert (await watched.shown())["items"][0]["times"] == 5
    for number in range(KEPT + 5):
        watched.fake_dns.set(f"_dmarc.{NAME}", "TXT", f"v=DMARC1; p=none; pct={number % 100}")
        await watched.pass_time(HEALTHY_SECONDS)
    assert (await watched.shown())["total_count"] == KEPT
    answer = await watched.api.call("GET", f"/postwright/v1/domains/{NAME}/checks", key=watched.api.two.key)
    assert answer.status_code == 404


async def test_two_processes_look_once(watched: Watched, fake_dns: FakeDns) -> None:
    await watched.create()
    other = Watched(watched.api, fake_dns)
    await watched.pass_time(0)
    await other.pass_time(0)
    assert (await watched.shown())["items"][0]["times"] == 1


async def test_dmarc_of_a_domain_above_counts(watched: Watched) -> None:
    await watched.create()
    watched.fake_dns.set("_dmarc.acme.test", "TXT", "v=DMARC1; p=reject")
    await watched.pass_time(0)
    (dmarc,) = (await watched.shown())["recommended"]
    assert (dmarc["valid"], dmarc["cached"]) == ("valid", ["v=DMARC1; p=reject"])


async def test_an_address_declared_by_command_belongs_into_spf(watched: Watched, api: World) -> None:
    added = [ips.Declared("192.0.2.77"), ips.Declared("2001:db8::7", dedicated=False)]
    await api.db.write(ips.declare, api.clock.now(), api.one.account_id, added, ips.COMMAND)
    body = await api.ok("POST", "/v4/domains", data={"name": "more.test"})
    spf = body["sending_dns_records"][0]["value"]
    assert spf == "v=spf1 ip4:192.0.2.10 ip4:192.0.2.77 ip6:2001:db8::7 ~all"
