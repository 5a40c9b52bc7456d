"""Requests and replies of the events operation."""

import msgspec

from postwright.kernel.http import Moment
from postwright.kernel.http.paging import Limit, Links

from .shapes import Event


class EventQuery(Limit, kw_only=True):
    """Which events to list. All other parameters are filters: a field, or a user variable, and an expression."""

    most = 300
    clamps = True

    page: str = ""
    begin: Moment | None = None
    end: Moment | None = None
    ascending: bool | None = None
    pretty: str = ""  # sent by the Go client; answers are never indented
    event: list[str] = []
    list_: list[str] = msgspec.field(name="list", default_factory=list)
    attachment: list[str] = []
    from_: list[str] = msgspec.field(name="from", default_factory=list)
    message_id: list[str] = msgspec.field(name="message-id", default_factory=list)
    subject: list[str] = []
    to: list[str] = []
    size: list[str] = []
    recipient: list[str] = []
    recipients: list[str] = []
    tags: list[str] = []
    severity: list[str] = []
    extra: dict[str, list[str]] = {}


class EventPage(msgspec.Struct):
    """A page of events, each as it was recorded."""

    items: list[Event]
    paging: Links


_NOT_FILTERS = frozenset(("limit", "page", "begin", "end", "ascending", "pretty", "extra"))


def filters_of(fields: EventQuery) -> dict[str, list[str]]:
    """The filters of a request by field."""
    given = {
        field.encode_name: getattr(fields, field.name)
        for field in msgspec.structs.fields(EventQuery)
        if field.name not in _NOT_FILTERS
    }
    return {name: texts for name, texts in (given | fields.extra).items() if texts}
