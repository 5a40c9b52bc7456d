"""What events say about a message (behaviour.md 6.2, 6.3): the block that accepted, delivered and failed share."""

from collections.abc import Iterator, Mapping
from typing import Any

from postwright.events import Event
from postwright.failures import Verdict
from postwright.kernel.clock import SECOND

from .build import Via
from .draft import Target
from .options import MAX_TAG
from .records import ListUsed, Meta, Personal
from .variables import Person

# A larger value is cut from events, which then say so (behaviour.md 2.1).
VARIABLES_LIMIT = 4096
_TOO_LARGE = "Could not load user-variables. They were either truncated or invalid JSON"

_PROVIDERS = {
    "gmail.com": "Gmail",
    "googlemail.com": "Gmail",
    "outlook.com": "Outlook",
    "hotmail.com": "Outlook",
    "live.com": "Outlook",
    "msn.com": "Outlook",
    "yahoo.com": "Yahoo",
    "ymail.com": "Yahoo",
    "aol.com": "Yahoo",
    "icloud.com": "Apple",
    "me.com": "Apple",
    "mac.com": "Apple",
    "free.fr": "Free FR",
}


OTHER = "Other"


def domains_of(name: str) -> tuple[str, ...]:
    """The domains whose mailboxes a provider runs, as far as their names tell; none for "Other"."""
    return tuple(domain for domain, who in _PROVIDERS.items() if who.lower() == name.lower())


def known_domains() -> tuple[str, ...]:
    """All domains whose provider the name tells."""
    return tuple(_PROVIDERS)


def providers() -> tuple[str, ...]:
    """The names of all providers."""
    return (*dict.fromkeys(_PROVIDERS.values()), OTHER)


def provider(domain: str) -> str:
    """Who runs the mailboxes of `domain`, as far as its name tells."""
    return _PROVIDERS.get(domain, OTHER)


def shared(meta: Meta, recipient: str, personal: Personal | None) -> dict[str, Any]:
    """The members common to all events of one recipient's copy."""
    tags, variables, to, subject = meta.tags, meta.variables, meta.to, meta.subject
    if personal is not None:
        person = Person(personal)
        tags = [person.fill(tag)[:MAX_TAG] for tag in tags]
        variables = {name: person.fill(value) for name, value in variables.items()} | person.own("v:")
        to, subject = to if meta.mailing_list else personal.to, person.fill_header(subject)
    domain = recipient.rpartition("@")[2]
    data: dict[str, Any] = {
        "account": {"id": meta.account_id},
        "domain": {"name": meta.domain},
        "recipient": recipient,
        "recipient-domain": domain,
        "recipient-provider": provider(domain),
        "tags": tags,
        "campaigns": [],
        "user-variables": user_variables(variables),
        "storage": {
            "url": meta.storage_url,
            "key": meta.storage_key,
            "region": "local",
            "env": "production",
        },
        "message": {
            "headers": {"to": to, "from": meta.from_, "subject": subject, "message-id": meta.message_id},
            "attachments": meta.attachments,
            "size": meta.size,
        },
        "flags": {
            "is-authenticated": meta.authenticated,
            "is-routed": meta.routed,
            "is-big": False,
            "is-system-test": False,
            "is-test-mode": meta.test_mode,
            "is-amp": meta.amp,
        },
        "envelope": {"sender": sender(meta), "transport": "smtp", "targets": recipient},
    }
    if meta.batch_id:
        data["batch"] = {"id": meta.batch_id}
    if meta.mailing_list:
        data["mailing-list"] = meta.mailing_list
    if meta.template:
        data["template"] = meta.template
    if meta.optimizer:
        data["i-delivery-optimizer"] = meta.optimizer
    if meta.encrypted:
        data["flags"]["is-encrypted"] = True
    return data


def user_variables(variables: dict[str, str]) -> dict[str, str] | str:
    """The `user-variables` member; a text instead when one is too long to tell."""
    if any(len(value) > VARIABLES_LIMIT for value in variables.values()):
        return _TOO_LARGE
    return variables


def sender(meta: Meta) -> str:
    """Who sent it: of received mail the envelope says so."""
    return meta.sender if meta.incoming or meta.routed else bare(meta.from_)


def bare(header: str) -> str:
    """The address in a From header text."""
    return header.rpartition("<")[2].rstrip("> ") if "<" in header else header


def accepted(
    meta: Meta, targets: list[Target], posts: Mapping[str, ListUsed], delays: Mapping[str, int]
) -> Iterator[Event]:
    """One `accepted` event a recipient, and one for the call itself when it is a batch (behaviour.md 2.3).

    `posts` are those recipients that are mailing lists; `delays`: how much later than the message some recipients
    (in lower case) are due, in microseconds.
    """
    if meta.batch_id:
        whole = shared(meta, "", None)
        for name in ("recipient", "recipient-domain", "recipient-provider", "envelope"):
            del whole[name]
        yield _accepted(meta, "", _submission(whole, meta, meta.recipients))
    for target in targets:
        recipient = target.address.spec
        data = shared(meta, recipient, target.personal)
        if posts and recipient in posts:
            data["mailing-list"] = posts[recipient]
        delay = delays.get(recipient.lower(), 0) if delays else 0
        yield _accepted(meta, recipient, _submission(data, meta, [recipient], delay))


def accepted_copy(meta: Meta, recipient: str, personal: Personal | None) -> Event:
    """The `accepted` event of one more copy of a message."""
    return _accepted(meta, recipient, _submission(shared(meta, recipient, personal), meta, [recipient]))


def rejected_copy(meta: Meta, recipient: str, personal: Personal | None, why: str) -> Event:
    """The `rejected` event of a copy that may not be sent."""
    event = accepted_copy(meta, recipient, personal)
    event.name = "rejected"
    event.data["reject"] = {"reason": why, "description": ""}
    return event


def _submission(data: dict[str, Any], meta: Meta, recipients: list[str], delay: int = 0) -> dict[str, Any]:
    data["method"] = meta.method
    if meta.api_key_id:
        data["api-key-id"] = meta.api_key_id
    if meta.ip:
        data["originating-ip"] = meta.ip
    data["message"]["recipients"] = recipients
    data["message"]["scheduled-for"] = meta.scheduled_for - (-delay // SECOND)  # rounded up, as it was down
    return data


def _accepted(meta: Meta, recipient: str, data: dict[str, Any]) -> Event:
    return Event(
        name="accepted",
        account_id=meta.account_id,
        domain_id=meta.domain_id,
        recipient=recipient,
        message_id=meta.message_id,
        data=data,
    )


def classification(verdict: Verdict) -> dict[str, str]:
    """What events say of the rule that judged a failure; nothing when none did."""
    if not verdict.rule:
        return {}
    return {"i_classification_rule_id": verdict.rule, "i_classification_group_id": verdict.group}


def outcome(
    meta: Meta,
    recipient: str,
    personal: Personal | None,
    status: dict[str, Any],
    *,
    name: str,
    severity: str = "",
    reason: str = "",
    primary_dkim: str = "",
    sending_ip: str = "",
    via: Via | None = None,
    verdict: Verdict | None = None,
    archived: bool = False,
) -> Event:
    """A `delivered` or `failed` event with its `delivery-status`, and by which rule a failure was judged.

    `archived`: what was delivered is posted to an archive.
    """
    data = shared(meta, recipient, personal)
    data["delivery-status"] = status
    if reason:
        data["reason"] = reason
    if primary_dkim:
        data["primary-dkim"] = primary_dkim
    if sending_ip:
        data["envelope"]["sending-ip"] = sending_ip
    if via is not None and via.pool_id:
        data["envelope"] |= {"i-ip-pool-id": via.pool_id, "i-ip-pool-name": via.pool_name}
    if verdict is not None:
        data |= classification(verdict)
    if archived:
        data["i-archived"] = True
    return Event(
        name=name,
        severity=severity,
        account_id=meta.account_id,
        domain_id=meta.domain_id,
        recipient=recipient,
        message_id=meta.message_id,
        data=data,
    )
