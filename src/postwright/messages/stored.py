"""Stored messages as the API shows them (behaviour.md 10.5)."""

from typing import Any

import msgspec

from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db, Read, Write
from postwright.kernel.secrets import Vault
from postwright.mail.content import texts
from postwright.mail.mime import Attachment, parse, remove_headers
from postwright.spool import Blob, Spool

from . import facts, keys, store
from .draft import render
from .errors import MessageNotFound
from .incoming import HOLD_SECONDS, opened
from .records import FormContent, Meta, decode_meta


class StoredMessage(msgspec.Struct, frozen=True):
    """A stored message: its description and its bytes before any recipient's trace headers."""

    meta: Meta
    raw: bytes


async def load(db: Db, vault: Vault, spool: Spool, domain_id: str, key: str) -> StoredMessage:
    """The message called `key`, if it is the domain's. Raises MessageNotFound."""
    number = keys.read(vault, key)
    if number is None:
        raise MessageNotFound
    meta, blob = await db.read(_find, spool, domain_id, number)
    try:
        content = opened(meta, await spool.bytes_of(blob), vault)
    except FileNotFoundError as gone:
        raise MessageNotFound from gone
    if isinstance(content, FormContent):
        # A batch was stored once for all: who gets it is told by the events, and shown to no other recipient.
        shown = [(name, "%recipient%" if name == "To" else value) for name, value in content.headers]
        content = msgspec.structs.replace(content, headers=shown)
        return StoredMessage(meta, render(content, meta.message_id))
    return StoredMessage(meta, content.raw)


def _find(tx: Read, spool: Spool, domain_id: str, number: int) -> tuple[Meta, Blob]:
    found = store.meta(tx, number)
    blob = spool.load(tx, number)
    if found is None or found[1] != domain_id or blob is None or store.is_deleted(tx, number):
        raise MessageNotFound
    return decode_meta(found[2]), blob


async def delete(db: Db, clock: Clock, vault: Vault, spool: Spool, domain_id: str, key: str) -> None:
    """Let nobody read the message called `key` any more. Raises MessageNotFound.

    What still has to be sent or told of it is: its bytes go when nothing can wait for them.
    """
    number = keys.read(vault, key)
    if number is None:
        raise MessageNotFound
    await db.write(_delete, clock.now(), spool, domain_id, number)


def _delete(tx: Write, now: int, spool: Spool, domain_id: str, number: int) -> None:
    meta, _ = _find(tx, spool, domain_id, number)
    store.delete_at(tx, number, now, now + HOLD_SECONDS * SECOND if meta.incoming else None)


def as_mime(message: StoredMessage) -> bytes:
    """JSON with the whole message in one member."""
    meta = message.meta
    return msgspec.json.encode(
        {
            "recipients": _recipients(meta),
            "sender": facts.sender(meta),
            "from": meta.from_,
            "subject": meta.subject,
            "body-mime": message.raw.decode("utf-8", "replace"),
        }
    )


def as_parts(message: StoredMessage, url: str) -> bytes:
    """JSON with every header and part; `url` is where the message is, for links to its attachments."""
    meta = message.meta
    parsed = parse(message.raw)
    files = [
        {
            "url": f"{url}/attachments/{number}",
            "content-type": part.content_type,
            "name": part.filename,
            "size": len(part.data),
        }
        for number, part in enumerate(parsed.attachments)
    ]
    # Headers first: what we say ourselves must not be overwritten by a header that calls itself the same.
    shown: dict[str, Any] = dict(parsed.headers)
    shown |= {
        "recipients": _recipients(meta),
        "sender": facts.sender(meta),
        "from": meta.from_,
        "subject": meta.subject,
        "body-html": parsed.body_html,
        **texts(parsed),
        "attachments": files,
        "content-id-map": {
            f"<{part.content_id}>": file
            for part, file in zip(parsed.attachments, files, strict=True)
            if part.content_id
        },
        "message-headers": parsed.headers,
    }
    return msgspec.json.encode(shown)


def _recipients(meta: Meta) -> str:
    return ", ".join(meta.recipients) if meta.incoming else meta.to


def attachment(message: StoredMessage, number: int) -> Attachment:
    """One attachment. Raises MessageNotFound when there are not so many."""
    files = parse(message.raw).attachments
    if not 0 <= number < len(files):
        raise MessageNotFound("Attachment not found")
    return files[number]


def without_id(raw: bytes) -> bytes:
    """The message ready to go out again as another one."""
    return remove_headers(raw, {"message-id"})
