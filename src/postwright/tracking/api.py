"""A domain's tracking settings over HTTP."""

from typing import Any

from postwright import domains
from postwright.accounts import Area, Principal
from postwright.domains import DomainNotFound
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, get, put

from .errors import BadTracking
from .schemas import (
    ChangeClick,
    ChangeOpen,
    ChangeUnsubscribe,
    ClickChanged,
    OpenChanged,
    Settings,
    Shown,
    UnsubscribeChanged,
    click,
    open_,
    unsubscribe,
)

UPDATED = "Domain tracking settings have been updated"
MAX_FOOTER = 10_000  # characters: it is appended to each message
_CLICKS = {
    **dict.fromkeys(("yes", "true", "1", "on"), "yes"),
    **dict.fromkeys(("no", "false", "0", "off"), "no"),
    "htmlonly": "htmlonly",
}


class TrackingSettings(Controller):
    """What is tracked in a domain's mail."""

    @get(
        "/v3/domains/{domain:str}/tracking",
        id="domains.tracking.get",
        access=Area.DOMAINS,
        errors=(DomainNotFound,),
    )
    async def show(self, principal: Principal, domain: str, db: Db) -> Shown:
        """Show whether opens, clicks and unsubscribes are tracked."""
        found = await db.read(domains.need, principal.account_id, domain)
        held = found.tracking
        return Shown(Settings(open_(held), click(held), unsubscribe(held), found.web_scheme))

    @put(
        "/v3/domains/{domain:str}/tracking/open",
        id="domains.tracking.open",
        access=Area.DOMAINS,
        errors=(DomainNotFound,),
    )
    async def change_open(self, principal: Principal, domain: str, db: Db, fields: ChangeOpen) -> OpenChanged:
        """Switch the tracking of opens on or off, and choose where the pixel stands."""
        changes = _given(opens=fields.active, at_top=fields.place_at_the_top)
        held = await db.write(domains.set_tracking, principal.account_id, domain, changes)
        return OpenChanged(open_(held), UPDATED)

    @put(
        "/v3/domains/{domain:str}/tracking/click",
        id="domains.tracking.click",
        access=Area.DOMAINS,
        errors=(DomainNotFound, BadTracking),
    )
    async def change_click(
        self, principal: Principal, domain: str, db: Db, fields: ChangeClick
    ) -> ClickChanged:
        """Switch the tracking of clicks on (in all parts, or in HTML alone) or off."""
        word = fields.active.strip().lower()
        if word and word not in _CLICKS:
            raise BadTracking("active parameter is not valid: yes, no, true, false or htmlonly expected")
        changes = {"clicks": _CLICKS[word]} if word else {}
        held = await db.write(domains.set_tracking, principal.account_id, domain, changes)
        return ClickChanged(click(held), UPDATED)

    @put(
        "/v3/domains/{domain:str}/tracking/unsubscribe",
        id="domains.tracking.unsubscribe",
        access=Area.DOMAINS,
        errors=(DomainNotFound, BadTracking),
    )
    async def change_unsubscribe(
        self, principal: Principal, domain: str, db: Db, fields: ChangeUnsubscribe
    ) -> UnsubscribeChanged:
        """Switch the tracking of unsubscribes on or off, and set the footers."""
        for name, footer in (("html_footer", fields.html_footer), ("text_footer", fields.text_footer)):
            if footer is not None and len(footer) > MAX_FOOTER:
                raise BadTracking(f"{name} parameter is too long: at most {MAX_FOOTER} characters")
        changes = _given(
            unsubscribes=fields.active, html_footer=fields.html_footer, text_footer=fields.text_footer
        )
        held = await db.write(domains.set_tracking, principal.account_id, domain, changes)
        return UnsubscribeChanged(unsubscribe(held), UPDATED)


def _given(**changes: Any) -> dict[str, Any]:
    return {name: value for name, value in changes.items() if value is not None}


CONTROLLERS = (TrackingSettings,)
