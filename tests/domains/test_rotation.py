"""Automatic sender security: keys take turns, on a clock that is moved by hand and with a DNS that lags behind."""

from typing import Any

import pytest

from postwright import domains
from postwright.domains import Rotator
from postwright.domains.rotation import DAY, INTERVAL_SECONDS, KEPT_SECONDS, LOOK_SECONDS, TTL_SECONDS
from postwright.testing.dns import FakeDns
from tests.world import World

NAME = "mg.acme.test"
PATH = f"/v1/dkim_management/domains/{NAME}"


@pytest.fixture
def settings(fake_dns: FakeDns) -> dict[str, str]:
    return {"dns": fake_dns.address, "delivery": "live", "source_ips": "192.0.2.10"}


class Customer:
    """A domain whose records point to our zone, and what is published of that."""

    def __init__(self, api: World, fake_dns: FakeDns) -> None:
        self.api, self.fake_dns = api, fake_dns
        self.domain_id = ""
        context = api.context
        self.rotator = Rotator(context.settings, context.db, context.clock, context.vault)

    async def start(self, *, active: bool = True) -> None:
        fields = {"name": NAME, "use_automatic_sender_security": "yes"}
        body = await self.api.ok("POST", "/v4/domains", data=fields)
        self.domain_id = body["domain"]["id"]
        for record in body["sending_dns_records"]:
            dot = "." if record["record_type"] == "CNAME" else ""
            self.fake_dns.set(record["name"], record["record_type"], record["value"] + dot)
        if active:
            await self.publish()
            body = await self.api.ok("PUT", f"/v4/domains/{NAME}/verify")
            assert body["domain"]["state"] == "active"

    async def zone(self) -> dict[str, str]:
        """The zone as we want it, by selector."""
        page = await self.api.ok("GET", "/postwright/v1/dkim/records?limit=1000")
        return {item["name"].partition(".")[0]: item["value"] for item in page["items"]}

    async def publish(self) -> None:
        """The operator does his work."""
        page = await self.api.ok("GET", "/postwright/v1/dkim/records?limit=1000")
        for item in page["items"]:
            self.fake_dns.set(item["name"], item["type"], item["value"], ttl=item["ttl"])

    async def pass_time(self, seconds: float) -> None:
        self.api.clock.advance(seconds)
        await self.rotator.run_once()

    async def signs(self) -> list[str]:
        keys = await self.api.db.read(
            domains.signing_keys, self.api.context.vault, self.domain_id, judged=True
        )
        return [key.selector for key in keys]


@pytest.fixture
async def customer(api: World, fake_dns: FakeDns) -> Customer:
    return Customer(api, fake_dns)


async def test_a_year_of_keys(customer: Customer) -> None:
    await customer.start()
    first = await customer.zone()
    await customer.pass_time(LOOK_SECONDS)
    assert await customer.signs() == ["pdk1"]
    await customer.pass_time(INTERVAL_SECONDS - LOOK_SECONDS - 1)
    assert await customer.signs() == ["pdk1"]
    await customer.pass_time(1)
    assert await customer.signs() == ["pdk2"]
    # The old key stays for mail that is on its way.
    await customer.pass_time(KEPT_SECONDS - 1)
    assert await customer.zone() == first
    await customer.pass_time(1)
    assert await customer.zone() == first | {"pdk1": "k=rsa; p="}
    await customer.publish()
    # In time before its turn there is a new key; it signs when it was to be seen for as long as resolvers remember.
    await customer.pass_time(INTERVAL_SECONDS - KEPT_SECONDS - DAY - TTL_SECONDS)
    new = await customer.zone()
    assert new["pdk1"] not in ("k=rsa; p=", first["pdk1"]) and new["pdk2"] == first["pdk2"]
    assert await customer.signs() == ["pdk2"]
    await customer.publish()
    await customer.pass_time(LOOK_SECONDS)
    await customer.pass_time(DAY - LOOK_SECONDS + TTL_SECONDS - 1)
    assert await customer.signs() == ["pdk2"]
    await customer.pass_time(1)
    assert await customer.signs() == ["pdk1"]
    assert (await customer.zone())["pdk1"] == new["pdk1"]


async def test_no_key_signs_that_is_not_there(customer: Customer, fake_dns: FakeDns) -> None:
    await customer.start()
    record = f"pdk2._domainkey.{NAME}"
    fake_dns.remove(record)  # the customer made only one of the two records
    await customer.pass_time(INTERVAL_SECONDS)
    for _ in range(3):
        await customer.pass_time(LOOK_SECONDS)
        assert await customer.signs() == ["pdk1"]
    await customer.api.ok("POST", f"{PATH}/rotate")
    assert await customer.signs() == ["pdk1"]
    target = (await customer.api.ok("GET", f"/v4/domains/{NAME}"))["sending_dns_records"][2]["value"]
    fake_dns.set(record, "CNAME", target + ".")
    await customer.pass_time(LOOK_SECONDS)
    assert await customer.signs() == [
        "pdk1"
    ]  # seen for the first time: others may remember that there was nothing
    fake_dns.remove(record)
    await customer.pass_time(TTL_SECONDS)
    assert await customer.signs() == ["pdk1"]  # gone again
    fake_dns.set(record, "CNAME", target + ".")
    await customer.pass_time(LOOK_SECONDS)
    await customer.pass_time(TTL_SECONDS)
    assert await customer.signs() == ["pdk2"]


async def test_rotate_now_even_if_off(customer: Customer) -> None:
    await customer.start()
    answer = await customer.api.ok("PUT", f"{PATH}/rotation", data={"rotation_enabled": "false"})
    assert answer["domain"]["rotation_enabled"] == "false"
    await customer.pass_time(LOOK_SECONDS)  # the second key was seen
    await customer.pass_time(10 * INTERVAL_SECONDS)
    assert await customer.signs() == ["pdk1"]
    assert await customer.api.ok("POST", f"{PATH}/rotate") == {"message": "ok"}
    assert await customer.signs() == ["pdk2"]
    # Once more: not before the first key has been away for long enough.
    await customer.api.ok("POST", f"{PATH}/rotate")
    assert await customer.signs() == ["pdk2"]
    await customer.pass_time(KEPT_SECONDS)
    await customer.publish()
    await customer.pass_time(LOOK_SECONDS)
    await customer.pass_time(TTL_SECONDS)
    assert await customer.signs() == ["pdk1"]
    await customer.pass_time(10 * INTERVAL_SECONDS)
    assert await customer.signs() == ["pdk1"]


async def test_what_is_told(customer: Customer) -> None:
    await customer.start()
    data = {"rotation_enabled": "true", "rotation_interval": "5d"}
    domain = (await customer.api.ok("PUT", f"{PATH}/rotation", data=data))["domain"]
    code = customer.domain_id[-5:]
    assert domain == {
        "id": customer.domain_id,
        "account_id": customer.api.one.account_id,
        "sid": code,
        "name": NAME,
        "state": "enabled",
        "active_selector": "pdk1",
        "rotation_enabled": "true",
        "rotation_interval": "5d",
        "records": [
            {
                "name": f"{key}._domainkey.{NAME}",
                "type": "CNAME",
                "identifier": "DKIM",
                "value": f"{key}._domainkey.{code}.dkim.mail.example.com",
                "comment": "Points to the key that we keep for the domain",
            }
            for key in ("pdk1", "pdk2")
        ],
    }
    page = await customer.api.ok("GET", "/postwright/v1/dkim/records?limit=1")
    assert page["zone"] == "dkim.mail.example.com"
    assert page["items"][0] | {"value": ""} == {
        "name": f"pdk1._domainkey.{code}.dkim.mail.example.com",
        "type": "TXT",
        "ttl": 3600,
        "value": "",
        "domain": NAME,
    }
    second = await customer.api.ok("GET", page["paging"]["next"])
    assert second["items"][0]["name"].startswith("pdk2.")
    assert (await customer.api.ok("GET", second["paging"]["next"]))["items"] == []
    lines = (await customer.api.call("GET", "/postwright/v1/dkim/zone")).text.splitlines()
    assert len(lines) == 2 and lines[0].startswith(
        f'pdk1._domainkey.{code}.dkim.mail.example.com. 3600 IN TXT "k=rsa'
    )
    for path in ("records", "zone"):
        answer = await customer.api.call("GET", f"/postwright/v1/dkim/{path}", key=customer.api.two.key)
        assert answer.status_code == 403


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (
            {"rotation_enabled": "false", "rotation_interval": "6d"},
            "rotation_interval is not allowed unless also enabling DKIM rotation",
        ),
        ({"rotation_enabled": "true", "rotation_interval": "4d"}, "rotation_interval is not valid: 5 days"),
        ({"rotation_enabled": "true", "rotation_interval": "soon"}, "rotation_interval is not valid"),
        ({"rotation_enabled": "true", "rotation_interval": "99999999d"}, "rotation_interval is not valid"),
    ],
)
async def test_bad_intervals(customer: Customer, fields: dict[str, str], reason: str) -> None:
    await customer.start()
    answer = await customer.api.call("PUT", f"{PATH}/rotation", data=fields)
    assert answer.status_code == 400 and answer.json()["Reason"].startswith(reason)


async def test_who_has_none(customer: Customer) -> None:
    api = customer.api
    await customer.start(active=False)
    answer = await api.call("POST", f"{PATH}/rotate")
    assert answer.status_code == 400
    assert (
        answer.json()["Reason"] == "only domains in enabled can rotate their keys. Current state: wait_verify"
    )
    cases: list[tuple[str, Any]] = [
        ("one.example.com", api.one.key),
        ("none.test", api.one.key),
        (NAME, api.two.key),
    ]
    for name, key in cases:
        answer = await api.call("POST", f"/v1/dkim_management/domains/{name}/rotate", key=key)
        assert (answer.status_code, answer.json()["Description"]) == (404, "domain not found")
    # Its keys are changed by nobody else.
    for method, path, more in (
        ("PUT", f"/v4/domains/{NAME}/keys/pdk2/activate", {}),
        ("PUT", f"/v4/domains/{NAME}/keys/pdk1/deactivate", {}),
        ("DELETE", "/v1/dkim/keys", {"params": {"signing_domain": NAME, "selector": "pdk2"}}),
        ("PUT", f"/v3/domains/{NAME}/dkim_selector", {"data": {"dkim_selector": "x"}}),
        ("PUT", f"/v3/domains/{NAME}/dkim_authority", {"data": {"self": "false"}}),
    ):
        assert (await api.call(method, path, **more)).status_code == 400, path
    await api.ok("DELETE", f"/v3/domains/{NAME}")
    assert await customer.zone() == {}
    await customer.pass_time(DAY)
