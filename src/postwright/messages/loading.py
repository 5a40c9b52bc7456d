"""Bring a message back for delivery."""

from collections.abc import Iterable

import msgspec

from postwright.kernel.db import Db, Read
from postwright.kernel.secrets import Vault
from postwright.spool import Blob, Spool

from . import store
from .draft import render
from .incoming import opened
from .records import Content, FormContent, Meta, decode_meta


class Loaded(msgspec.Struct, frozen=True):
    """A message with its content."""

    meta: Meta
    content: Content


def _find(tx: Read, spool: Spool, number: int) -> tuple[Meta, Blob] | None:
    row = store.meta(tx, number)
    blob = spool.load(tx, number)
    return None if row is None or blob is None else (decode_meta(row[2]), blob)


def metas(tx: Read, numbers: Iterable[int]) -> dict[int, Meta]:
    """The descriptions of messages, of those that are there."""
    found = store.described(tx, list(numbers))
    return {number: decode_meta(packed) for number, packed in found.items()}


def domain_of(tx: Read, number: int) -> str | None:
    """The id of the domain that message `number` is of, or None when the message is gone."""
    row = store.meta(tx, number)
    return None if row is None else row[1]


async def load_any(db: Db, spool: Spool, vault: Vault, number: int) -> Loaded | None:
    """Message `number`, sent or received (and perhaps sealed), or None when it or its bytes are gone."""
    found = await db.read(_find, spool, number)
    if found is None:
        return None
    meta, blob = found
    try:
        return Loaded(meta, opened(meta, await spool.bytes_of(blob), vault))
    except FileNotFoundError:
        return None


def raw_of(loaded: Loaded) -> bytes:
    """The message as it was accepted."""
    content = loaded.content
    return render(content, loaded.meta.message_id) if isinstance(content, FormContent) else content.raw
