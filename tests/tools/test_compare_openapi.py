"""The comparison of OpenAPI documents, on small ones."""

import json
from pathlib import Path
from typing import Any

import pytest
from tools.compare_openapi import Difference, Document, compare, main

OBJECT = {"type": "object"}


def operation(parameters: Any = (), body: Any = None, answer: Any = None, status: str = "200") -> Any:
    made: Any = {"parameters": list(parameters), "responses": {status: {"content": {"application/json": {}}}}}
    if body is not None:
        made["requestBody"] = {"content": {"multipart/form-data": {"schema": body}}}
    made["responses"][status]["content"]["application/json"]["schema"] = answer or {"properties": {}}
    return made


def fields(**named: Any) -> Any:
    return {"type": "object", "properties": named}


def query(name: str) -> Any:
    return {"in": "query", "name": name}


def document(paths: Any, **schemas: Any) -> Document:
    return Document({"paths": paths, "components": {"schemas": schemas}})


def differences(ours: Any, theirs: Any, **schemas: Any) -> list[str]:
    pair = (document({"/x": {"post": each}}, **schemas).operations["POST", "/x"] for each in (ours, theirs))
    return [str(each) for each in compare(*pair)]


def test_equal_operations_do_not_differ() -> None:
    same = operation([query("limit")], fields(to=OBJECT), fields(id={}))
    assert differences(same, same) == []


def test_what_is_missing_and_what_is_extra() -> None:
    header = {"in": "header", "name": "X-On-Behalf-Of"}
    ours = operation([query("limit"), query("own")], fields(to=OBJECT, more={}), fields(id={}, spare={}))
    theirs = operation(
        [query("limit"), query("skip"), header], fields(to={}, cc={}), fields(id={}, message={})
    )
    assert differences(ours, theirs) == [
        "missing body field: cc",
        "extra body field: more",
        "missing header: X-On-Behalf-Of",
        "missing parameter: skip",
        "extra parameter: own",
        "missing response field: message",
        "extra response field: spare",
    ]


def test_references_and_combinations_are_followed() -> None:
    schemas = {
        "Base": fields(id={}),
        "Page": {
            "allOf": [
                {"$ref": "#/components/schemas/Base"},
                fields(items={"$ref": "#/components/schemas/List"}),
            ]
        },
        "List": {
            "type": "array",
            "items": {"oneOf": [fields(name={}), {"anyOf": [fields(address={}), {"type": "null"}]}]},
        },
        "Loop": fields(again={"$ref": "#/components/schemas/Loop"}),
    }
    theirs = operation(
        answer={"$ref": "#/components/schemas/Page"}, body={"$ref": "#/components/schemas/Loop"}
    )
    assert differences(operation(body=fields(again=OBJECT)), theirs, **schemas)[:1] == [
        "missing body field: again.again"
    ]
    found = differences(operation(body={"$ref": "#/components/schemas/Loop"}), theirs, **schemas)
    assert found == [
        f"missing response field: {n}" for n in ("id", "items", "items[].address", "items[].name")
    ]


def test_names_taken_by_pattern_are_not_missing() -> None:
    ours = operation(body=fields(to={}) | {"patternProperties": {"^h:": {}}})
    theirs = operation(body=fields(to={}, **{"h:X-My-Header": {}, "v:my-var": {}}))
    assert differences(ours, theirs) == ["missing body field: v:my-var"]
    assert differences(theirs, operation(body=fields(to={}) | {"additionalProperties": {}})) == []


def test_members_of_an_open_object_are_not_told_apart() -> None:
    ours, theirs = operation(answer=fields(tags=OBJECT)), operation(answer=fields(tags=fields(one={})))
    assert differences(ours, theirs) == []
    assert differences(operation(), theirs) == [
        "missing response field: tags",
        "missing response field: tags.one",
    ]


def test_we_take_query_parameters_in_the_body_too() -> None:
    assert differences(operation(body=fields(limit={})), operation([query("limit")])) == []
    assert differences(operation([query("limit")]), operation(body=fields(limit={}))) == []


def test_error_answers_are_not_compared() -> None:
    theirs = operation(answer=fields(id={}))
    theirs["responses"]["400"] = {"content": {"application/json": {"schema": fields(message={})}}}
    assert differences(operation(answer=fields(id={})), theirs) == []


OURS = {
    "/v1/keys": {"get": operation(), "post": operation(status="501")},
    "/v1/keys/{key}": {"delete": operation(answer=fields(message={}))},
    "/own": {"get": operation()},
}
THEIRS = {
    "/v1/keys": {"get": operation(answer=fields(items={})), "post": operation()},
    "/v1/keys/{key_id}": {"delete": operation(answer=fields(message={}))},
}
CONTRACT = """
[[operation]]
id = "keys.list"
group = "Keys"
method = "GET"
path = "/v1/keys"
state = "{}"
"""


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    (tmp_path / "ours.json").write_text(json.dumps({"paths": OURS}))
    (tmp_path / "theirs.yaml").write_text(json.dumps({"paths": THEIRS}))
    return [str(tmp_path / "ours.json"), str(tmp_path / "theirs.yaml")]


def test_the_report(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(files) == 0
    assert capsys.readouterr().out.splitlines() == [
        "GET /own",
        "    extra operation: the whole of it",
        "GET /v1/keys",
        "    missing response field: items",
        "POST /v1/keys",
        "    missing operation: the whole of it",  # ours only says 501
        "2 operations compared: 2 missing, 1 extra",
    ]
    assert main(["--strict", *files]) == 1


def test_only_what_the_contract_calls_working(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    contract = tmp_path / "operations.toml"
    contract.write_text(CONTRACT.format("works"))
    assert main(["--strict", "--only-working", str(contract), *files]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "1 operations compared: 1 missing, 0 extra"
    contract.write_text(CONTRACT.format("planned"))
    assert main(["--strict", "--only-working", str(contract), *files]) == 0


def test_a_difference_reads_as_a_line() -> None:
    assert str(Difference("header", True, "X")) == "missing header: X"
