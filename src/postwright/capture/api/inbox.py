"""Read the capture inbox over HTTP."""

from postwright.accounts import Area, Principal
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, Raw, delete, get
from postwright.mail import preview
from postwright.mail.mime import parse

from .. import service
from ..errors import BadSearch, NotCaptured, NothingCame, TooManyWait
from ..schemas import CapturedMessage, Page, Query, Removed, Wanted
from ..waiting import wait

_PATH = "/postwright/v1/capture/messages"


class Inbox(Controller):
    """Messages that were captured instead of sent."""

    @get(_PATH, id="capture.list", access=Area.MESSAGES)
    async def page(self, principal: Principal, db: Db, fields: Query, base_url: str) -> Page:
        """List captured messages, newest first."""
        return await db.scan(service.page, principal.account_id, fields, f"{base_url}{_PATH}")

    @get(
        "/postwright/v1/capture/wait",
        id="capture.wait",
        access=Area.MESSAGES,
        errors=(NothingCame, TooManyWait, BadSearch),
    )
    async def wait(self, principal: Principal, fields: Wanted, db: Db, base_url: str) -> CapturedMessage:
        """Wait for the next message that matches, and read it."""
        row = await wait(db, principal.account_id, fields)
        return service.detail(row, f"{base_url}{_PATH}/{row.id}")

    @get(_PATH + "/{number:int}", id="capture.get", access=Area.MESSAGES, errors=(NotCaptured,))
    async def one(self, principal: Principal, number: int, db: Db, base_url: str) -> CapturedMessage:
        """Read one captured message."""
        row = await db.read(service.one, principal.account_id, number)
        return service.detail(row, f"{base_url}{_PATH}/{number}")

    @get(_PATH + "/{number:int}/raw", id="capture.raw", access=Area.MESSAGES, errors=(NotCaptured,))
    async def raw(self, principal: Principal, number: int, db: Db) -> Raw:
        """Read the exact bytes that were delivered."""
        row = await db.read(service.one, principal.account_id, number)
        # Not message/rfc822 as a page of ours: a browser must not render what somebody sent.
        return Raw(row.raw, media_type="text/plain; charset=utf-8", headers=_NOSNIFF)

    @get(_PATH + "/{number:int}/preview", id="capture.preview", access=Area.MESSAGES, errors=(NotCaptured,))
    async def preview(self, principal: Principal, number: int, db: Db) -> Raw:
        """Look at one captured message as its reader does, in a page without any rights."""
        row = await db.read(service.one, principal.account_id, number)
        headers = _NOSNIFF | {"Content-Security-Policy": preview.POLICY, "Referrer-Policy": "no-referrer"}
        return Raw(preview.page(parse(row.raw)), "text/html; charset=utf-8", headers=headers)

    @delete(_PATH, id="capture.clear", access=Area.MESSAGES)
    async def clear(self, principal: Principal, db: Db) -> Removed:
        """Delete all captured messages of the account."""
        return Removed(
            "captured messages have been deleted", await db.write(service.remove, principal.account_id)
        )

    @delete(_PATH + "/{number:int}", id="capture.delete", access=Area.MESSAGES, errors=(NotCaptured,))
    async def remove(self, principal: Principal, number: int, db: Db) -> Removed:
        """Delete one captured message."""
        gone = await db.write(service.remove, principal.account_id, number)
        return Removed("captured message has been deleted", gone)


_NOSNIFF = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox"}
