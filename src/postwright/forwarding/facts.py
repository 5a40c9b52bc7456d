"""What events say about mail that is passed on (behaviour.md 6.3)."""

from typing import Any

import msgspec

from postwright.arrivals import Arrival
from postwright.events import Event
from postwright.forwards import Rule
from postwright.inbound import facts as arrival_facts
from postwright.messages import Meta, facts
from postwright.routes import Route

GENERIC = "generic"


class Ordered(msgspec.Struct, frozen=True):
    """By whose order something is passed on, as events tell it in `routes`."""

    id: str
    expression: str
    match: dict[str, str]
    actions: list[str] = []
    description: str = ""
    priority: int = 0


def by_route(route: Route, recipient: str) -> Ordered:
    """The order of a route."""
    match = {"recipient": recipient}
    return Ordered(route.id, route.expression, match, route.actions, route.description, route.priority)


def by_forward(rule: Rule, recipient: str) -> Ordered:
    """The order of a forward."""
    return Ordered(rule.id, rule.match, {"recipient": recipient})


def accepted(
    arrival: Arrival, recipient: str, destination: str, orders: list[Ordered], *, http: bool
) -> Event:
    """That a message is to be passed on to `destination`."""
    data = _passed_on(arrival_facts.meta(arrival), recipient, destination, http=http)
    data["method"] = "smtp"
    data["originating-ip"] = arrival.peer
    data["message"]["recipients"] = [recipient]
    data["routes"] = orders
    return _event(arrival.account_id, arrival.domain_id, arrival.message_id, recipient, data, "accepted")


def called(
    meta: Meta, recipient: str, url: str, status: dict[str, Any], name: str, severity: str = ""
) -> Event:
    """What came of a call."""
    data = _passed_on(meta, recipient, url, http=True)
    data["delivery-status"] = status
    if severity:
        data["reason"] = GENERIC
        data["flags"]["is-callback"] = True
    return _event(meta.account_id, meta.domain_id, meta.message_id, recipient, data, name, severity)


def looped(arrival: Arrival, recipient: str, address: str) -> Event:
    """That a message is not passed on because it has been here before."""
    data = _passed_on(arrival_facts.meta(arrival), recipient, address, http=False)
    data["reason"] = GENERIC
    data["delivery-status"] = {
        "attempt-no": 1,
        "code": 554,
        "enhanced-code": "5.4.6",
        "message": "Mail loop detected",
        "description": f"The message was already delivered to {recipient}",
        "session-seconds": 0.0,
    }
    return _event(
        arrival.account_id, arrival.domain_id, arrival.message_id, recipient, data, "failed", "permanent"
    )


def _passed_on(meta: Meta, recipient: str, destination: str, *, http: bool) -> dict[str, Any]:
    data = facts.shared(meta, recipient, None)
    data["flags"]["is-routed"] = True
    data["envelope"] |= {"transport": "http" if http else "smtp", "targets": destination}
    return data


def _event(
    account_id: str,
    domain_id: str,
    message_id: str,
    recipient: str,
    data: dict[str, Any],
    name: str,
    severity: str = "",
) -> Event:
    return Event(
        name=name,
        severity=severity,
        account_id=account_id,
        domain_id=domain_id,
        recipient=recipient,
        message_id=message_id,
        data=data,
    )
