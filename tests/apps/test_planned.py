"""Operations that are planned answer 501; those that work win."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from postwright.apps.planned import contract, planned_controllers, served_operations
from postwright.kernel.errors import Refused
from postwright.kernel.http import Controller, delete, get, make_app
from postwright.kernel.http.openapi import describe, operations_of

ROOT = Path(__file__).parents[2]


class NoKey(Refused):
    """For the guard below."""

    status = 401
    message = "Forbidden"


async def guard(connection: ASGIConnection, _handler: BaseRouteHandler) -> None:
    if connection.headers.get("authorization") != "Basic right":
        raise NoKey


class Served(Controller):
    """Two operations of the contract under names of our own, and one that is not in it."""

    path = "/v3"

    @get("/routes/match", id="routes.match", access="x")
    async def match(self) -> dict[str, str]:
        """Works."""
        return {"works": "match"}

    @delete("/routes/{route:str}", id="routes.delete", access="x")
    async def remove(self, route: str) -> dict[str, str]:
        """Works."""
        return {"works": route}

    @get("/own", id="own", access="x")
    async def own(self) -> dict[str, str]:
        """Works."""
        return {"works": "own"}


@asynccontextmanager
async def client(*served: type[Controller]) -> AsyncIterator[httpx.AsyncClient]:
    app = make_app((*served, *planned_controllers(served)), guards=[guard])
    transport = httpx.ASGITransport(app)
    headers = {"authorization": "Basic right"}
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as http:
        yield http


def filled(path: str) -> str:
    numbers = iter(range(10))
    return re.sub(r"\{[^}]*\}", lambda _: f"value{next(numbers)}.example", path)


async def test_every_planned_operation_says_so_by_name() -> None:
    async with client() as http:
        for entry in contract():
            answer = await http.request(entry.method, filled(entry.path))
            assert answer.status_code == 501, entry
            said = answer.json()["message"]
            assert said == f"{entry.method} {entry.path} ({entry.id}) is planned and does not work yet"


async def test_what_is_served_wins_and_its_siblings_stay_planned() -> None:
    async with client(Served) as http:
        assert (await http.get("/v3/routes/match")).json() == {"works": "match"}
        assert (await http.delete("/v3/routes/7")).json() == {"works": "7"}
        assert (await http.get("/v3/own")).json() == {"works": "own"}
        for method, path in (("GET", "/v3/routes/7"), ("PUT", "/v3/routes/7"), ("GET", "/v3/routes")):
            assert (await http.request(method, path)).status_code == 501
    assert len(served_operations(planned_controllers((Served,)))) == len(contract()) - 2


async def test_the_description_promises_nothing_for_planned_operations() -> None:
    app = make_app((Served, *planned_controllers((Served,))))
    described = describe(operations_of(app.litestar))["paths"]
    shapes = [re.sub(r"\{[^}]*\}", "{}", path) for path in described]
    assert len(shapes) == len(set(shapes))
    assert set(described["/v3/routes/{route}"]["get"]["responses"]) == {"501", "401", "403"}
    assert "200" in described["/v3/routes/{route}"]["delete"]["responses"]


async def test_authentication_comes_first_and_unknown_paths_are_404() -> None:
    async with client(Served) as http:
        refused = await http.get("/v3/lists", headers={"authorization": "Basic wrong"})
        assert (refused.status_code, refused.json()) == (401, {"message": "Forbidden"})
        assert (await http.get("/v3/nothing/of/the/kind")).status_code == 404
        assert (await http.patch("/v3/lists")).status_code == 404


def test_the_contract_is_sorted_and_has_each_operation_once() -> None:
    entries = contract()
    assert (
        len(entries) == len({entry.key for entry in entries}) == len({entry.id for entry in entries}) == 266
    )
    assert all(re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", entry.id) for entry in entries)
    order = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    assert entries == sorted(entries, key=lambda e: (e.group, e.path, order.index(e.method)))


def test_the_contract_at_the_top_is_the_one_that_is_shipped() -> None:
    shipped = ROOT / "src" / "postwright" / "contract" / "operations.toml"
    assert (ROOT / "contract" / "operations.toml").samefile(shipped)
