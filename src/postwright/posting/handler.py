"""Mail that comes in for a list's address."""

from typing import Any

from postwright import events, lists
from postwright.arrivals import Arrival, Effect, Head, Target
from postwright.events import Event
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db, Read, Write
from postwright.kernel.ids import Sequence
from postwright.lists import MailingList
from postwright.mail.addresses import AddressError, parse_list
from postwright.mail.mime import parse_head

from .shape import refusal

LIFETIME = 8 * 3600 * 1_000_000  # microseconds, as for all mail (behaviour.md 5.1)


class ListHandler:
    """Takes mail for lists, and decides who may post (behaviour.md 11)."""

    name = "lists"
    exclusive = False

    def __init__(self, db: Db, clock: Clock, sequence: Sequence) -> None:
        self._db = db
        self._clock = clock
        self._sequence = sequence

    def takes(self, tx: Read, target: Target, head: Head | None) -> bool:
        """Whether the address is a list's."""
        return _list(tx, target) is not None

    async def handle(self, arrival: Arrival, target: Target, message: bytes) -> Effect | None:
        """Let the message go to the members, or reject it."""
        key = self._sequence.next()
        head = parse_head(message)

        def effect(tx: Write) -> None:
            # All of it here: the list may have changed since the message came in.
            to = _list(tx, target)
            if to is None:
                return
            now = self._clock.now()
            why = self._why_not(tx, arrival, head, to)
            if why:
                events.append(tx, now, [rejected(arrival, to, why)])
                return
            lists.add_post(tx, now, to, source=arrival.id, key=key, due_at=now, lifetime=LIFETIME)

        return effect

    def _why_not(self, tx: Read, arrival: Arrival, head: list[tuple[str, str]], to: MailingList) -> str:
        """Why the message may not go to the members; "" when it may."""
        if not arrival.sender:
            return "it is a bounce"
        why = refusal(head, to, outside=True)
        if why:
            return why
        if to.access_level == "readonly":
            return "only authenticated senders may post to this list"
        if arrival.verdict.dmarc == "fail":
            return "the sender's domain says that the message is not from there"
        if to.access_level == "members":
            author = _author(head)
            if not author or not lists.is_subscribed(tx, to.key, author):
                return "only members may post to this list"
        return ""


def _list(tx: Read, target: Target) -> MailingList | None:
    found = lists.find(tx, target.address)
    return found if found is not None and found.domain_id == target.domain_id else None


def _author(head: list[tuple[str, str]]) -> str:
    """The one address in From; "" when there is another number of them."""
    values = [value for name, value in head if name.lower() == "from"]
    try:
        found = parse_list(values[0]) if len(values) == 1 else []
    except AddressError:
        return ""
    return found[0].spec if len(found) == 1 else ""


def rejected(arrival: Arrival, to: MailingList, why: str) -> Event:
    """The event of a post that goes to nobody."""
    data: dict[str, Any] = {
        "account": {"id": arrival.account_id},
        "domain": {"name": arrival.domain},
        "reject": {"reason": why, "description": f"Not delivered to the members of {to.address}"},
        "mailing-list": {"address": to.address, "list-id": to.header_id},
        "flags": {"is-test-mode": False},
        "message": {
            "headers": {
                "to": arrival.to,
                "from": arrival.from_,
                "subject": arrival.subject,
                "message-id": arrival.message_id,
            },
            "attachments": arrival.attachments,
            "size": arrival.size,
        },
        "storage": {"url": arrival.storage_url, "key": arrival.storage_key},
        "tags": [],
        "campaigns": [],
        "user-variables": {},
    }
    return Event(
        name="rejected",
        account_id=arrival.account_id,
        domain_id=arrival.domain_id,
        recipient=to.address,
        message_id=arrival.message_id,
        data=data,
    )
