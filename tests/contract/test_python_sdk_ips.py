"""The official Python client, on addresses, pools, warm-ups and dynamic pools."""

import time
from collections.abc import Callable
from typing import Any

from mailgun.client import Client

from tests.e2e.conftest import DOMAIN, Api

from .conftest import IPS, SHARED_IP, using
from .test_python_sdk import client, ok


async def test_addresses_pools_and_warm_ups(with_addresses: Api) -> None:
    def use() -> None:
        with client(with_addresses) as sdk:
            _addresses(sdk)
            _pools(sdk)
            _the_rest(sdk)

    await using(use)


def said(reply: Any, message: str = "success") -> None:
    assert ok(reply)["message"] == message


def _addresses(sdk: Client) -> None:
    listed = ok(sdk.ips.get(filters={"dedicated": "true"}))
    assert listed["items"] == IPS and listed["total_count"] == 5
    assert ok(sdk.ips.get(ip=IPS[0]))["dedicated"] is True
    assert ok(sdk.ips_request_new.get())["allowed"] == {"dedicated": 1, "shared": 1}
    said(sdk.ips_request_new.create())
    assert len(ok(sdk.ips_details_all.get(filters={"sort_by": "address"}))["items"]) == 6
    said(sdk.domains_ips.create(domain=DOMAIN, data={"ip": IPS[1]}))
    held = ok(sdk.domains_ips.get(domain=DOMAIN))["items"]
    assert IPS[1] in held
    said(sdk.domains_ips.delete(domain=DOMAIN, ip=IPS[0]))
    assert IPS[0] not in ok(sdk.domains_ips.get(domain=DOMAIN))["items"]


def _pools(sdk: Client) -> None:
    data = {"name": "news", "description": "Newsletters", "ips": [IPS[0], IPS[3]]}
    pool = str(ok(sdk.ippools.create(data=data))["pool_id"])
    assert [each["pool_id"] for each in ok(sdk.ippools.get())["ip_pools"]] == [pool]
    said(sdk.ippools.patch(data={"add_ip": IPS[2], "name": "more"}, pool_id=pool))
    said(sdk.ip_pools.delete(pool_id=pool, ip=IPS[3]), "started")
    details = ok(sdk.ippools.get(pool_id=pool))["details"]
    assert (details["name"], details["ips"]) == ("more", [IPS[0], IPS[2]])
    said(sdk.domains_ips.create(domain=DOMAIN, data={"pool_id": pool}))
    assert ok(sdk.domains_ips.get(domain=DOMAIN))["items"] == [IPS[0], IPS[2]]

    kid = ok(sdk.accounts_subaccounts.create(data={"name": "kid"}))["subaccount"]["id"]
    said(sdk.subaccount_ip_pool.update(subaccountId=kid, data={"pool_id": pool}), "started")
    refused = sdk.ippools.delete(pool_id=pool)
    assert refused.status_code == 400 and "replacement" in refused.json()["message"]
    said(sdk.ippools.delete(pool_id=pool, filters={"ip": "shared"}), "started")
    until(lambda: ok(sdk.domains_ips.get(domain=DOMAIN))["items"] == [SHARED_IP])
    until(lambda: ok(sdk.ippools.get())["ip_pools"] == [])


def until(holds: Callable[[], bool]) -> None:
    """Wait for what is done in the background."""
    deadline = time.monotonic() + 15
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _the_rest(sdk: Client) -> None:
    """Lists; for single warm-ups and dynamic pools this client has no names."""
    assert ok(sdk.ip_warmups.get())["items"] == []
    assert set(ok(sdk.dynamic_pools.get())) == {
        "pools",
        "good_reputation",
        "poor_reputation",
        "new_senders",
    }
