"""Events without what they say about persons, for domains that want their webhooks so (`webhooks_redact_pii`)."""

import re
from typing import Any

import msgspec

_EMPTY = ("user-variables",)
_BLANK = ("recipient", "ip", "originating-ip", "member-description")
# Members of objects.
_WITHIN = {
    "envelope": ("targets",),
    "member": ("name", "address"),
    "client-info": ("ip", "user-agent", "accept-language"),
    "geolocation": ("city", "country", "region", "timezone"),
}
_KEPT = ("storage",)  # names no person, and opens only with a key of the account


def redact(event: bytes) -> bytes:
    """The event with everything blank that tells of a recipient; its shape and types stay."""
    data: dict[str, Any] = msgspec.json.decode(event)
    named = _persons(data)
    for name in _BLANK:
        if name in data:
            data[name] = ""
    for name in _EMPTY:
        if name in data:
            data[name] = {}
    for name, members in _WITHIN.items():
        if isinstance(within := data.get(name), dict):
            within.update({member: "" for member in members if within.get(member)})
    if isinstance(message := data.get("message"), dict):
        if message.get("recipients"):
            message["recipients"] = []
        if isinstance(headers := message.get("headers"), dict) and headers.get("to"):
            headers["to"] = ""
    # A server's reply, a link or a route may name the person once more.
    clean = {name: value if name in _KEPT else _without(value, named) for name, value in data.items()}
    return msgspec.json.encode(clean)


def _persons(data: dict[str, Any]) -> re.Pattern[str] | None:
    """What finds the recipients' addresses, also as links spell them."""
    envelope, member, message = (_object(data.get(name)) for name in ("envelope", "member", "message"))
    addresses = [data.get("recipient"), envelope.get("targets"), member.get("address")]
    if isinstance(recipients := message.get("recipients"), list):
        addresses += recipients
    found = {each for each in addresses if isinstance(each, str) and "@" in each}
    spellings = found | {each.replace("@", "%40") for each in found}
    longest_first = sorted(spellings, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE) if found else None


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _without(value: Any, named: re.Pattern[str] | None) -> Any:
    if named is None:
        return value
    match value:
        case str():
            return named.sub("", value)
        case dict():
            return {name: _without(each, named) for name, each in value.items()}
        case list():
            return [_without(each, named) for each in value]
    return value
