"""What a template is filled with (behaviour.md 12): `t:variables`, and the `v:` variables of the message."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

Fill = Callable[[str], str]


def combine(given: dict[str, Any], variables: Mapping[str, str], fill: Fill | None = None) -> dict[str, Any]:
    """The data: `given` (t:variables) wins over `variables` (v:), whose JSON objects and arrays are read.

    `fill` puts recipient variables into every text; a list or an object cannot come in that way, because what it
    puts into a text stays a text.
    """
    data: dict[str, Any] = {name: _value(text) for name, text in variables.items()}
    data |= given
    if fill is not None:
        data = {key: _filled(value, fill) for key, value in data.items()}
    return data


def _value(text: str) -> Any:
    if text.lstrip()[:1] not in ("{", "["):
        return text
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text


def _filled(value: Any, fill: Fill) -> Any:
    if isinstance(value, str):
        return fill(value)
    if isinstance(value, list):
        return [_filled(each, fill) for each in value]
    if isinstance(value, dict):
        return {key: _filled(each, fill) for key, each in value.items()}
    return value


def texts_of(data: Any) -> list[str]:
    """Every text in `data`, however deep."""
    found: list[str] = []
    rest = [data]
    while rest:
        value = rest.pop()
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, dict):
            rest.extend(value.values())
        elif isinstance(value, list):
            rest.extend(value)
    return found
