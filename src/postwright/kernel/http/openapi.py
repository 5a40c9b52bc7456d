"""The OpenAPI 3.1 description of the operations, made from what they declare and nothing else."""

import inspect
import re
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
from litestar import Request

from postwright.kernel.errors import Refused
from postwright.kernel.http.answers import JSON, Raw, Reply, Stream
from postwright.kernel.http.multipart import Upload
from postwright.kernel.http.ops import PUBLIC, Controller, Operation, get

Json = dict[str, Any]

_REF = "#/components/schemas/"
_ERROR = {"$ref": _REF + "Error"}
_PARAMETER = re.compile(r"\{([a-z_]+):([a-z]+)\}")
_PATH_TYPES: dict[str, Json] = {
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "uuid": {"type": "string", "format": "uuid"},
}
_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")


def operations_of(app: Any) -> list[Operation]:
    """The operations of a Litestar application, by id."""
    found = {
        handler.id: handler
        for route in app.routes
        for handler in getattr(route, "route_handlers", ())
        if isinstance(handler, Operation)
    }
    return [found[id] for id in sorted(found)]


def describe(operations: Iterable[Operation]) -> Json:
    """The document."""
    operations = list(operations)
    schemas = _Schemas(operations)
    paths: dict[str, Json] = {}
    for operation in operations:
        for number, path in enumerate(operation.full_paths()):
            # An operation's further paths are the same operation under an id of their own.
            id = operation.id if number == 0 else f"{operation.id}.{number + 1}"
            described = _operation(operation, path, id, schemas)
            paths.setdefault(_PARAMETER.sub(r"{\1}", path), {})[operation.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {"title": "Postwright", "version": version("postwright")},
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}},
        },
        "security": [{"basic": []}],
    }


class _Schemas:
    """The JSON schemas of all structs, with the odd ones put right."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        takes = {option for operation in operations for option in structs_of(operation.takes)}
        gives = {each for operation in operations for each in _given(operation.gives)}
        types = sorted(takes, key=_full_name) + sorted(gives, key=_full_name)
        schemas, self.components = msgspec.json.schema_components(types, ref_template=_REF + "{name}")
        self._by_type = dict(zip(types, schemas, strict=True))
        self._names = [schema["$ref"].removeprefix(_REF) for schema in schemas if "$ref" in schema]
        for cls in takes:
            _name_patterns(cls, self.components[self.name(cls)])
        for name, component in self.components.items():
            if component.get("properties", {}).keys() == set(Upload.__struct_fields__):
                self.components[name] = {"type": "string", "contentMediaType": "application/octet-stream"}
        self.components["Error"] = {
            "type": "object",
            "properties": {"message": {"type": "string"}},
            "required": ["message"],
        }

    def of(self, annotation: Any) -> Json:
        """The schema of what an operation gives."""
        schema: Json = self._by_type[annotation]
        return schema

    def name(self, cls: type) -> str:
        """The component a struct is described in."""
        ref: str = self._by_type[cls]["$ref"]
        return ref.removeprefix(_REF)


def structs_of(annotation: Any) -> list[type[msgspec.Struct]]:
    """The structs in what a `fields` parameter says: `S`, `list[S]` or `S | list[S]`."""
    if annotation is None:
        return []
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return [annotation]
    return [struct for part in get_args(annotation) for struct in structs_of(part)]


def _full_name(annotation: Any) -> str:
    return f"{getattr(annotation, '__module__', '')}.{annotation!r}"


def _given(annotation: Any) -> list[Any]:
    """What may stand in the JSON body of an answer; nothing when it is not JSON we know."""
    found = []
    for each in get_args(annotation) if _is_choice(annotation) else (annotation,):
        value = get_args(each)[0] if get_origin(each) is Reply else each
        if value not in (None, type(None), Raw, Reply, Stream):
            found.append(value)
    return found


def _is_choice(annotation: Any) -> bool:
    """Whether an operation answers in one of several ways (`Reply[A] | Reply[B]`)."""
    return any(get_origin(each) is Reply for each in get_args(annotation))


def _name_patterns(cls: type[msgspec.Struct], component: Json) -> None:
    """Describe `extra` by the names it collects: `Meta(extra={"patterns": ("^h:", "^v:")})`."""
    if "extra" not in cls.__struct_fields__:
        return
    component["properties"].pop("extra", None)
    texts = {"type": "array", "items": {"type": "string"}}
    hint = get_type_hints(cls, include_extras=True)["extra"]
    metas = [meta for meta in getattr(hint, "__metadata__", ()) if isinstance(meta, msgspec.Meta)]
    patterns = [pattern for meta in metas for pattern in (meta.extra or {}).get("patterns", ())]
    if patterns:
        component["patternProperties"] = dict.fromkeys(patterns, texts)
    else:
        component["additionalProperties"] = texts


def _operation(operation: Operation, path: str, id: str, schemas: _Schemas) -> Json:
    parameters: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": _PATH_TYPES.get(kind, {"type": "string"})}
        for name, kind in _PARAMETER.findall(path)
    ]
    described: Json = {"operationId": id, "summary": operation.summary}
    structs = structs_of(operation.takes)
    if structs and operation.method == "GET":
        parameters += _query(schemas.components[schemas.name(structs[0])])
    elif structs:
        described["requestBody"] = _body(operation.takes, schemas)
    if parameters:
        described["parameters"] = parameters
    if operation.access == PUBLIC:
        described["security"] = []
    described["responses"] = _responses(operation, schemas)
    return described


def _query(component: Json) -> list[Json]:
    required = component.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": schema}
        for name, schema in component["properties"].items()
    ]


def _body(takes: Any, schemas: _Schemas) -> Json:
    content: dict[str, Json] = {}
    options = [takes] if inspect.isclass(takes) or get_origin(takes) is list else get_args(takes)
    alternatives: list[Json] = []
    for option in options:
        (struct,) = structs_of(option)
        ref = {"$ref": _REF + schemas.name(struct)}
        content |= {kind: {"schema": ref} for kind in _FORMS}
        # A batch may also be one object (behaviour.md 14.3).
        alternatives += [ref] if get_origin(option) is not list else [ref, {"type": "array", "items": ref}]
    unique = [one for number, one in enumerate(alternatives) if one not in alternatives[:number]]
    content[JSON] = {"schema": unique[0] if len(unique) == 1 else {"anyOf": unique}}
    return {"content": content}


def _responses(operation: Operation, schemas: _Schemas) -> Json:
    given = [schemas.of(each) for each in _given(operation.gives)]
    success: Json = {"description": "Success"}
    if given:
        success["content"] = {JSON: {"schema": given[0] if len(given) == 1 else {"anyOf": given}}}
    by_status: dict[int, list[str]] = {}
    for error in operation.errors:
        by_status.setdefault(error.status, []).append(_about(error))
    if operation.takes is not None:
        by_status.setdefault(400, []).append("A parameter is missing or not valid")
    if operation.access != PUBLIC:
        by_status.setdefault(401, []).append("No or wrong credentials")
        by_status.setdefault(403, []).append("The credentials do not allow this")
    responses: Json = {str(operation.status): success}
    for status, texts in sorted(by_status.items()):
        responses[str(status)] = {
            "description": "; ".join(dict.fromkeys(texts)),
            "content": {JSON: {"schema": _ERROR}},
        }
    return responses


def _about(error: type[Refused]) -> str:
    return error.message or (inspect.getdoc(error) or error.__name__).partition("\n")[0].rstrip(".")


class OpenApi(Controller):
    """The description of the API, for people and generators."""

    @get("/postwright/openapi.json", id="postwright.openapi", access=PUBLIC)
    async def show(self, request: Request[Any, Any, Any]) -> Raw:
        """The OpenAPI description of this API."""
        # Made once: the operations of a running application do not change.
        state = request.app.state
        if "openapi" not in state:
            state["openapi"] = Raw(msgspec.json.encode(describe(operations_of(request.app))))
        made: Raw = state["openapi"]
        return made
