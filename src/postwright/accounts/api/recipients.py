"""Recipients of sandbox domains over HTTP: who may be written to, and their agreement."""

import html

import msgspec

from postwright.kernel.clock import Clock
from postwright.kernel.db import Db
from postwright.kernel.http import PUBLIC, Controller, Raw, delete, get, post
from postwright.kernel.secrets import Vault

from .. import recipients
from ..errors import BadRecipient, LinkNotValid
from ..records import Principal
from ..roles import Area
from ..schemas import Done
from ..store import recipients as store

_PATH = "/v5/sandbox/auth_recipients"
# A page of ours that runs and loads nothing, and that nobody frames.
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


class Recipient(msgspec.Struct):
    """An address, and whether its owner agreed."""

    email: str
    activated: bool


class RecipientList(msgspec.Struct):
    """All recipients."""

    recipients: list[Recipient]


class OneRecipient(msgspec.Struct):
    """The recipient that was asked."""

    recipient: Recipient


class NewRecipient(msgspec.Struct, kw_only=True):
    """Whom to ask."""

    email: str = ""


class Token(msgspec.Struct, kw_only=True):
    """The link from a mail."""

    token: str = ""


class SandboxRecipients(Controller):
    """Who gets mail of the sandbox domain where mail really leaves."""

    @get(_PATH, id="accounts.recipients.list", access=Area.ACCOUNT)
    async def page(self, principal: Principal, db: Db) -> RecipientList:
        """List the recipients of the sandbox domain."""
        found = await db.read(store.entries, principal.account_id)
        return RecipientList([Recipient(email, activated) for email, activated in found])

    @post(_PATH, id="accounts.recipients.add", access=Area.ACCOUNT, errors=(BadRecipient,))
    async def add(
        self,
        principal: Principal,
        db: Db,
        clock: Clock,
        vault: Vault,
        base_url: str,
        fields: NewRecipient,
    ) -> OneRecipient:
        """Ask somebody by mail whether they want to get mail of the sandbox domain."""
        email = await db.write(
            recipients.add, clock.now(), vault, base_url, principal.account_id, fields.email
        )
        return OneRecipient(Recipient(email, False))

    @delete(
        _PATH + "/{email:str}", id="accounts.recipients.delete", access=Area.ACCOUNT, errors=(BadRecipient,)
    )
    async def remove(self, principal: Principal, db: Db, email: str) -> Done:
        """Let somebody get no more mail of the sandbox domain."""
        await db.write(recipients.remove, principal.account_id, email)
        return Done("Sandbox recipient deleted.")


class Confirmation(Controller):
    """Where the link in the mail leads. Looking changes nothing: programs that check links do that."""

    @get(recipients.CONFIRM_PATH, id="sandbox.confirm.ask", access=PUBLIC, errors=(LinkNotValid,))
    async def ask(self, db: Db, clock: Clock, fields: Token) -> Raw:
        """Show a page with a button that agrees to get test mail."""
        email = await db.read(recipients.asked, clock.now(), fields.token)
        token = html.escape(fields.token, quote=True)
        return _page(
            f"<p>Do you agree to receive test messages at <b>{html.escape(email)}</b>?</p>"
            f'<form method="post"><input type="hidden" name="token" value="{token}">'
            "<button>I agree</button></form>"
        )

    @post(recipients.CONFIRM_PATH, id="sandbox.confirm", access=PUBLIC, errors=(LinkNotValid,))
    async def confirm(self, db: Db, clock: Clock, fields: Token) -> Raw:
        """Agree to get test mail."""
        email = await db.write(recipients.confirm, clock.now(), fields.token)
        return _page(f"<p>Thank you. {html.escape(email)} receives test messages now.</p>")


def _page(body: str) -> Raw:
    text = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Test mail</title><body style='font:16px sans-serif;margin:3em'>{body}</body></html>"
    )
    return Raw(text.encode(), "text/html; charset=utf-8", headers=_HEADERS)


CONTROLLERS = (SandboxRecipients, Confirmation)
