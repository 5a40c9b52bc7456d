"""Erase what an account owns, found by the names of columns, so that a new table needs no new code."""

from collections.abc import Collection, Mapping

from sqlalchemy import Column, ColumnElement, Table, delete, select, tuple_

from .schema import metadata
from .tx import Write

OWNER = "account_id"


def erase_owned(
    tx: Write, account_id: str, limit: int, spare: Collection[str], others: Mapping[str, str]
) -> int:
    """Delete up to `limit` rows of each table that are the account's, but of those named in `spare`; how many.

    A row is the account's when its `account_id` says so, or when it has none and belongs to a row that is: the
    column `thing_id` names a row of the table `things`. Those go first.
    `others` are tables that call the owner something else, with that name.
    """
    owned = {table.name: table for table in metadata.tables.values() if OWNER in table.c}
    erased = 0
    for table in metadata.tables.values():
        for column in _parents(table, owned):
            things = owned[_plural(column)]
            theirs = select(things.c.id).where(things.c[OWNER] == account_id)
            erased += _erase(tx, table, column.in_(theirs), limit)
    if erased:
        return erased
    for table in reversed(metadata.sorted_tables):
        if table.name in owned and table.name not in spare:
            erased += _erase(tx, table, table.c[OWNER] == account_id, limit)
    for name, owner in others.items():
        table = metadata.tables[name]
        erased += _erase(tx, table, table.c[owner] == account_id, limit)
    return erased


def _parents(table: Table, owned: dict[str, Table]) -> list[Column[str]]:
    """The columns by which the rows of a table without an owner belong to rows that have one."""
    if OWNER in table.c:
        return []
    named = ((column, owned.get(_plural(column))) for column in table.c)
    # A column of another type holds another kind of name (a Message-Id, not a row's number).
    return [
        column
        for column, things in named
        if things is not None and "id" in things.c and type(things.c.id.type) is type(column.type)
    ]


def _plural(column: Column[str]) -> str:
    return column.name.removesuffix("_id") + "s" if column.name.endswith("_id") else ""


def _erase(tx: Write, table: Table, which: ColumnElement[bool], limit: int) -> int:
    key = [*table.primary_key.columns]
    chosen = select(*key).where(which).limit(limit)
    return tx.run(delete(table).where((key[0] if len(key) == 1 else tuple_(*key)).in_(chosen)))
