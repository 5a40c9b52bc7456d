"""Received mail lies in the same store as sent mail: one place to look it up, one retention."""

from collections.abc import Sequence

from postwright import queue
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Db, Read, Write
from postwright.kernel.secrets import Vault
from postwright.spool import Blob, Spool

from . import store
from .accept import LIFETIME
from .records import Content, Meta, MimeContent, decode_content, decode_meta, encode

_CONTEXT = "received message"
# A received message stays at least so long while somebody may still have to be told of it.
HOLD_SECONDS = 24 * 3600


def packed(raw: bytes, vault: Vault | None) -> bytes:
    """What to put into the spool for a received message; sealed when `vault` is given."""
    content = encode(MimeContent(raw=raw))
    return content if vault is None else sealed(content, vault)


def sealed(stored: bytes, vault: Vault) -> bytes:
    """What to put into the spool instead of `stored`, for a message that is `encrypted`."""
    return vault.seal(stored, _CONTEXT)


def opened(meta: Meta, stored: bytes, vault: Vault) -> Content:
    """The content of a message from what lies in the spool."""
    content: Content = decode_content(vault.open(stored, _CONTEXT) if meta.encrypted else stored)
    return content


def described(tx: Read, number: int) -> Meta | None:
    """The description of message `number`, or None when it is gone."""
    found = store.meta(tx, number)
    return None if found is None else decode_meta(found[2])


def keep(tx: Write, spool: Spool, meta: Meta, blob: Blob, expires_at: int) -> None:
    """Store a received message, in the transaction that makes it ours."""
    store.insert_message(tx, meta.id, meta.account_id, meta.domain_id, encode(meta), expires_at)
    spool.attach(tx, meta.id, blob)


def hold(tx: Write, number: int, now: int) -> None:
    """Let a received message stay for HOLD_SECONDS at least, because somebody still has to be told of it."""
    store.hold(tx, number, now + HOLD_SECONDS * SECOND)


async def received(db: Db, spool: Spool, vault: Vault, number: int) -> tuple[Meta, bytes] | None:
    """A received message and its bytes, or None when it is gone."""
    found = await db.read(_find, spool, number)
    if found is None:
        return None
    meta, blob = found
    try:
        content = opened(meta, await spool.bytes_of(blob), vault)
    except FileNotFoundError:
        return None
    return (meta, content.raw) if isinstance(content, MimeContent) else None


def _find(tx: Read, spool: Spool, number: int) -> tuple[Meta, Blob] | None:
    meta, blob = described(tx, number), spool.load(tx, number)
    return None if meta is None or blob is None else (meta, blob)


def relay(tx: Write, spool: Spool, meta: Meta, blob: Blob, items: Sequence[queue.NewItem]) -> None:
    """Queue a received message for other addresses, as the copy `meta` whose content is `blob`."""
    give_up = meta.accepted_at + LIFETIME * SECOND
    keep(tx, spool, meta, blob, give_up + 3600 * SECOND)
    queue.add(
        tx,
        items,
        account_id=meta.account_id,
        domain_id=meta.domain_id,
        accepted_at=meta.accepted_at,
        due_at=meta.accepted_at,
        give_up_at=give_up,
    )
