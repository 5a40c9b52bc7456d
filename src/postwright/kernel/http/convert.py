"""From what a form, query or JSON body holds to the types a struct asks for.

Clients write the same value in many ways: yes/no/True/1/on, numbers as text, a lone value for a list, JSON
inside a form field. Each field of a struct gets one converter, built once at start-up from its annotation.
"""

import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final

import msgspec
from msgspec import UnsetType, inspect

from postwright.kernel.errors import Refused
from postwright.kernel.http import dates, jsontext
from postwright.kernel.http.multipart import Upload, to_text

ABSENT: Final = object()  # nothing was given, the default holds

# `None` among the values means an explicit JSON null.
Convert = Callable[[Sequence[Any], str], Any]
One = Callable[[Any, str], Any]
ObjectOf = Callable[[type], Callable[[dict[str, Any], str], Any]]

_WORDS = {
    **dict.fromkeys(("yes", "true", "1", "on"), True),
    **dict.fromkeys(("no", "false", "0", "off"), False),
}  # behaviour.md 1.5 and 18.3
_INTEGER = re.compile(r"\s*[+-]?[0-9]{1,19}\s*", re.ASCII)
_FLOAT = re.compile(
    r"\s*[+-]?(?:[0-9]{1,40}\.?[0-9]{0,40}|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,3})?\s*", re.ASCII
)
_INT64 = 2**63

KeepEmpty = Annotated[str, msgspec.Meta(extra={"keep_empty": True})]
"""A text for which `name=` (given, but empty) is a value of its own and not the same as leaving it out."""


Moment = Annotated[
    int,
    msgspec.Meta(
        extra={"moment": True},
        extra_json_schema={
            "type": ["string", "number"],
            "description": "RFC 2822, ISO 8601 or epoch seconds",
        },
    ),
]
"""A time in microseconds since the epoch, in any spelling `dates.parse` reads; Go's zero time is none."""


class InvalidParameter(Refused):
    """A parameter has a value its type does not allow."""

    def __init__(self, name: str, expected: str) -> None:
        super().__init__(f"{name} parameter is not valid: {expected}")


class InvalidJson(Refused):
    """A field that should hold JSON does not."""

    def __init__(self, name: str) -> None:
        super().__init__(f"'{name}' parameter is not a valid JSON")


def parse_json(text: str | bytes, name: str) -> Any:
    """The JSON in a field. Raises InvalidJson, which names the field."""
    try:
        return jsontext.parse(text.encode() if isinstance(text, str) else text)
    except jsontext.BadJson:
        raise InvalidJson(name) from None


def converter(kind: inspect.Type, annotation: Any, object_of: ObjectOf) -> Convert:
    """The converter of a field: from all its values to one typed value, or ABSENT.

    `object_of` gives the decoder of a nested struct.
    """
    kinds, keep_empty, null = _flat(kind)
    lists = [k for k in kinds if isinstance(k, inspect.ListType | inspect.VarTupleType | inspect.SetType)]
    if lists:
        return _list(lists[0], annotation, object_of)
    convert = _any_of(kinds, object_of)
    checked = _checked(annotation) if any(_constrained(k) for k in kinds) else None

    def scalar(values: Sequence[Any], name: str) -> Any:
        value = values[-1] if values else None
        if value is None:
            return None if null and values else ABSENT
        if value == "" and not keep_empty:
            return ABSENT
        value = convert(value, name)
        return checked(value, name) if checked and value is not ABSENT else value

    return scalar


def _flat(kind: inspect.Type) -> tuple[list[inspect.Type], bool, bool]:
    """The alternatives of a type without null and unset, whether empty text is kept, whether null is a value."""
    keep_empty = False
    while isinstance(kind, inspect.Metadata):
        if (kind.extra or {}).get("moment"):
            return [kind], False, False
        keep_empty |= bool((kind.extra or {}).get("keep_empty"))
        kind = kind.type
    if not isinstance(kind, inspect.UnionType):
        return [kind], keep_empty, False
    found: list[inspect.Type] = []
    null = False
    for part in kind.types:
        inner, keep, _ = _flat(part)
        keep_empty |= keep
        null |= isinstance(part, inspect.NoneType)
        found += [k for k in inner if not isinstance(k, inspect.NoneType) and not _is_unset(k)]
    return found, keep_empty, null


def _is_unset(kind: inspect.Type) -> bool:
    return isinstance(kind, inspect.CustomType) and kind.cls is UnsetType


def _list(kind: Any, annotation: Any, object_of: ObjectOf) -> Convert:
    items, _, _ = _flat(kind.item_type)
    one = _any_of(items, object_of)
    objects = any(isinstance(k, inspect.StructType | inspect.DictType) and not _is_upload(k) for k in items)
    checked = _checked(annotation) if any(_constrained(k) for k in (kind, *items)) else None
    shape = {inspect.ListType: list, inspect.VarTupleType: tuple, inspect.SetType: set}[type(kind)]

    def many(values: Sequence[Any], name: str) -> Any:
        if objects and len(values) == 1 and isinstance(values[0], str) and values[0]:
            # A list of objects in a form field is JSON text: one object, or an array of them.
            parsed = parse_json(values[0], name)
            values = parsed if isinstance(parsed, list) else [parsed]
        found = []
        for value in values:
            if value is None or value == "":
                continue
            typed = one(value, name)
            if typed is not ABSENT:
                found.append(typed)
        if not found and values:
            return ABSENT  # only an explicit empty JSON array means "none of them"
        return checked(shape(found), name) if checked else shape(found)

    return many


def _is_upload(kind: inspect.Type) -> bool:
    return isinstance(kind, inspect.StructType) and kind.cls is Upload


def _constrained(kind: inspect.Type) -> bool:
    names = ("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern")
    return any(getattr(kind, name, None) is not None for name in names)


def _checked(annotation: Any) -> One:
    def check(value: Any, name: str) -> Any:
        try:
            return msgspec.convert(value, annotation, from_attributes=True)
        except msgspec.ValidationError as wrong:
            raise InvalidParameter(name, str(wrong).partition(" - at ")[0]) from None

    return check


def _one(kind: inspect.Type, object_of: ObjectOf) -> tuple[int, One]:
    """The converter of one value, with its place in a union: the pickier is tried earlier, text last."""
    match kind:
        case inspect.StrType():
            return 9, to_str
        case inspect.BoolType():
            return 1, _to_bool
        case inspect.IntType():
            return 2, _to_int
        case inspect.FloatType():
            return 3, _to_float
        case inspect.Metadata():
            return 2, _to_moment
        case inspect.AnyType():
            return 8, lambda value, _: value
        case inspect.StructType(cls=cls) if cls is Upload:
            return 0, lambda value, _: value if isinstance(value, Upload) else ABSENT
        case inspect.StructType(cls=cls):
            return 6, _nested(object_of(cls))
        case inspect.DictType():
            return 6, _nested(_dict(kind, object_of))
        case inspect.LiteralType(values=values):
            return 4, _choice({str(value).lower(): value for value in values})
        case inspect.EnumType(cls=cls):
            return 4, _choice({str(member.value).lower(): member for member in cls})
    raise TypeError(f"a form cannot hold {kind}")


def _any_of(kinds: Sequence[inspect.Type], object_of: ObjectOf) -> One:
    ones = [one for _, one in sorted((_one(kind, object_of) for kind in kinds), key=lambda pair: pair[0])]
    if len(ones) == 1:
        return ones[0]

    def convert(value: Any, name: str) -> Any:
        refusal: Refused | None = None
        for one in ones:
            try:
                typed = one(value, name)
            except Refused as refused:
                refusal = refusal or refused
                continue
            if typed is not ABSENT:
                return typed
        if refusal:
            raise refusal
        return ABSENT

    return convert


def to_str(value: Any, name: str) -> str:
    """Text as it is; numbers, flags and objects of a JSON body, and files, as their text."""
    if isinstance(value, str):
        return value
    if isinstance(value, Upload):
        return to_text(value.data, "utf-8", name)
    return msgspec.json.encode(value).decode()


def _to_bool(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return value
    word = _WORDS.get(str(value).strip().lower()) if isinstance(value, str | int) else None
    if word is None:
        raise InvalidParameter(name, "yes or no expected")
    return word


def _to_int(value: Any, name: str) -> int:
    number = None
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, float):
        number = int(value) if value.is_integer() else None
    elif isinstance(value, str) and _INTEGER.fullmatch(value):
        number = int(value)
    if number is None or not -_INT64 <= number < _INT64:
        raise InvalidParameter(name, "a whole number expected")
    return number


def _to_float(value: Any, name: str) -> float:
    if isinstance(value, str) and _FLOAT.fullmatch(value):
        value = float(value)
    if not isinstance(value, int | float) or isinstance(value, bool) or not -1e308 < value < 1e308:
        raise InvalidParameter(name, "a number expected")
    return float(value)


def _to_moment(value: Any, name: str) -> Any:
    try:
        moment = dates.parse(value)
    except ValueError:
        text = to_str(value, name)[:100]
        raise InvalidParameter(name, f"{text} is not an RFC-2822 compliant date") from None
    return ABSENT if moment == dates.GO_ZERO else moment


def _choice(choices: dict[str, Any]) -> One:
    expected = f"one of {', '.join(choices)} expected"

    def choose(value: Any, name: str) -> Any:
        try:
            return choices[to_str(value, name).strip().lower()]
        except KeyError:
            raise InvalidParameter(name, expected) from None

    return choose


def _nested(decode: Callable[[dict[str, Any], str], Any]) -> One:
    def convert(value: Any, name: str) -> Any:
        if isinstance(value, Upload):
            value = value.data
        if isinstance(value, str | bytes):
            value = parse_json(value, name)
        if not isinstance(value, dict):
            raise InvalidParameter(name, "a JSON object expected")
        return decode(value, name)

    return convert


def _dict(kind: inspect.DictType, object_of: ObjectOf) -> Callable[[dict[str, Any], str], Any]:
    values = converter(kind.value_type, Any, object_of)

    def decode(value: dict[str, Any], name: str) -> dict[str, Any]:
        found = {}
        for key, one in value.items():
            typed = values(one if isinstance(one, list) else [one], f"{name}.{key}")
            if typed is not ABSENT or one == "":
                found[key] = "" if typed is ABSENT else typed
        return found

    if isinstance(kind.value_type, inspect.AnyType):
        return lambda value, name: value
    return decode
