"""Every operation of the contract under every role, and asked for by a stranger."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from postwright.accounts.roles import Kind, Right, Role, may
from postwright.apps.concepts import CONTROLLERS
from postwright.apps.planned import contract, served_operations
from postwright.kernel.db import Db
from tests.world import World, world

SERVED = served_operations(CONTROLLERS)
WORKING = [(entry, SERVED[entry.key][1]) for entry in contract() if entry.state == "works"]
ROLES = (Role.ADMIN, Role.BASIC, Role.DEVELOPER, Role.SUPPORT, Role.BILLING, Role.SENDING)
_PARAMETER = re.compile(r"\{([^}]*)\}")


@pytest.fixture
async def api(sqlite_db: Db, tmp_path: Path) -> AsyncIterator[World]:
    """Two accounts. One database will do: who may do what is decided before any is asked."""
    async with world(sqlite_db, tmp_path) as made:
        yield made


def path_of(path: str, domain: str) -> str:
    """A path whose domain is there and whose other objects are not."""

    def value(found: re.Match[str]) -> str:
        name = found[1].lower()
        return domain if "domain" in name or name in ("name", "authority_name") else "nothing"

    return _PARAMETER.sub(value, path)


async def ask(api: World, method: str, path: str, key: str) -> httpx.Response:
    """One request without parameters."""
    return await api.call(method, path, key=key)


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_reaches_what_the_matrix_gives_it(api: World, role: Role) -> None:
    wrong = []
    for entry, operation in WORKING:
        # A key for each: some operations end keys or delete what others need.
        kind = {"kind": Kind.DOMAIN, "domain_name": api.one.domain} if role is Role.SENDING else {}
        if role in (Role.SUPPORT, Role.BILLING):
            kind = {"kind": Kind.WEB, "user_id": "u", "email": "u@example.com"}
        tenant = api.one if operation.method != "DELETE" else api.two
        if role is Role.SENDING and tenant is api.two:
            kind["domain_name"] = api.two.domain
        key = api.key(tenant.account_id, role, **kind)
        answer = await ask(api, entry.method, path_of(entry.path, tenant.domain), key)
        needed = Right.READ if operation.opt["reads"] else Right.WRITE
        refused = answer.status_code == 403 and answer.json().get("message") == "Forbidden"
        if refused == may(role, operation.access, needed) or answer.status_code in (401, 500):
            wrong.append((entry.id, answer.status_code, answer.text[:100]))
    assert wrong == []


def test_asking_by_post_counts_as_reading() -> None:
    asking = {entry.id for entry, operation in WORKING if entry.method == "POST" and operation.opt["reads"]}
    assert {"logs.query", "metrics.query"} <= asking


async def test_a_strangers_domain_does_not_exist(api: World) -> None:
    """With another account's admin key: neither data nor 403, which would tell that it is there."""
    wrong = []
    for entry, _ in WORKING:
        if not any("domain" in name.lower() or name == "name" for name in _PARAMETER.findall(entry.path)):
            continue
        if "{domain" not in entry.path and "/domains/{" not in entry.path:
            continue
        answer = await ask(api, entry.method, path_of(entry.path, api.one.domain), api.two.key)
        if answer.status_code not in ((410,) if entry.gone else (400, 404)):
            wrong.append((entry.id, entry.path, answer.status_code, answer.text[:120]))
    assert wrong == []
    assert (await api.call("GET", "/v4/domains/{d}")).status_code == 200
