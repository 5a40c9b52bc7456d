"""Stored messages: read one, send one again."""

from postwright.accounts import Area
from postwright.domains import DomainNotFound, DomainScope, domain_scope
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, Raw, delete, get, post
from postwright.kernel.secrets import Vault
from postwright.mail import preview
from postwright.mail.headers import decode
from postwright.mail.mime import parse as parse_mime
from postwright.mail.mime import parse_head
from postwright.spool import Spool

from .. import stored
from ..accept import Acceptor, new_message_id
from ..draft import envelope, from_mime
from ..errors import BadParameter, MessageNotFound
from ..headers import options_of
from ..options import parse
from ..schemas import Done, Resend, Sent, StoredMessage
from .sending import HttpRequest, keyed, origin

_MIME = ("message/rfc2822", "message/rfc822")  # the first is Mailgun's, the second the registered one


class Stored(Controller):
    """Messages as they were accepted, for as long as the domain keeps them."""

    dependencies = {"tenant": domain_scope("Domain not found: {name}")}

    @get(
        "/v3/domains/{domain:str}/messages/{key:str}",
        id="messages.get",
        access=Area.MESSAGES,
        errors=(MessageNotFound, DomainNotFound),
        gives=StoredMessage,
    )
    async def read(
        self,
        request: HttpRequest,
        tenant: DomainScope,
        key: str,
        db: Db,
        vault: Vault,
        spool: Spool,
        base_url: str,
    ) -> Raw:
        """Read a stored message, in parts or (Accept: message/rfc2822) as MIME."""
        message = await stored.load(db, vault, spool, tenant.domain_id, key)
        wants_mime = any(kind in request.headers.get("accept", "") for kind in _MIME)
        url = f"{base_url}/v3/domains/{tenant.name}/messages/{key}"
        return Raw(stored.as_mime(message) if wants_mime else stored.as_parts(message, url))

    @get(
        "/v3/domains/{domain:str}/messages/{key:str}/attachments/{number:int}",
        id="messages.get_attachment",
        access=Area.MESSAGES,
        errors=(MessageNotFound, DomainNotFound),
    )
    async def attachment(
        self, tenant: DomainScope, key: str, number: int, db: Db, vault: Vault, spool: Spool
    ) -> Raw:
        """The bytes of one attachment of a stored message."""
        message = await stored.load(db, vault, spool, tenant.domain_id, key)
        part = stored.attachment(message, number)
        # Whatever somebody attached must never run as a page of ours.
        headers = {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"}
        return Raw(part.data, media_type="application/octet-stream", headers=headers)

    @get(
        "/postwright/v1/{domain:str}/stored/{key:str}/preview",
        id="messages.preview",
        access=Area.MESSAGES,
        errors=(MessageNotFound, DomainNotFound),
    )
    async def preview(self, tenant: DomainScope, key: str, db: Db, vault: Vault, spool: Spool) -> Raw:
        """Look at a stored message as its reader does, in a page without any rights."""
        message = await stored.load(db, vault, spool, tenant.domain_id, key)
        headers = {
            "Content-Security-Policy": preview.POLICY,
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
        return Raw(preview.page(parse_mime(message.raw)), "text/html; charset=utf-8", headers=headers)

    @delete(
        "/v3/domains/{domain:str}/messages/{key:str}",
        id="messages.delete",
        access=Area.MESSAGES,
        errors=(MessageNotFound, DomainNotFound),
    )
    async def remove(
        self, tenant: DomainScope, key: str, db: Db, clock: Clock, vault: Vault, spool: Spool
    ) -> Done:
        """Delete a stored message; what of it is still to be sent is sent."""
        await stored.delete(db, clock, vault, spool, tenant.domain_id, key)
        return Done("Message has been deleted")

    @post(
        "/v3/domains/{domain:str}/messages/{key:str}",
        id="messages.resend",
        access=Area.MESSAGES,
        errors=(MessageNotFound, BadParameter, DomainNotFound),
    )
    async def resend(
        self,
        request: HttpRequest,
        tenant: DomainScope,
        key: str,
        fields: Resend,
        db: Db,
        vault: Vault,
        spool: Spool,
        acceptor: Acceptor,
        base_url: str,
    ) -> Sent:
        """Send a stored message to other recipients, under a new Message-Id."""
        recipients = envelope(fields.to)
        message = await stored.load(db, vault, spool, tenant.domain_id, key)
        now = acceptor.clock.now()
        head = [(name, decode(value)) for name, value in parse_head(message.raw)]
        raw_options = options_of(head) | keyed(request)
        if fields.recipient_variables or message.meta.batch_id:
            # Of a batch again each recipient gets a copy of its own, with what this request says about it.
            raw_options["recipient-variables"] = fields.recipient_variables or ["{}"]
        options = parse(raw_options, now)
        raw = stored.without_id(message.raw)
        domain = tenant.name
        draft = from_mime(raw, recipients, options, domain, new_message_id(now, domain), now)
        message_id = await acceptor.accept(draft, origin(request, tenant, base_url))
        return Sent(f"<{message_id}>")
