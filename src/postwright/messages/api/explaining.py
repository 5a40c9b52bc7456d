"""Say what would become of a send."""

from postwright.accounts import Area
from postwright.domains import DomainNotFound, DomainScope, domain_scope
from postwright.kernel.db import Db
from postwright.kernel.errors import Refused
from postwright.kernel.http import Controller, post

from .. import explain
from ..accept import Acceptor
from ..schemas import Explained, SendForm
from .sending import HttpRequest, drafted, origin


class Explaining(Controller):
    """A send that is not one."""

    dependencies = {"tenant": domain_scope("Domain not found: {name}")}

    @post(
        "/postwright/v1/domains/{domain:str}/messages/explain",
        id="messages.explain",
        access=Area.SENDING,
        errors=(DomainNotFound,),
    )
    async def explain(
        self,
        request: HttpRequest,
        tenant: DomainScope,
        fields: SendForm,
        db: Db,
        acceptor: Acceptor,
        base_url: str,
    ) -> Explained:
        """Explain a send: every field, and each recipient's copy. Takes what a send takes and stores nothing."""
        found = explain.fields_of(fields, acceptor.clock.now(), tenant.domain.message_ttl)
        try:
            draft = await drafted(request, tenant, fields, db, acceptor)
            meta = await acceptor.preview(draft, origin(request, tenant, base_url))
            return await explain.accepted(db, found, draft, meta)
        except Refused as no:
            return explain.refused(found, no)
