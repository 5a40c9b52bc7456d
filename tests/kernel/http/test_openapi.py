"""The description made from declarations."""

import httpx
import msgspec

from postwright.kernel.http import operations_of
from postwright.kernel.http.openapi import describe

from .sample import sample_app

DOCUMENT = describe(operations_of(sample_app().litestar))
SCHEMAS = DOCUMENT["components"]["schemas"]


def test_paths_methods_and_ids() -> None:
    ids = {op["operationId"] for path in DOCUMENT["paths"].values() for op in path.values()}
    assert ids == {
        "send", "send.2", "bounces.list", "bounces.add", "bounces.clear", "crash", "halt", "raw", "tag",
        "postwright.openapi",
    }  # fmt: skip
    send = DOCUMENT["paths"]["/v3/{domain}/messages"]["post"]
    assert (send["operationId"], send["summary"]) == ("send", "Send a message.")
    assert send["parameters"] == [
        {"name": "domain", "in": "path", "required": True, "schema": {"type": "string"}}
    ]
    assert DOCUMENT["paths"]["/v3/{domain}/raw"]["get"]["security"] == []


def test_fields_under_their_wire_names() -> None:
    send = SCHEMAS["Send"]
    assert send["required"] == ["from", "to"]
    assert set(send["properties"]) == {
        "from", "to", "subject", "o:tag", "o:testmode", "o:deliverytime", "note", "attachment"
    }  # fmt: skip
    assert send["additionalProperties"] == {"type": "array", "items": {"type": "string"}}
    assert SCHEMAS["Upload"] == {"type": "string", "contentMediaType": "application/octet-stream"}
    content = DOCUMENT["paths"]["/v3/{domain}/messages"]["post"]["requestBody"]["content"]
    assert set(content) == {"multipart/form-data", "application/x-www-form-urlencoded", "application/json"}


def test_batches() -> None:
    content = DOCUMENT["paths"]["/v3/{domain}/bounces"]["post"]["requestBody"]["content"]
    ref = {"$ref": "#/components/schemas/Item"}
    assert content["application/json"]["schema"] == {"anyOf": [ref, {"type": "array", "items": ref}]}


def test_get_fields_are_query_parameters() -> None:
    parameters = DOCUMENT["paths"]["/v3/{domain}/bounces"]["get"]["parameters"]
    assert {p["name"] for p in parameters if p["in"] == "query"} == {"address", "term", "limit", "page"}


def test_answers_and_errors() -> None:
    responses = DOCUMENT["paths"]["/v3/{domain}/messages"]["post"]["responses"]
    assert responses["200"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Sent"}
    assert responses["404"]["description"] == "Domain not found"
    assert set(responses) == {"200", "400", "401", "403", "404"}
    assert "content" not in DOCUMENT["paths"]["/v3/{domain}/bounces"]["delete"]["responses"]["204"]
    reply = DOCUMENT["paths"]["/v3/{domain}/bounces"]["post"]["responses"]["202"]
    assert reply["content"]["application/json"]["schema"]["type"] == "array"


def test_every_reference_leads_somewhere() -> None:
    text = msgspec.json.encode(DOCUMENT).decode()
    for ref in text.split('"$ref":"#/components/schemas/')[1:]:
        assert ref.partition('"')[0] in SCHEMAS


async def test_it_is_served() -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(sample_app()), base_url="http://t") as client:
        reply = await client.get("/postwright/openapi.json")
    assert reply.headers["content-type"] == "application/json"
    assert reply.json() == msgspec.json.decode(msgspec.json.encode(DOCUMENT))
