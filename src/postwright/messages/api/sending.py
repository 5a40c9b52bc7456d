"""Send a message, given in fields or complete."""

from functools import partial
from typing import Any

from litestar import Request

from postwright.accounts import Area, RateLimited
from postwright.domains import Domain, DomainNotFound, DomainScope, domain_scope
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, Upload, post, reply_header
from postwright.mail.headers import decode
from postwright.mail.mime import parse_head
from postwright.templates import RenderFailed, TemplateMissing

from ..accept import Acceptor, Origin, new_message_id
from ..draft import Draft, Form
from ..draft import envelope as envelope_of
from ..errors import BadParameter, OptionsTooLarge, SendingRefused, TooManyRecipients
from ..headers import options_of
from ..options import IDEMPOTENCY, parse
from ..records import Part
from ..schemas import SendForm, SendMime, Sent, option_fields
from ..templating import Owner, form_draft, mime_draft

HttpRequest = Request[Any, Any, Any]
_ERRORS = (
    BadParameter,
    OptionsTooLarge,
    TooManyRecipients,
    TemplateMissing,
    RenderFailed,
    SendingRefused,
    DomainNotFound,
    RateLimited,
)


class Sending(Controller):
    """Messages go out."""

    dependencies = {"tenant": domain_scope("Domain not found: {name}")}

    @post(
        "/v3/{domain:str}/messages",
        id="messages.send",
        access=Area.SENDING,
        errors=_ERRORS,
    )
    async def send(
        self,
        request: HttpRequest,
        tenant: DomainScope,
        fields: SendForm,
        db: Db,
        acceptor: Acceptor,
        base_url: str,
    ) -> Sent:
        """Send a message made of the given fields."""
        draft = await drafted(request, tenant, fields, db, acceptor)
        message_id = await acceptor.accept(
            draft, origin(request, tenant, base_url), partial(reply_header, request)
        )
        return Sent(f"<{message_id}>")

    @post(
        "/v3/{domain:str}/messages.mime",
        id="messages.send_mime",
        access=Area.SENDING,
        errors=_ERRORS,
    )
    async def send_mime(
        self,
        request: HttpRequest,
        tenant: DomainScope,
        fields: SendMime,
        db: Db,
        acceptor: Acceptor,
        base_url: str,
    ) -> Sent:
        """Send a complete MIME message to the recipients in `to`."""
        now = acceptor.clock.now()
        raw = _mime_bytes(fields.message)
        # Control headers inside the message count like the fields of the same meaning, which win.
        given = options_of([(name, decode(value)) for name, value in parse_head(raw)])
        given = keyed(request) | given | option_fields(fields)
        options = parse(given, now, tenant.domain.message_ttl)
        new_id = new_message_id(now, tenant.name)
        draft = await mime_draft(db, _owner(tenant), raw, envelope_of(fields.to), options, new_id, now)
        message_id = await acceptor.accept(
            draft, origin(request, tenant, base_url), partial(reply_header, request)
        )
        return Sent(f"<{message_id}>")


async def drafted(
    request: HttpRequest, tenant: DomainScope, fields: SendForm, db: Db, acceptor: Acceptor
) -> Draft:
    """The draft of a form. Raises what sending raises for its form."""
    now = acceptor.clock.now()
    options = parse(keyed(request) | option_fields(fields), now, tenant.domain.message_ttl)
    if not fields.from_.strip() and options.template is None:
        raise BadParameter("from parameter is missing")
    form = Form(
        from_=fields.from_,
        to=fields.to,
        cc=fields.cc,
        bcc=fields.bcc,
        subject=fields.subject,
        text=fields.text or None,
        html=fields.html or None,
        amp=fields.amp_html or None,
        attachments=_parts(fields.attachment),
        inlines=_parts(fields.inline),
    )
    return await form_draft(db, _owner(tenant), form, options, new_message_id(now, tenant.name), now)


def origin(request: HttpRequest, tenant: DomainScope, base_url: str) -> Origin:
    """Who sends this request."""
    domain: Domain = tenant.domain
    return Origin(
        account_id=tenant.account_id,
        domain_id=tenant.domain_id,
        domain=tenant.name,
        method="HTTP",
        ip=request.client.host if request.client else "",
        base_url=base_url,
        api_key_id=tenant.principal.key_id,
        retention=domain.message_ttl,
        return_host=domain.return_host,
    )


def keyed(request: HttpRequest) -> dict[str, list[str]]:
    """The idempotency key among the request's headers, as an option."""
    key = request.headers.get("idempotency-key") or request.headers.get(IDEMPOTENCY)
    return {IDEMPOTENCY: [key]} if key else {}


def _owner(tenant: DomainScope) -> Owner:
    return Owner(tenant.account_id, tenant.domain_id, tenant.name)


def _parts(uploads: list[Upload]) -> list[Part]:
    return [Part(upload.filename, upload.content_type, upload.data) for upload in uploads]


def _mime_bytes(message: Upload | str | None) -> bytes:
    raw = message.data if isinstance(message, Upload) else (message or "").encode()
    if not raw.strip():
        raise BadParameter("message parameter is missing")
    return raw
