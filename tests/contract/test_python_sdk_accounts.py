"""The official Python client: subaccounts, limits, thresholds, keys of domains, allowlists."""

from typing import Any

from mailgun.client import Client

from tests.e2e.conftest import DOMAIN, Api

from .conftest import using

JSON = {"Content-Type": "application/json"}
LIMIT = {
    "name": "customers",
    "metric": "delivered_count",
    "comparator": ">=",
    "limit": "1000",
    "dimension": "subaccount",
    "period": "1M",
}


def client(api: Api) -> Client:
    return Client(auth=("api", api.server.api_key), api_url=api.server.base_url)


def ok(reply: Any) -> Any:
    assert reply.status_code == 200, (reply.url, reply.status_code, reply.text)
    return reply.json()


async def test_subaccounts_and_limits(api: Api) -> None:
    def use() -> dict[str, Any]:
        with client(api) as sdk:
            made = ok(sdk.accounts_subaccounts.create(filters={"name": "From Python"}))["subaccount"]
            listed = ok(sdk.accounts_subaccounts.get())
            limit_set = ok(sdk.accounts_limit_custom_monthly.put(filters={"limit": 5000}))
            limit = ok(sdk.accounts_limit_custom_monthly.get())
            limit_gone = ok(sdk.accounts_limit_custom_monthly.delete())
            added = ok(sdk.ip_whitelist.create(data={"address": "127.0.0.1", "description": "here"}))
            removed = ok(sdk.ip_whitelist.delete(filters={"address": "127.0.0.1"}))
        return locals()

    seen = await using(use)
    assert (seen["made"]["name"], seen["made"]["status"]) == ("From Python", "open")
    assert [each["id"] for each in seen["listed"]["subaccounts"]] == [seen["made"]["id"]]
    assert seen["limit_set"] == seen["limit_gone"] == {"success": True}
    assert seen["limit"] == {"limit": 5000, "current": 0, "period": "1m"}
    assert seen["added"]["addresses"] == [{"ip_address": "127.0.0.1", "description": "here"}]
    assert seen["removed"] == {"addresses": []}


async def test_thresholds(api: Api) -> None:
    def use() -> dict[str, Any]:
        with client(api) as sdk:
            made = ok(sdk.thresholds_limits.create(data=LIMIT, headers=JSON))
            listed = ok(sdk.thresholds_limits.get())
            hits = ok(sdk.thresholds_hits.get())
        return locals()

    seen = await using(use)
    assert seen["made"] | LIMIT == seen["made"]
    assert seen["listed"] == {"items": [seen["made"]], "total": 1}
    assert seen["hits"] == {"items": [], "total": 0}


async def test_domains_and_their_keys(api: Api) -> None:
    def use() -> dict[str, Any]:
        with client(api) as sdk:
            keys = ok(sdk.dkim_keys.get(filters={"signing_domain": DOMAIN}))
            data = {"signing_domain": DOMAIN, "selector": "py", "bits": "2048"}
            made = ok(sdk.dkim_keys.create(data=data))
            deleted = ok(sdk.dkim_keys.delete(filters={"signing_domain": DOMAIN, "selector": "py"}))
            selector = ok(sdk.domains_dkimselector.put(domain=DOMAIN, data={"dkim_selector": "other"}))
            authority = ok(sdk.domains_dkimauthority.put(domain=DOMAIN, data={"self": "false"}))
            prefix = ok(sdk.domains_webprefix.put(domain=DOMAIN, data={"web_prefix": "links"}))
            connection = ok(sdk.domains_connection.get(domain=DOMAIN))
            changed = ok(sdk.domains_connection.put(domain=DOMAIN, data={"require_tls": True}))
            rotating = sdk.dkim_management_rotation.put(domain=DOMAIN, data={"rotation_enabled": "true"})
            login = ok(
                sdk.domains_credentials.create(domain=DOMAIN, data={"login": "jo", "password": "secret"})
            )
        return locals()

    seen = await using(use)
    assert [each["signing_domain"] for each in seen["keys"]["items"]] == [DOMAIN]
    assert seen["made"]["selector"] == "py" and seen["deleted"] == {"message": "success"}
    assert seen["selector"]["message"] == "DKIM selector changed" and seen["authority"]["changed"] is False
    assert seen["prefix"]["message"] == "Domain web prefix updated"
    assert seen["connection"]["connection"]["require_tls"] is False and seen["changed"]["require_tls"] is True
    assert seen["rotating"].status_code == 404  # it has no automatic sender security
    assert seen["login"]["message"] == "Created 1 credentials pair(s)"
