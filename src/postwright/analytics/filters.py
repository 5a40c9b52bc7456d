"""Predicates of metrics and logs as SQL conditions on the columns of events."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from postwright.kernel.clock import SECOND
from postwright.kernel.http import dates

from .errors import BadQuery
from .ledger import Parameters
from .marks import BITS

MAX_PREDICATES: Final = 20
MAX_VALUES: Final = 1_000  # of a predicate
MAX_LENGTH: Final = 1_000  # characters of a value

EQUAL: Final = ("=", "!=")
ALL: Final = ("=", "!=", "contains", "not contains")
CONTAINS: Final = ("contains", "not contains")
SIZES: Final = ("<", ">")


class Predicate(msgspec.Struct, frozen=True):
    """A condition: one of the values fits (or with a negative comparator none of them)."""

    attribute: str
    comparator: str
    values: tuple[str, ...]


# Attribute -> how its values are compared.
Matcher = Callable[[str, Sequence[str], Parameters], str]


def _text(column: str, *, lowered: bool = False) -> Matcher:
    """A text, whatever its case; `lowered` columns hold lower case already."""
    name = column if lowered else f"lower({column})"

    def match(comparator: str, values: Sequence[str], params: Parameters) -> str:
        wanted = [value.lower() for value in values]
        if comparator == "contains":
            return " OR ".join(f"contains({name}, {params.add(value)})" for value in wanted)
        return f"{name} IN ({', '.join(map(params.add, wanted))})"

    return match


def _exact(column: str) -> Matcher:
    def match(comparator: str, values: Sequence[str], params: Parameters) -> str:
        return f"{column} IN ({', '.join(map(params.add, values))})"

    return match


def _texts(column: str) -> Matcher:
    """A list of texts, one of which must fit."""

    def match(comparator: str, values: Sequence[str], params: Parameters) -> str:
        wanted = [value.lower() for value in values]
        if comparator == "contains":
            joined = f"lower(array_to_string({column}, chr(10)))"
            return " OR ".join(f"contains({joined}, {params.add(value)})" for value in wanted)
        return f"list_has_any(list_transform({column}, lambda x: lower(x)), {params.add(wanted)}::VARCHAR[])"

    return match


def _number(column: str, attribute: str, read: Callable[[str], int]) -> Matcher:
    def match(comparator: str, values: Sequence[str], params: Parameters) -> str:
        try:
            numbers = [read(value) for value in values]
        except (ValueError, OverflowError):
            raise BadQuery(f"Invalid value for '{attribute}'") from None
        if any(abs(number) >= 2**63 for number in numbers):
            raise BadQuery(f"Invalid value for '{attribute}'")
        if comparator == "=":
            return f"{column} IN ({', '.join(map(params.add, numbers))})"
        # What was never told (0) is neither before nor after anything.
        told = f"{column} <> 0 AND " if column == "delivered_at" else ""
        return " OR ".join(f"({told}{column} {comparator} {params.add(number)})" for number in numbers)

    return match


def _flag(column: str, attribute: str) -> Matcher:
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

    def match(comparator: str, values: Sequence[str], params: Parameters) -> str:
        found = {words.get(value.strip().lower()) for value in values}
        if None in found:
            raise BadQuery(f"Invalid value for '{attribute}'")
        return " OR ".join(column if value else f"NOT {column}" for value in found)

    return match


def event_condition(values: Sequence[str], params: Parameters) -> str:
    """The events of these names, among them the two that are names only of queries."""
    unique = {"unique_opened": "unique_opened_count", "unique_clicked": "unique_clicked_count"}
    plain = [value for value in values if value not in unique]
    parts = [f"event IN ({', '.join(map(params.add, plain))})"] if plain else []
    parts += [f"(marks & {BITS[unique[value]]}) <> 0" for value in values if value in unique]
    return " OR ".join(parts)


def _event(comparator: str, values: Sequence[str], params: Parameters) -> str:
    return event_condition([value.lower() for value in values], params)


_MATCHERS: Final[dict[str, Matcher]] = {
    "id": _exact("id"),
    "event": _event,
    "severity": _text("severity"),
    "domain": _text("domain"),
    "subaccount": _exact("account_id"),
    "ip": _text("ip"),
    "ip_pool": _text("ip_pool"),
    "tag": _texts("tags"),
    "country": _text("country"),
    "device": _text("device"),
    "bot": _text("bot"),
    "recipient": _text("recipient", lowered=True),
    "recipient_domain": _text("recipient_domain", lowered=True),
    "recipient_provider": _text("recipient_provider"),
    "recipients": _texts("recipients"),
    "from": _text("from_header"),
    "to": _text("to_header"),
    "subject": _text("subject"),
    "message_id": lambda comparator, values, params: _text("message_id", lowered=True)(
        comparator, [value.strip().removeprefix("<").removesuffix(">") for value in values], params
    ),
    "mailing_list_address": _text("mailing_list"),
    "attachment_filename": _texts("attachments"),
    "user_variables": _text("user_variables"),
    "delivery_status_code": _number("code", "delivery_status_code", int),
    "delivery_status_bounce_type": _text("bounce_type"),
    "delivery_status_message": _text("status_message"),
    "is_routed": _flag("routed", "is_routed"),
    "delivered_at": _number("delivered_at", "delivered_at", lambda text: dates.parse(text) // SECOND),
    "i_classification_rule_id": _text("rule"),
    "i_classification_group_id": _text("rule_group"),
    "size": _number("size", "size", int),
}

_COLUMNS: Final = {
    "subaccount": "account_id",
    "tag": "tags",
    "i_classification_rule_id": "rule",
    "i_classification_group_id": "rule_group",
}


def column(attribute: str) -> str:
    """The column that an attribute of metrics is about."""
    return _COLUMNS.get(attribute, attribute)


METRICS: Final = dict.fromkeys(
    (
        "domain",
        "subaccount",
        "ip",
        "ip_pool",
        "tag",
        "country",
        "device",
        "bot",
        "recipient_domain",
        "recipient_provider",
    ),
    ALL,
)
USAGE: Final = {"subaccount": ALL}
LOGS: Final = {
    **dict.fromkeys(
        (
            "id",
            "event",
            "attachment_filename",
            "message_id",
            "tag",
            "severity",
            "ip",
            "ip_pool",
            "country",
            "subaccount",
            "delivery_status_code",
            "delivery_status_bounce_type",
            "is_routed",
            "i_classification_rule_id",
            "i_classification_group_id",
        ),
        EQUAL,
    ),
    "delivered_at": (*EQUAL, *SIZES),
    **dict.fromkeys(
        (
            "from",
            "subject",
            "recipient",
            "domain",
            "recipient_domain",
            "recipient_provider",
            "bot",
            "device",
        ),
        ALL,
    ),
    **dict.fromkeys(
        ("to", "recipients", "user_variables", "mailing_list_address", "delivery_status_message"), CONTAINS
    ),
    "size": SIZES,
}


def check(predicates: Sequence[Predicate], allowed: Mapping[str, tuple[str, ...]]) -> None:
    """Whether all predicates are of the allowed kinds. Raises BadQuery."""
    if len(predicates) > MAX_PREDICATES:
        raise BadQuery(f"'filter' attribute is invalid: at most {MAX_PREDICATES} predicates expected")
    for each in predicates:
        if each.attribute not in allowed:
            raise BadQuery(f"'{each.attribute[:100]}' is not a valid filter predicate attribute")
        if each.comparator not in allowed[each.attribute]:
            raise BadQuery(f"'{each.comparator[:100]}' is not a valid comparator for '{each.attribute}'")
        if not each.values:
            raise BadQuery(f"'{each.attribute}' filter predicate has no values")
        if len(each.values) > MAX_VALUES or any(len(value) > MAX_LENGTH for value in each.values):
            raise BadQuery(f"'{each.attribute}' filter predicate is too large")
    conditions(predicates, Parameters())  # values of numbers and dates


def conditions(predicates: Sequence[Predicate], params: Parameters) -> list[str]:
    """The SQL of all predicates. Raises BadQuery for values that are no numbers where they must be."""
    return [_condition(each, params) for each in predicates]


def _condition(each: Predicate, params: Parameters) -> str:
    positive = {"!=": "=", "not contains": "contains"}.get(each.comparator)
    found = _MATCHERS[each.attribute](positive or each.comparator, each.values, params)
    return f"NOT ({found})" if positive else f"({found})"
