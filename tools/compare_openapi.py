"""Compare our OpenAPI document with published ones, operation by operation.

    python tools/compare_openapi.py [--only-working OPERATIONS_TOML] [--strict] OURS.json THEIRS.yaml…

Compared are paths, parameters (place and name), body fields and fields of successful answers, through `$ref`,
`allOf`, `anyOf` and `oneOf`. The names of path parameters do not matter. `missing` is what they have and we
lack, `extra` the reverse. With `--strict` the exit code is 1 when something is missing.
"""

import argparse
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

METHODS = ("get", "post", "put", "patch", "delete")
MAX_DEPTH = 12  # of nested objects; some of the published schemas contain themselves

Json = dict[str, Any]
Key = tuple[str, str]


@dataclass
class Operation:
    """What is compared of one operation. Fields are dotted, with `[]` for lists: `items[].name`."""

    path: str  # as the document writes it
    parameters: set[tuple[str, str]] = field(default_factory=set)  # place and name
    body: set[str] = field(default_factory=set)
    patterns: set[str] = field(default_factory=set)  # regular expressions of further body fields
    answer: set[str] = field(default_factory=set)
    open_answers: set[str] = field(default_factory=set)  # objects whose members are not listed

    def named(self, place: str) -> set[str]:
        """The names of the parameters in `query` or `header`."""
        return {name for where, name in self.parameters if where == place}

    def accepts(self, name: str) -> bool:
        """Whether a body field or query parameter is taken, under its name or by a pattern."""
        return name in self.body or any(re.search(pattern, name) for pattern in self.patterns)


@dataclass(frozen=True)
class Difference:
    """One line of the report."""

    kind: str  # operation, parameter, header, body field, response field
    missing: bool
    name: str

    def __str__(self) -> str:
        return f"{'missing' if self.missing else 'extra'} {self.kind}: {self.name}"


class Document:
    """One OpenAPI document, with its references resolved on the way."""

    def __init__(self, tree: Json) -> None:
        self._tree = tree
        self.operations = dict(self._read())

    def _read(self) -> Iterator[tuple[Key, Operation]]:
        for path, item in self._tree.get("paths", {}).items():
            for method in METHODS:
                if method in item and not _is_planned(item[method]):
                    key = method.upper(), re.sub(r"\{[^}]*\}", "{}", path)
                    yield key, self._operation(path, item, item[method])

    def _operation(self, path: str, item: Json, described: Json) -> Operation:
        made = Operation(path)
        for parameter in map(self._resolve, [*item.get("parameters", []), *described.get("parameters", [])]):
            # OpenAPI 3.1 §4.8.12.1: a header parameter called Content-Type is to be ignored; the body says its type.
            if parameter["in"] in ("query", "header") and parameter["name"].lower() != "content-type":
                made.parameters.add((parameter["in"], parameter["name"]))
        body = self._resolve(described.get("requestBody", {}))
        for content in body.get("content", {}).values():
            made.body |= self._fields(content.get("schema", {}), made.patterns)
        for answer in _answers(described):
            for content in self._resolve(answer).get("content", {}).values():
                opened: set[str] = set()
                made.answer |= self._fields(content.get("schema", {}), set(), opened)
                made.open_answers |= opened
        return made

    def _resolve(self, node: Json) -> Json:
        for _ in range(MAX_DEPTH):
            if "$ref" not in node:
                break
            found: Any = self._tree
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part.replace("~1", "/").replace("~0", "~")]
            node = found
        return node

    def _fields(self, schema: Json, patterns: set[str], opened: set[str] | None = None) -> set[str]:
        """The names of all fields of a schema; fills `patterns` (of the top) and `opened`."""
        found: set[str] = set()
        self._collect(schema, "", found, patterns, set() if opened is None else opened, 0)
        return found

    def _collect(
        self, schema: Json, prefix: str, found: set[str], patterns: set[str], opened: set[str], depth: int
    ) -> None:
        if not isinstance(schema, dict) or depth > MAX_DEPTH:
            return
        schema = self._resolve(schema)
        for word in ("allOf", "anyOf", "oneOf"):
            for part in schema.get(word, ()):
                self._collect(part, prefix, found, patterns, opened, depth + 1)
        for name, inner in schema.get("properties", {}).items():
            found.add(prefix + name)
            self._collect(inner, f"{prefix}{name}.", found, set(), opened, depth + 1)
        if "items" in schema:
            below = prefix.removesuffix(".") + "[]."
            self._collect(schema["items"], below, found, set(), opened, depth + 1)
        patterns |= set(schema.get("patternProperties", {}))
        free = schema.get("additionalProperties", False)
        if (
            free is not False
            or (schema.get("type") == "object" and not schema.get("properties"))
            or not schema
        ):
            opened.add(prefix)
            if free is not False and not prefix and not schema.get("patternProperties"):
                patterns.add("")


def _answers(described: Json) -> list[Json]:
    """The successful answers."""
    answers = described.get("responses", {})
    return [answer for status, answer in answers.items() if str(status)[0] in "2d"]


def _is_planned(described: Json) -> bool:
    """Whether all it does is to say that it is not built (501)."""
    return "501" in described.get("responses", {}) and not _answers(described)


def compare(ours: Operation, theirs: Operation) -> list[Difference]:
    """What differs in one operation."""
    # We take parameters from query, form and JSON alike, so that their place is told apart for headers only.
    our_query, query = ours.named("query"), theirs.named("query")
    our_input = our_query | ours.body
    absent = query - our_input
    found = [Difference("parameter", True, name) for name in absent if not ours.accepts(name)]
    absent = theirs.body - query - our_input
    found += [Difference("body field", True, name) for name in absent if not ours.accepts(name)]
    for kind, names in (("parameter", our_query), ("body field", ours.body - our_query)):
        found += [Difference(kind, False, name) for name in names - query if not theirs.accepts(name)]
    for missing, names in (
        (True, theirs.named("header") - ours.named("header")),
        (False, ours.named("header") - theirs.named("header")),
    ):
        found += [Difference("header", missing, name) for name in names]
    for missing, wanted, given in ((True, theirs, ours), (False, ours, theirs)):
        absent = {n for n in wanted.answer - given.answer if not _covered(n, given.open_answers)}
        found += [Difference("response field", missing, name) for name in absent]
    return sorted(found, key=lambda each: (each.kind, not each.missing, each.name))


def _covered(name: str, opened: set[str]) -> bool:
    """Whether a field lies in an object whose members the other document leaves open."""
    return any(prefix and name.startswith(prefix) for prefix in opened)


def report(ours: Document, theirs: Iterable[Document], only: set[Key] | None = None) -> tuple[list[str], int]:
    """The lines to print, and the number of things missing."""
    published: dict[Key, Operation] = {}
    for document in theirs:
        published |= document.operations
    lines: list[str] = []
    compared = missing = extra = 0
    for key in sorted(published.keys() | ours.operations.keys(), key=lambda key: (key[1], key[0])):
        if only is not None and key not in only:
            continue
        our, their = ours.operations.get(key), published.get(key)
        if our is not None and their is not None:
            compared += 1
            found = compare(our, their)
        else:
            found = [Difference("operation", our is None, "the whole of it")]
        path = (their or our or Operation(key[1])).path
        lines += [f"{key[0]} {path}", *(f"    {each}" for each in found)] if found else []
        missing += sum(each.missing for each in found)
        extra += sum(not each.missing for each in found)
    lines.append(f"{compared} operations compared: {missing} missing, {extra} extra")
    return lines, missing


def working(contract: Path) -> set[Key]:
    """The operations that `contract` calls working."""
    operations = tomllib.loads(contract.read_text(encoding="utf-8"))["operation"]
    return {
        (operation["method"], re.sub(r"\{[^}]*\}", "{}", operation["path"]))
        for operation in operations
        if operation["state"] == "works"
    }


def load(path: Path) -> Document:
    """A document in YAML or JSON (which is YAML). Raises OSError, yaml.YAMLError."""
    return Document(yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


def main(arguments: list[str]) -> int:
    """Print the report."""
    parser = argparse.ArgumentParser(description="Compare our OpenAPI document with published ones.")
    parser.add_argument("ours", type=Path)
    parser.add_argument("theirs", type=Path, nargs="+")
    parser.add_argument("--only-working", type=Path, metavar="OPERATIONS_TOML")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when something is missing")
    given = parser.parse_args(arguments)
    only = working(given.only_working) if given.only_working else None
    lines, missing = report(load(given.ours), [load(path) for path in given.theirs], only)
    print("\n".join(lines))
    return 1 if given.strict and missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
