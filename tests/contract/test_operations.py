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
_JSON_TEXT = 'the fields are JSON texts, as clients send them: sending={"enabled":true}'
_LIVE = "the service wraps it in `member`, and clients read that"
_NO_DOMAIN = "an account's template belongs to no domain"
_ERROR_SHAPE = "the message of its refusals, described with these"
_GONE = "answers 410 whatever is asked (behaviour.md 17)"
_FEATURES = ("email_preview", "inbox_placement", "sending", "validations", "validations_bulk")
KNOWN: dict[str, str] = {
    "GET /v3/{domain_name}/events: missing response field: items[].delivery-status.mxhost": (
        "a slip of the published description: the service and its clients say mx-host"
    ),
    "PUT /v3/routes/{id}: missing body field: id": "the path names the route",
    "DELETE /v5/accounts/subaccounts: missing header: X-Mailgun-On-Behalf-Of": (
        "every operation takes this header, so that none describes it"
    ),
    **{
        f"PUT /v5/accounts/{path}features: missing body field: {name}.enabled": _JSON_TEXT
        for path in ("", "subaccounts/{subaccount_id}/")
        for name in _FEATURES
    },
    **{
        f"{operation}: missing response field: {field}": _NO_DOMAIN
        for operation, field in (
            ("GET /v4/templates", "items[].domain"),
            ("POST /v4/templates", "template.domain"),
            ("GET /v4/templates/{template_name}", "template.domain"),
            ("GET /v4/templates/{template_name}/versions", "template.domain"),
            ("POST /v4/templates/{template_name}/versions", "template.domain"),
            ("GET /v4/templates/{template_name}/versions/{version_name}", "template.domain"),
        )
    },
    **{
        f"{operation}: missing response field: {field}": _ERROR_SHAPE
        for operation, field in (
            ("PUT /v4/templates/{template_name}/copy", "error"),
            ("PUT /v3/{domain_name}/templates/{template_name}/copy", "error"),
            ("POST /v1/thresholds/alerts/send", "message"),
            ("GET /v1/thresholds/alerts/send/{name}", "message"),
            ("GET /v1/thresholds/hits", "message"),
            ("GET /v1/thresholds/limits", "message"),
            ("POST /v1/thresholds/limits", "message"),
            ("GET /v1/thresholds/limits/{name}", "message"),
            ("GET /v3/ip_warmups", "message"),
            ("GET /v3/ip_warmups/{addr}", "message"),
        )
    },
    **{
        f"GET /v1/bounce-classification/domains/{{domain}}/events: missing parameter: {name}": _GONE
        for name in ("entity-id", "limit", "page", "rule-id", "sort")
    },
    **{
        f"GET /v3/lists/{{list_address}}/members/{{member_address}}: missing response field: {name}": _LIVE
        for name in ("address", "name", "subscribed", "vars")
    },
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
