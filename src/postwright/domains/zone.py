"""Our DNS zone: what the CNAME records of customers with automatic sender security lead to."""

import msgspec

from postwright import accounts
from postwright.kernel.db import Read

from . import store
from .dns import Installation
from .errors import NotTheOperator
from .rotation import TTL_SECONDS

_STRING = 255  # bytes of one string of a TXT record (RFC 1035 §3.3)


class ZoneRecord(msgspec.Struct, frozen=True):
    """A TXT record of the zone. `at` is its place in the order: code and selector."""

    name: str
    value: str
    domain: str
    at: tuple[str, str]


def page(
    tx: Read, account_id: str, installation: Installation, after: tuple[str, str], limit: int
) -> list[ZoneRecord]:
    """A page of the zone's records. Raises NotTheOperator."""
    if accounts.any_account(tx) != account_id:
        raise NotTheOperator
    return [
        ZoneRecord(
            installation.key_target(row.code, row.selector),
            row.public,
            row.authority,
            (row.code, row.selector),
        )
        for row in store.zone(tx, after, limit)
    ]


def line(record: ZoneRecord) -> str:
    """A record as a zone file has it (RFC 1035 §5.1); there is nothing to escape in it."""
    parts = (record.value[at : at + _STRING] for at in range(0, len(record.value), _STRING))
    texts = " ".join(f'"{part}"' for part in parts)
    return f"{record.name}. {TTL_SECONDS} IN TXT {texts}\n"
