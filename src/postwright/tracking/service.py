"""Unsubscribes: what a link, a one-click request or a mail to its address does."""

from typing import Any, Protocol

import msgspec

from postwright import domains, events, suppressions
from postwright.events import Event
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db, Write
from postwright.kernel.secrets import Vault

from .recorder import context, engagement
from .rewriting import EVERYTHING
from .tokens import Tokens, unpack_id


class Lists(Protocol):
    """What mailing lists do when a member leaves or comes back by a link; False: nothing had to change."""

    def __call__(
        self, tx: Write, now: int, account_id: str, mailing_list: str, member: str, *, subscribed: bool
    ) -> bool: ...


class Leaving(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants no more of what, and who asked (`asked`: members of the event, such as `ip`)."""

    domain_id: str
    message: bytes
    recipient: str
    tags: list[str]
    mailing_list: str = ""
    asked: dict[str, Any] = {}


def unsubscribe(tx: Write, now: int, leaving: Leaving, lists: Lists | None = None) -> str | None:
    """Write no more to somebody; the name of the domain, or None when it is gone. Again it changes nothing.

    Raises LookupError for a mailing list in an installation without lists.
    """
    domain = domains.by_id(tx, leaving.domain_id)
    if domain is None:
        return None
    if leaving.mailing_list:
        if lists is None:
            raise LookupError(leaving.mailing_list)
        changed = lists(tx, now, domain.account_id, leaving.mailing_list, leaving.recipient, subscribed=False)
    else:
        changed = suppressions.unsubscribe(tx, now, domain.id, leaving.recipient, leaving.tags)
    if not changed:
        return domain.name
    message_id = unpack_id(leaving.message, domain.name)
    data = engagement(
        domain, message_id, leaving.recipient, context(tx, domain.id, message_id, leaving.recipient)
    )
    data |= leaving.asked
    data["tags"] = leaving.tags
    if leaving.mailing_list:
        data["mailing-list"] = data.get("mailing-list") or {"address": leaving.mailing_list}
    event = Event(
        name="unsubscribed",
        account_id=domain.account_id,
        domain_id=domain.id,
        recipient=leaving.recipient,
        message_id=message_id,
        data=data,
    )
    events.append(tx, now, [event])
    return domain.name


def resubscribe(tx: Write, now: int, leaving: Leaving, lists: Lists | None = None) -> str | None:
    """Take it back; the name of the domain, or None when it is gone."""
    domain = domains.by_id(tx, leaving.domain_id)
    if domain is None:
        return None
    if leaving.mailing_list:
        if lists is None:
            raise LookupError(leaving.mailing_list)
        lists(tx, now, domain.account_id, leaving.mailing_list, leaving.recipient, subscribed=True)
    else:
        suppressions.resubscribe(tx, domain.id, leaving.recipient, leaving.tags)
    return domain.name


async def take_mail_unsubscribe(db: Db, vault: Vault, clock: Clock, address: str) -> bool:
    """Do what a mail to `u+<token>@domain` asks for. False: the address is none of ours, nothing was done.

    Whoever has the address may unsubscribe its recipient, as with the link in the same message.
    """
    found = Tokens(vault).mail(address)
    if found is None:
        return False
    packed, recipient = found
    domain = address.rpartition("@")[2].lower()
    return await db.write(_mail, clock.now(), domain, packed, recipient)


def _mail(tx: Write, now: int, name: str, message: bytes, recipient: str) -> bool:
    domain = domains.named(tx, name)
    if domain is None:
        return False
    leaving = Leaving(domain_id=domain.id, message=message, recipient=recipient, tags=[EVERYTHING])
    return unsubscribe(tx, now, leaving) is not None
