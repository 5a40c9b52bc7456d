"""Received mail lies in the same store as sent mail: one place to look it up, one retention."""

from postwright.kernel.db import Read, Write
from postwright.kernel.secrets import Vault
from postwright.spool import Blob, Spool

from . import store
from .records import Content, Meta, MimeContent, decode_content, decode_meta, encode

_CONTEXT = "received message"


def packed(raw: bytes, vault: Vault | None) -> bytes:
    """What to put into the spool for a received message; sealed when `vault` is given."""
    content = encode(MimeContent(raw=raw))
    return content if vault is None else vault.seal(content, _CONTEXT)


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
