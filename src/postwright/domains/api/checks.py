"""What DNS says about a domain, over HTTP."""

from postwright.accounts import Area, Principal
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, get

from .. import checks, dns, keys, service
from ..dns import Installation
from ..errors import DomainNotFound
from ..schemas.checks import Checks, ListChecks, health, past, records


class DomainChecks(Controller):
    """Looks at a domain's records."""

    @get(
        "/postwright/v1/domains/{domain:str}/checks",
        id="domains.checks",
        access=Area.DOMAINS,
        errors=(DomainNotFound,),
    )
    async def history(
        self, principal: Principal, domain: str, db: Db, installation: Installation, fields: ListChecks
    ) -> Checks:
        """Show how a domain stands with DNS, what it should have there, and what was found, the newest first."""
        found = await db.read(service.need, principal.account_id, domain)
        held = await db.read(keys.records, found.account_id, found.authority)
        total, items = await db.scan(checks.history, found.id, fields.skip, fields.limit)
        return Checks(
            domain=health(found),
            receiving=records(dns.receiving(installation, found), found.checks),
            sending=records(dns.sending(installation, found, held), found.checks),
            recommended=records([dns.recommended(found)], found.checks),
            total_count=total,
            items=[past(each) for each in items],
        )


CONTROLLERS = (DomainChecks,)
