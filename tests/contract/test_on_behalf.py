"""Every operation of the contract on behalf of a subaccount: as if the subaccount's own key had asked."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from postwright.accounts import Area
from postwright.kernel.db import Db
from tests.world import Tenant, World, world

from .test_roles import WORKING, path_of

HEADER = "X-Mailgun-On-Behalf-Of"
# Where a subaccount's own key is answered otherwise, and why.
KNOWN = {
    "subaccounts.delete": "the header names the subaccount that its owner deletes",
    "subaccounts.create": "a subaccount cannot have subaccounts, whoever asks: told before the name is looked at",
    "users.me": "a key of a person, whose account it is not",
}


@pytest.fixture
async def api(sqlite_db: Db, tmp_path: Path) -> AsyncIterator[World]:
    """An account with subaccounts, and a stranger."""
    async with world(sqlite_db, tmp_path) as made:
        yield made


def said(answer: httpx.Response, tenant: Tenant) -> tuple[int, str]:
    """Status and shape of an answer: of a refusal also its words."""
    text = answer.text.replace(tenant.domain, "DOMAIN").replace(tenant.account_id, "ACCOUNT")
    if answer.status_code >= 400:
        return answer.status_code, text
    try:
        body = answer.json()
    except ValueError:
        body = {}
    return answer.status_code, ",".join(sorted(body)) if isinstance(body, dict) else ""


async def test_as_with_its_own_key(api: World) -> None:
    """Two subaccounts that are alike, one asked for with its own key and one with its owner's."""
    own, lent = (api.tenant(f"{name}.example.net", api.one.account_id) for name in ("own", "lent"))
    assert set(KNOWN) <= {entry.id for entry, _ in WORKING}
    wrong = []
    for entry, operation in sorted(WORKING, key=lambda each: each[0].method == "DELETE"):
        if entry.id in KNOWN:
            continue
        given: dict[str, Any] = {"json": {}} if operation.opt["reads"] and entry.method == "POST" else {}
        key = api.key(own.account_id, "admin")
        first = await api.call(entry.method, path_of(entry.path, own.domain), key=key, **given)
        second = await api.call(
            entry.method, path_of(entry.path, lent.domain), headers={HEADER: lent.account_id}, **given
        )
        if said(first, own) != said(second, lent) or second.status_code in (401, 500):
            wrong.append((entry.id, said(first, own), said(second, lent)))
    assert not wrong, "\n".join(map(str, wrong))
    # What was not deleted is still there, and the owner's own things are untouched.
    assert (await api.call("GET", "/v4/domains/{d}")).status_code == 200


@pytest.mark.parametrize("whose", ["a stranger's", "nobody's", "one's own"])
async def test_of_whom_it_is_not_the_owner(api: World, whose: str) -> None:
    stranger = api.tenant("child.example.org", api.two.account_id)
    id = {"a stranger's": stranger.account_id, "nobody's": "0" * 24, "one's own": api.one.account_id}[whose]
    wrong = []
    for entry, _ in WORKING:
        path = path_of(entry.path, stranger.domain)
        answer = await api.call(entry.method, path, headers={HEADER: id})
        if (answer.status_code, answer.json().get("message")) != (404, "Subaccount not found"):
            wrong.append((entry.id, answer.status_code, answer.text[:80]))
    assert wrong == []


async def test_of_a_disabled_one(api: World) -> None:
    """Its owner may still look at it, enable and delete it, and nothing else."""
    child = api.tenant("child.example.net", api.one.account_id)
    await api.ok("POST", f"/v5/accounts/subaccounts/{child.account_id}/disable")
    wrong = []
    for entry, operation in WORKING:
        if operation.access is Area.SUBACCOUNTS:
            continue
        path = path_of(entry.path, child.domain)
        for key, headers in ((None, {HEADER: child.account_id}), (child.key, {})):
            answer = await api.call(entry.method, path, key=key, headers=headers)
            if (answer.status_code, answer.json().get("message")) != (403, "Account is disabled"):
                wrong.append((entry.id, bool(key), answer.status_code, answer.text[:80]))
    assert wrong == []
    await api.ok("DELETE", "/v5/accounts/subaccounts", headers={HEADER: child.account_id})


async def test_with_a_key_that_only_sends(api: World) -> None:
    child = api.tenant("child.example.net", api.one.account_id)
    key = api.key(api.one.account_id, "sending", kind="domain", domain_name=api.one.domain)
    for domain in (api.one.domain, child.domain):
        answer = await api.call("POST", f"/v3/{domain}/messages", key=key, headers={HEADER: child.account_id})
        assert (answer.status_code, answer.json()) == (403, {"message": "Forbidden"})
