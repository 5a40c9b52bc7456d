"""JSON from outside: bounded in elements and depth, and free of what a database cannot keep."""

from typing import Any

import msgspec

from postwright.kernel.errors import Refused

DEPTH = 100  # far more than any of our bodies nests, far less than the interpreter's recursion limit
# Brackets and commas. Each element becomes an object of some 64 bytes, however short its text, so the body
# limit alone would let 25 MB of "[]," grow to half a gigabyte.
ELEMENTS = 1_000_000
# All digits become zeros, the rest spaces: finding a long number this way is ten times as fast as a pattern.
_DIGITS = bytes(0x30 if chr(byte).isdecimal() else 0x20 for byte in range(256))
_LONG_NUMBER = b"0" * 19  # 2^63 has 19 digits


class BadJson(Refused):
    """A body or field is not usable JSON."""

    message = "unable to parse request: invalid JSON"


def parse(data: bytes) -> Any:
    """Decode JSON. Raises BadJson with a text that says what is wrong."""
    brackets = data.count(b"[") + data.count(b"{")
    if brackets + data.count(b",") > ELEMENTS:
        raise BadJson(f"JSON has too many elements, max is {ELEMENTS}")
    try:
        value = msgspec.json.decode(data)
    except RecursionError:
        raise BadJson(f"JSON is nested too deeply, max is {DEPTH} levels") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
        raise BadJson(f"unable to parse request: {wrong}") from None
    if brackets > DEPTH or b"\\u0000" in data or _LONG_NUMBER in data.translate(_DIGITS):
        _walk(value)
    return value


def _walk(value: Any) -> None:
    level = [value]
    for _ in range(DEPTH + 1):
        inner: list[Any] = []
        for item in level:
            if isinstance(item, str):
                _no_nul(item)
            elif isinstance(item, int):
                _fits(item)
            elif isinstance(item, list):
                inner += item
            elif isinstance(item, dict):
                for key in item:
                    _no_nul(key)
                inner += item.values()
        level = inner
        if not level:
            return
    raise BadJson(f"JSON is nested too deeply, max is {DEPTH} levels")


def _fits(number: int) -> None:
    if not -(2**63) <= number < 2**63:
        raise BadJson("JSON contains a number beyond 64 bits")


def _no_nul(text: str) -> None:
    if "\0" in text:
        raise BadJson("JSON contains a NUL character")
