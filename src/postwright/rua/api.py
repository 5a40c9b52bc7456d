"""Read received reports over HTTP."""

from postwright.accounts import Area
from postwright.domains import DomainNotFound, DomainScope
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, get

from . import service
from .schemas import DmarcPage, ReportsQuery, TlsPage


class ReceivedReports(Controller):
    """What others report about a domain."""

    @get(
        "/postwright/v1/{domain:str}/dmarc-reports",
        id="rua.dmarc",
        access=Area.METRICS,
        errors=(DomainNotFound,),
    )
    async def dmarc(self, tenant: DomainScope, db: Db, fields: ReportsQuery) -> DmarcPage:
        """List the DMARC aggregate reports that came to `dmarc-reports@` of the domain."""
        return await db.scan(service.dmarc_page, tenant.domain_id, fields.skip, fields.limit)

    @get(
        "/postwright/v1/{domain:str}/tls-reports/received",
        id="rua.tls",
        access=Area.METRICS,
        errors=(DomainNotFound,),
    )
    async def tls(self, tenant: DomainScope, db: Db, fields: ReportsQuery) -> TlsPage:
        """List the TLS reports that came to `tls-reports@` of the domain."""
        return await db.scan(service.tls_page, tenant.domain_id, fields.skip, fields.limit)


CONTROLLERS = (ReceivedReports,)
