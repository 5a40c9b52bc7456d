"""Events as columns: what can be asked for without looking into an event's JSON, and the JSON itself."""

import functools
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

import msgspec

from postwright.events import Entry
from postwright.kernel.clock import SECOND

from . import engines
from .marks import Facts, marks

DAY: Final = 86400 * SECOND

# Name -> kind. Columns are only ever added, at the end.
FIELDS: Final = {
    "day": "date",  # the partition
    "seq": "int",  # position in the log
    "ts": "int",  # microseconds since the epoch
    "id": "text",
    "account_id": "text",
    "domain_id": "text",
    "domain": "text",
    "event": "text",
    "severity": "text",
    "reason": "text",
    "recipient": "text",  # lower case
    "recipient_domain": "text",
    "recipient_provider": "text",
    "message_id": "text",  # lower case, without brackets
    "from_header": "text",
    "to_header": "text",
    "subject": "text",
    "recipients": "texts",
    "tags": "texts",
    "mailing_list": "text",
    "attachments": "texts",  # file names
    "size": "int",  # bytes
    "user_variables": "text",  # JSON
    "ip": "text",  # that sent
    "ip_pool": "text",
    "client_ip": "text",  # that opened, clicked or unsubscribed
    "country": "text",
    "device": "text",
    "bot": "text",
    "transport": "text",
    "attempt": "int",
    "code": "int",
    "bounce_type": "text",
    "status_message": "text",
    "routed": "flag",
    "delivered_at": "int",  # seconds since the epoch; 0: not told
    "rule": "text",  # that judged a failure
    "rule_group": "text",
    "is_unique": "flag",  # first open or click of a copy in seven days
    "marks": "int",  # which metrics count it (marks.py)
    "data": "text",  # the event's JSON as it goes over the wire
}


@functools.cache
def schema() -> "engines.arrow.Schema":
    """The columns of the table."""
    pa = engines.arrow
    kinds = {
        "date": pa.date32(),
        "flag": pa.bool_(),
        "int": pa.int64(),
        "text": pa.string(),
        "texts": pa.list_(pa.string()),
    }
    return pa.schema([(name, kinds[kind]) for name, kind in FIELDS.items()])


class _Dashed(msgspec.Struct, rename="kebab"):
    pass


class _Domain(_Dashed):
    name: str | None = None


class _Headers(msgspec.Struct, rename={"message_id": "message-id", "from_": "from"}):
    to: str | None = None
    from_: str | None = None
    subject: str | None = None
    message_id: str | None = None


class _File(_Dashed):
    filename: str | None = None


class _Message(_Dashed):
    headers: _Headers | None = None
    recipients: list[str] | None = None
    attachments: list[_File] | None = None
    size: int | None = None


class _Envelope(_Dashed):
    transport: str | None = None
    sending_ip: str | None = None
    i_ip_pool_id: str | None = None


class _Flags(_Dashed):
    is_authenticated: bool | None = None
    is_routed: bool | None = None
    is_delayed_bounce: bool | None = None
    is_callback: bool | None = None


class _Status(_Dashed):
    code: int | None = None
    attempt_no: int | None = None
    message: str | None = None
    bounce_type: str | None = None


class _Client(_Dashed):
    device_type: str | None = None
    bot: str | None = None


class _Place(_Dashed):
    country: str | None = None


class _List(_Dashed):
    address: str | None = None


class _Wire(
    msgspec.Struct,
    rename=lambda name: name if name.startswith("i_class") else name.replace("_", "-"),
):
    id: str = ""
    domain: _Domain | None = None
    recipient: str | None = None
    recipient_domain: str | None = None
    recipient_provider: str | None = None
    reason: str | None = None
    tags: list[str] | None = None
    user_variables: msgspec.Raw = msgspec.Raw(b"{}")
    message: _Message | None = None
    envelope: _Envelope | None = None
    flags: _Flags | None = None
    delivery_status: _Status | None = None
    client_info: _Client | None = None
    geolocation: _Place | None = None
    mailing_list: _List | None = None
    ip: str | None = None
    delivered_at: float | None = None
    i_classification_rule_id: str | None = None
    i_classification_group_id: str | None = None
    i_unique: bool | None = None
    i_archived: bool | None = None
    i_delivery_optimizer: str | None = None


_EPOCH = date(1970, 1, 1)
_decode = msgspec.json.Decoder(_Wire).decode
_decode_least = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_NO_MESSAGE, _NO_HEADERS, _NO_ENVELOPE, _NO_FLAGS = _Message(), _Headers(), _Envelope(), _Flags()
_NO_STATUS, _NO_CLIENT, _NO_PLACE, _NO_LIST, _NO_DOMAIN = _Status(), _Client(), _Place(), _List(), _Domain()


def table(entries: Sequence[Entry]) -> "engines.arrow.Table":
    """Events as a table with the columns of `schema`."""
    rows = [_row(entry) for entry in entries]
    columns = zip(*rows, strict=True) if rows else [[] for _ in FIELDS]
    pa = engines.arrow
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema(), strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema())


def _wire(data: bytes) -> _Wire:
    try:
        return _decode(data)
    except msgspec.ValidationError:
        # One member of an unusual type must neither stop the reader nor hide the event.
        return _salvaged(data)


def _salvaged(data: bytes) -> _Wire:
    found = _Wire()
    for field in msgspec.structs.fields(_Wire):
        raw = _decode_least(data).get(field.encode_name)
        if raw is not None:
            try:
                setattr(found, field.name, msgspec.json.decode(raw, type=field.type))
            except msgspec.ValidationError:
                continue
    return found


def _row(entry: Entry) -> tuple[Any, ...]:
    wire = _wire(entry.data)
    message = wire.message or _NO_MESSAGE
    headers = message.headers or _NO_HEADERS
    envelope = wire.envelope or _NO_ENVELOPE
    flags = wire.flags or _NO_FLAGS
    status = wire.delivery_status or _NO_STATUS
    client = wire.client_info or _NO_CLIENT
    facts = Facts(
        event=entry.name,
        severity=entry.severity,
        reason=wire.reason or "",
        transport=envelope.transport or "",
        attempt=status.attempt_no or 0,
        group=wire.i_classification_group_id or "",
        authenticated=bool(flags.is_authenticated),
        delayed=bool(flags.is_delayed_bounce),
        callback=bool(flags.is_callback),
        optimized=bool(wire.i_delivery_optimizer),
        unique=bool(wire.i_unique),
        archived=bool(wire.i_archived),
    )
    return (
        entry.at // DAY,
        entry.seq,
        entry.at,
        wire.id,
        entry.account_id,
        entry.domain_id,
        (wire.domain or _NO_DOMAIN).name or "",
        entry.name,
        entry.severity,
        facts.reason,
        (wire.recipient or "").lower(),
        (wire.recipient_domain or "").lower(),
        wire.recipient_provider or "",
        (headers.message_id or "").lower(),
        headers.from_ or "",
        headers.to or "",
        headers.subject or "",
        message.recipients or [],
        # On `unsubscribed` the star is the scope and no tag.
        [tag for tag in wire.tags or () if tag != "*"],
        (wire.mailing_list or _NO_LIST).address or "",
        [file.filename or "" for file in message.attachments or ()],
        message.size or 0,
        bytes(wire.user_variables).decode(),
        envelope.sending_ip or "",
        envelope.i_ip_pool_id or "",
        wire.ip or "",
        (wire.geolocation or _NO_PLACE).country or "",
        client.device_type or "",
        client.bot or "",
        facts.transport,
        facts.attempt,
        status.code or 0,
        status.bounce_type or "",
        status.message or "",
        bool(flags.is_routed),
        int(wire.delivered_at or 0),
        wire.i_classification_rule_id or "",
        facts.group,
        facts.unique,
        marks(facts),
        entry.data.decode(),
    )


def day_of(at: int) -> date:
    """The day (UTC) of a time in microseconds: the partition it lies in."""
    return datetime.fromtimestamp(at // SECOND, UTC).date()


def start_of(day: date) -> int:
    """When a day begins, in microseconds."""
    return (day - _EPOCH).days * DAY
