"""What the event `accepted` says about received mail (behaviour.md 6.3)."""

from postwright.arrivals import Arrival
from postwright.events import Event
from postwright.messages import Attached, Meta, facts


def meta(arrival: Arrival) -> Meta:
    """The description under which the message is stored."""
    return Meta(
        id=arrival.id,
        account_id=arrival.account_id,
        domain_id=arrival.domain_id,
        domain=arrival.domain,
        message_id=arrival.message_id,
        from_=arrival.from_,
        to=arrival.to,
        subject=arrival.subject,
        size=arrival.size,
        recipients=arrival.recipients,
        several=len(arrival.recipients) > 1,
        method="smtp",
        accepted_at=arrival.received_at,
        received="",
        storage_url=arrival.storage_url,
        storage_key=arrival.storage_key,
        return_host=arrival.domain,
        attachments=[Attached(each.filename, each.content_type, each.size) for each in arrival.attachments],
        ip=arrival.peer,
        authenticated=False,
        incoming=True,
        sender=arrival.sender,
        encrypted=arrival.encrypted,
    )


def accepted(arrival: Arrival, recipient: str) -> Event:
    """The event of one recipient."""
    data = facts.shared(meta(arrival), recipient, None)
    data["method"] = "smtp"
    data["originating-ip"] = arrival.peer
    data["message"]["recipients"] = [recipient]
    return Event(
        name="accepted",
        account_id=arrival.account_id,
        domain_id=arrival.domain_id,
        recipient=recipient,
        message_id=arrival.message_id,
        data=data,
    )
