"""Forgetting a person: no event is about the address any more, and none mentions it; with proof.

Events whose recipient it is, or that list it among several, are deleted; in those of others that only mention it
(a common To header) it is replaced. First the log, then the table, whose old files are removed at once; then all
that is left is searched once more.
"""

import asyncio
import re
from typing import Any, Final

import msgspec

from postwright import events
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db, Write
from postwright.kernel.settings import Settings
from postwright.mail.addresses import AddressError, parse_one

from .errors import BadQuery, Busy
from .ledger import FOREVER, Ledger, Look, Parameters
from .sealer import Sealer
from .table import Conflict, Table

ERASED: Final = "erased@erased.invalid"  # RFC 2606: nobody's
_TRIES: Final = 5


class Proof(msgspec.Struct, frozen=True):
    """What an erasure did: versions of the table before and after, and the files that went and came.

    `left` is how many events, in the table and the log, still hold the address: none.
    """

    address: str
    version_before: int
    version: int
    deleted: int
    replaced: int
    removed_files: list[str]
    added_files: list[str]
    left: int


async def erase(
    settings: Settings, db: Db, sealer: Sealer, ledger: Ledger, account_id: str, text: str
) -> Proof:
    """Forget an address in one account. Raises BadQuery, and Busy when other changes to the table come between."""
    address = _address(text)
    while await sealer.seal():
        pass
    while await db.write(_forget, account_id, address):
        pass
    proof = await ledger.beside(_from_table, Table(settings), account_id, address)
    left = await ledger.ask(_left, account_id, address)
    return msgspec.structs.replace(proof, left=left)


async def forget_domain(settings: Settings, db: Db, clock: Clock, account_id: str, domain_id: str) -> int:
    """Delete what the table holds of a domain whose events are out of the log; how many. Raises Busy."""
    sealer = Sealer(settings, db, clock)
    # What somebody has read of the log and not written yet cannot be written after this.
    while await sealer.seal():
        pass
    return await asyncio.to_thread(_domain_from_table, Table(settings), account_id, domain_id)


def _domain_from_table(table: Table, account_id: str, domain_id: str) -> int:
    predicate = f"account_id = {_literal(account_id)} AND domain_id = {_literal(domain_id)}"
    for _ in range(_TRIES):
        try:
            table.version()
            deleted = table.delete(predicate)
        except Conflict:
            continue
        if deleted:
            table.vacuum(0)
            table.drop_digests()
        return deleted
    raise Busy


def _address(text: str) -> str:
    try:
        return parse_one(text).spec.lower()
    except AddressError:
        raise BadQuery("'address' parameter is not a valid address") from None


def _forget(tx: Write, account_id: str, address: str) -> int:
    return events.forget_person(tx, account_id, address, ERASED)


def _from_table(table: Table, account_id: str, address: str) -> Proof:
    before = table.version()
    mine = f"account_id = {_literal(account_id)}"
    person = _literal(address)
    # Lists have no case-blind search: separators make whole addresses of it.
    listed = "concat(' ', lower(array_to_string(recipients, ' ')), ' ')"
    about = f"(recipient = {person} OR strpos({listed}, concat(' ', {person}, ' ')) > 0)"
    deleted = replaced = 0
    pattern, safe = _literal(f"(?i){re.escape(address)}"), _literal(ERASED)
    named = ("to_header", "from_header", "user_variables", "status_message", "subject", "data")
    for attempt in range(_TRIES):
        try:
            table.version()
            deleted += table.delete(f"{mine} AND {about}")
            replaced += table.update(
                {name: f"regexp_replace({name}, {pattern}, {safe}, 'g')" for name in named},
                f"{mine} AND strpos(lower(data), {_literal(address)}) > 0",
            )
            break
        except Conflict:
            if attempt == _TRIES - 1:
                raise Busy from None
    # At once: what was deleted must not lie about until the next upkeep.
    table.vacuum(0)
    table.drop_digests()
    after = table.version()
    old, new = ({file.path for file in version.files} for version in (before, after))
    return Proof(
        address=address,
        version_before=before.number,
        version=after.number,
        deleted=deleted,
        replaced=replaced,
        removed_files=sorted(old - new),
        added_files=sorted(new - old),
        left=-1,
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _left(look: Look, account_id: str, address: str) -> int:
    params = Parameters()
    held = f"contains(lower(data), {params.add(address)}) OR recipient = {params.add(address)}"
    where = [f"account_id = {params.add(account_id)}", f"({held})"]
    source = look.source(params, ("seq",), 0, FOREVER, where)
    rows: list[tuple[Any, ...]] = look.rows(f"SELECT count(*) FROM ({source})", params)  # noqa: S608
    return int(rows[0][0])
