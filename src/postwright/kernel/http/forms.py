"""The one decoder of request parameters: query, form and JSON, merged, into the struct an operation asks for.

Precedence rises from query over form to JSON (behaviour.md 1.5). A name given by a higher source replaces the
lower one's values. `to[]` and `event[0]` are spellings of `to` and `event`.
"""

import binascii
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
from msgspec import inspect

from postwright.kernel.errors import Refused
from postwright.kernel.http import jsontext
from postwright.kernel.http.body import Receive, read_body
from postwright.kernel.http.convert import (
    ABSENT,
    Convert,
    InvalidParameter,
    KeepEmpty,
    Moment,
    converter,
    to_str,
)
from postwright.kernel.http.multipart import PARTS, TooManyFields, Upload, parse_header, split, to_text

__all__ = ["KeepEmpty", "Moment", "Upload", "decode", "form_of", "parse_urlencoded", "read"]

Values = dict[str, list[Any]]

_ESCAPES = bytes.maketrans(b"%+", b"= ")
_JSON_START = re.compile(rb"[ \t\r\n]*[\[{]")
_INDEXED = re.compile(r"(.+)\[[0-9]{0,9}\]", re.DOTALL)
_NAME = 1_000  # characters of a parameter's name that refusals repeat at most


class MissingParameter(Refused):
    """A required parameter is absent or empty."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} parameter is missing")


class BadEscape(Refused):
    """A percent sign without two hex digits."""

    message = "unable to parse request: invalid URL escape"


class BadContentType(Refused):
    """The body is of a kind we take no parameters from."""

    def __init__(self, content_type: str) -> None:
        super().__init__(
            f"Invalid request content type. Expecting 'multipart/form-data' but got '{content_type}'"
        )


class ObjectExpected(Refused):
    """The JSON body is not of the shape this operation takes."""

    message = "unable to parse request: a JSON object expected"


def parse_urlencoded(data: bytes, charset: str = "utf-8") -> list[tuple[str, str]]:
    """The pairs of a query or an application/x-www-form-urlencoded body, in order."""
    if data.count(b"&") >= PARTS:
        raise TooManyFields
    found = []
    for pair in data.split(b"&"):
        if pair:
            name, _, value = pair.partition(b"=")
            key = to_text(_unescape(name), charset, "a name of a")
            found.append((key, to_text(_unescape(value), charset, key[:_NAME])))
    return found


def _unescape(data: bytes) -> bytes:
    if b"%" not in data:
        return data.replace(b"+", b" ")
    # The compiled decoder of quoted-printable is one of %XX too, once % is =. Ten times as fast as urllib.parse
    # on 10 KB of HTML. Each good escape makes the text shorter by two, everything else by less, except a soft
    # line break, which must not get that far.
    if b"%\r" in data or b"%\n" in data:
        raise BadEscape
    escaped = data.replace(b"=", b"%3D")
    plain = binascii.a2b_qp(escaped.translate(_ESCAPES))
    if len(plain) != len(escaped) - 2 * escaped.count(b"%"):
        raise BadEscape
    return plain


def _add(pairs: list[tuple[str, Any]], to: Values) -> None:
    fresh: Values = {}
    for name, value in pairs:
        if name.endswith("]") and (bare := _INDEXED.fullmatch(name)):
            name = bare[1]
        if name in fresh:
            fresh[name].append(value)
        else:
            fresh[name] = [value]
    to.update(fresh)


class Parameters(msgspec.Struct):
    """All that a request says: named values, or the array of a batch body."""

    values: Values
    array: list[Any] | None = None


def parse(query: bytes, body: bytes, content_type: str) -> Parameters:
    """Merge query and body."""
    merged: Values = {}
    if query:
        _add(list(parse_urlencoded(query)), merged)
    if not body:
        return Parameters(merged)
    header = parse_header(content_type)
    if header.value == "multipart/form-data":
        _add(list(split(body, header)), merged)
        return Parameters(merged)
    # Official clients label JSON as a form (behaviour.md 1.5), so the body decides and not its label.
    is_json = header.value == "application/json" or header.value.endswith("+json")
    if is_json or _JSON_START.match(body):
        return _parse_json(body, merged)
    if header.value not in ("", "application/x-www-form-urlencoded"):
        raise BadContentType(header.value[:_NAME])
    _add(list(parse_urlencoded(body, header.parameters.get("charset", "utf-8").lower())), merged)
    return Parameters(merged)


def _parse_json(body: bytes, merged: Values) -> Parameters:
    value = jsontext.parse(body)
    if isinstance(value, list):
        return Parameters(merged, value)
    if not isinstance(value, dict):
        raise ObjectExpected
    _add_json(value, merged)
    return Parameters(merged)


def _add_json(value: dict[str, Any], to: Values) -> None:
    for name, one in value.items():
        to[name] = one if isinstance(one, list) else [one]


class _Field(msgspec.Struct, frozen=True):
    attribute: str
    name: str
    required: bool
    convert: Convert


class _Object:
    """The decoder of one struct."""

    def __init__(self, cls: type[msgspec.Struct]) -> None:
        self.cls = cls
        hints = get_type_hints(cls, include_extras=True)
        kind = inspect.type_info(cls)
        if not isinstance(kind, inspect.StructType):
            raise TypeError(f"{cls} is not a struct")
        self.extra = any(field.name == "extra" for field in kind.fields)
        self.fields = [
            _Field(
                field.name,
                field.encode_name,
                field.required,
                converter(field.type, hints[field.name], lambda inner: _object_of(inner).nested),
            )
            for field in kind.fields
            if field.name != "extra"
        ]
        self.names = frozenset(field.name for field in self.fields)

    def decode(self, values: Mapping[str, list[Any]], prefix: str = "") -> Any:
        """Build the struct. Raises MissingParameter, InvalidParameter or what a converter raises."""
        attributes: dict[str, Any] = {}
        for field in self.fields:
            given = values.get(field.name)
            typed = ABSENT if given is None else field.convert(given, prefix + field.name)
            if typed is not ABSENT:
                attributes[field.attribute] = typed
            elif field.required:
                raise MissingParameter(prefix + field.name)
        if self.extra:
            attributes["extra"] = {
                name: [to_str(one, name) for one in given if one is not None and not isinstance(one, Upload)]
                for name, given in values.items()
                if name not in self.names
            }
        return self.cls(**attributes)

    def nested(self, value: dict[str, Any], name: str) -> Any:
        """The struct out of a JSON object found under `name`."""
        values: Values = {}
        _add_json(value, values)
        return self.decode(values, name + ".")


@cache  # one entry a struct of the program
def _object_of(cls: type[msgspec.Struct]) -> _Object:
    return _Object(cls)


Form = Callable[[Parameters], Any]


@cache  # one entry an annotation of the program
def form_of(annotation: Any) -> Form:
    """The decoder for what an operation's `fields` parameter says: `S`, `list[S]` or `S | list[S]`."""
    options = [annotation] if get_origin(annotation) is list else (get_args(annotation) or [annotation])
    singles = [option for option in options if get_origin(option) is not list]
    lists = [get_args(option)[0] for option in options if get_origin(option) is list]
    if len(singles) > 1 or len(lists) > 1:
        raise TypeError(f"fields: S, list[S] or S | list[S] expected, not {annotation}")
    single = _object_of(singles[0]) if singles else None
    many = _object_of(lists[0]) if lists else None

    def decode(given: Parameters) -> Any:
        if given.array is None:
            return single.decode(given.values) if single else [many.decode(given.values)] if many else None
        if many is None:
            raise ObjectExpected
        return [many.nested(_item(one, i), f"[{i}]") for i, one in enumerate(given.array)]

    return decode


def _item(value: Any, index: int) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidParameter(f"[{index}]", "a JSON object expected")
    return value


def decode(annotation: Any, query: bytes = b"", body: bytes = b"", content_type: str = "") -> Any:
    """Decode parameters that are at hand."""
    return form_of(annotation)(parse(query, body, content_type))


async def read(scope: Mapping[str, Any], receive: Receive, form: Form) -> Any:
    """Read and decode the parameters of a request. GET and HEAD have only a query."""
    if scope["method"] in ("GET", "HEAD"):
        return form(parse(scope["query_string"], b"", ""))
    headers = dict(scope["headers"])
    body = await read_body(headers, receive)
    content_type = headers.get(b"content-type", b"").decode("latin-1")
    return form(parse(scope["query_string"], body, content_type))
