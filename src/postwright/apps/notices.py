"""Sends the installation's own mail: from the first account's first domain that may send."""

import asyncio
import logging
from email.message import EmailMessage
from email.policy import SMTP

from postwright import accounts, domains, notices
from postwright.domains import Domain
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Read, StoreUnavailable
from postwright.kernel.errors import Refused
from postwright.mail.headers import format_date
from postwright.messages import Acceptor
from postwright.notices import Notice

from .context import Context
from .own_mail import post

log = logging.getLogger("postwright.notices")

POLL_SECONDS = 1.0


class NoticeSender:
    """Hands due notices to the way in of every message."""

    def __init__(self, context: Context, acceptor: Acceptor) -> None:
        self._context = context
        self._db = context.db
        self._acceptor = acceptor

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`."""
        while not stop.is_set():
            try:
                await self.run_once()
            except StoreUnavailable:
                pass
            except Exception:
                log.exception("notices cannot be sent; trying again")
            try:
                await asyncio.wait_for(stop.wait(), POLL_SECONDS)
            except TimeoutError:
                continue

    async def run_once(self) -> int:
        """Send what is due; how many were looked at."""
        now = self._context.clock.now()
        if not await self._db.read(notices.any_due, now):
            return 0
        due = await self._db.write(notices.claim, self._context.vault, now)
        for notice in due:
            try:
                await self._send(notice)
            except Refused as refused:
                kept = await self._db.write(notices.failed, notice, self._context.clock.now())
                log.warning("a notice could not be sent", extra={"reason": refused.text, "tried_again": kept})
            else:
                await self._db.write(notices.done, notice)
        return len(due)

    async def _send(self, notice: Notice) -> None:
        domain = await self._db.read(self._domain)
        if domain is None:
            raise Refused("no domain of the first account may send")
        now = self._context.clock.now()
        raw = _mail(notice, domain.name, now)
        await post(self._context, self._acceptor, domain, notice.recipient, raw, tag="notice", now=now)

    def _domain(self, tx: Read) -> Domain | None:
        account_id = accounts.any_account(tx)
        found = domains.first_active(tx, account_id) if account_id else None
        if found is not None:
            return domains.by_id(tx, found[0])
        # Where nothing leaves the machine, the sandbox will do.
        every = domains.ids(tx, account_id) if account_id and self._context.settings.capture else []
        return domains.by_id(tx, every[0]) if every else None


def _mail(notice: Notice, domain: str, now: int) -> bytes:
    message = EmailMessage(policy=SMTP)
    message["From"] = f"Postwright <no-reply@{domain}>"
    message["To"] = notice.recipient
    message["Subject"] = notice.subject
    message["Date"] = format_date(now // SECOND)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5
    message.set_content(notice.text)
    return message.as_bytes()
