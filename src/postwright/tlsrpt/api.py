"""Read TLS results over HTTP."""

from datetime import date

import msgspec

from postwright.accounts import Area, Principal
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, get
from postwright.kernel.http.paging import BadToken, Links, position, token_links, url

from . import service
from .errors import NotTheOperator
from .records import DAY
from .schemas import Day, Place, ResultsPage, ResultsQuery


class TlsReports(Controller):
    """What became of encryption, by day and recipient domain."""

    @get(
        "/postwright/v1/tls-reports",
        id="tls_reports.list",
        access=Area.OPERATIONS,
        errors=(BadToken, NotTheOperator),
    )
    async def page(self, principal: Principal, db: Db, base_url: str, fields: ResultsQuery) -> ResultsPage:
        """List sessions by day and recipient domain: policies, successes, failures with their kinds, and reports."""
        place = Place(
            x=fields.domain.strip().lower(),
            low=0 if fields.begin is None else fields.begin // DAY,
            high=Place().high if fields.end is None else fields.end // DAY,
            failed=fields.failed,
            limit=fields.limit,
        )
        if fields.page:
            place = position(fields.page, Place)
        if not 0 < place.limit <= ResultsQuery.most:
            raise BadToken
        found = await db.scan(service.page, principal.account_id, place)
        return ResultsPage(found, _links(base_url, place, found))


def _links(base_url: str, place: Place, found: list[Day]) -> Links:
    first = msgspec.structs.replace(place, d=None, n="")
    following = place
    if found:
        day = (date.fromisoformat(found[-1].day) - date(1970, 1, 1)).days
        following = msgspec.structs.replace(place, d=day, n=found[-1].domain)
    return token_links(
        url(base_url, "postwright", "v1", "tls-reports"),
        first=first,
        next=following,
        previous=first,
        last=msgspec.structs.replace(first, d=0, n=""),
    )


CONTROLLERS = (TlsReports,)
