"""The contract, the routes and the published descriptions say the same."""

from pathlib import Path

import aiohttp
import pytest
from tools.compare_openapi import Document, compare, load

from postwright.apps.concepts import CONTROLLERS
from postwright.apps.planned import contract, planned_controllers, served_operations
from tests.conftest import StartServer

# The published descriptions belong to others and are not part of the project: compared where they lie next to it.
PUBLISHED = [
    Path(__file__).parents[3] / "shared" / "mailgun" / name
    for name in ("openapi.yaml", "openapi-supplement.yaml")
]

published = pytest.mark.skipif(
    not all(path.exists() for path in PUBLISHED), reason="the published descriptions are not here"
)
# Where a working operation differs from its published description on purpose: what lacks, and why.
KNOWN: dict[str, str] = {
    "GET /v3/{domain_name}/events: missing response field: items[].delivery-status.mxhost": (
        "a slip of the published description: the service and its clients say mx-host"
    ),
}


def test_what_works_is_routed_and_what_is_routed_works() -> None:
    working = {entry.key for entry in contract() if entry.state == "works"}
    assert set(served_operations(CONTROLLERS)) & {entry.key for entry in contract()} == working


def test_an_operation_has_the_same_id_in_contract_and_code() -> None:
    served = {key: operation.id for key, (_, operation) in served_operations(CONTROLLERS).items()}
    named = {entry.key: entry.id for entry in contract() if entry.key in served}
    assert named == {key: served[key] for key in named}


def test_every_operation_of_the_contract_is_routed_once() -> None:
    controllers = (*CONTROLLERS, *planned_controllers(CONTROLLERS))
    assert {entry.key for entry in contract()} <= set(served_operations(controllers))
    assert not set(served_operations(CONTROLLERS)) & set(served_operations(planned_controllers(CONTROLLERS)))


@pytest.mark.skipif(
    not all(path.exists() for path in PUBLISHED), reason="the published descriptions are not here"
)
def test_the_contract_has_every_published_operation() -> None:
    assert {entry.key for entry in contract()} == {key for path in PUBLISHED for key in load(path).operations}


@published
async def test_working_operations_take_and_give_what_is_published(start_server: StartServer) -> None:
    server = await start_server()
    async with (
        aiohttp.ClientSession() as client,
        client.get(f"{server.base_url}/postwright/openapi.json") as answer,
    ):
        ours = Document(await answer.json())
    theirs = {key: operation for path in PUBLISHED for key, operation in load(path).operations.items()}
    missing = {
        f"{entry.method} {entry.path}: {each}"
        for entry in contract()
        if entry.state == "works"
        for each in compare(ours.operations[entry.key], theirs[entry.key])
        if each.missing
    }
    assert sorted(missing) == sorted(KNOWN)
