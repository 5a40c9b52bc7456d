"""Who says no: mailbox providers, filters and blocklists, and what their rules mean."""

from typing import Final

import msgspec

from postwright.failures import Rule

OTHER: Final = "other"
# Entity of a rule -> what people call it. Those of providers that events name have the same name there.
PROVIDERS: Final = {
    "apple": "Apple",
    "charter": "Charter",
    "comcast": "Comcast",
    "cox": "Cox",
    "free": "Free FR",
    "gmx": "GMX",
    "google": "Gmail",
    "kpn": "KPN",
    "laposte": "La Poste",
    "libero": "Libero",
    "mailru": "Mail.ru",
    "microsoft": "Outlook",
    "netease": "NetEase",
    "orange": "Orange",
    "qq": "QQ",
    "seznam": "Seznam",
    "t-online": "T-Online",
    "wp": "WP",
    "yahoo": "Yahoo",
    "yandex": "Yandex",
    OTHER: "Other",
}
FILTERS: Final = {
    "abusix": "Abusix",
    "barracuda": "Barracuda",
    "cisco": "Cisco",
    "cloudmark": "Cloudmark",
    "fortinet": "Fortinet",
    "invaluement": "Invaluement",
    "mimecast": "Mimecast",
    "proofpoint": "Proofpoint",
    "sophos": "Sophos",
    "sorbs": "SORBS",
    "spamcop": "SpamCop",
    "spamhaus": "Spamhaus",
    "symantec": "Symantec",
    "trendmicro": "Trend Micro",
    "uceprotect": "UCEPROTECT",
    "vade": "Vade",
}
_IDS: Final = {name: entity for entity, name in PROVIDERS.items()}
# What the sender can and must mend.
_CRITICAL: Final = frozenset(("spam-content", "ip-block", "rate-limit", "auth", "policy"))


class Entity(msgspec.Struct, frozen=True):
    """Who says no. `is_filter`: it has no mailboxes, so that nothing is delivered to it."""

    id: str
    name: str
    is_filter: bool = False


def named(entity: str) -> Entity:
    """The entity of a rule; one that only a file of the operator knows is a provider of that name."""
    if entity in FILTERS:
        return Entity(entity, FILTERS[entity], True)
    return Entity(entity, PROVIDERS.get(entity, entity))


def provider(name: str) -> Entity:
    """The mailbox provider that events call `name`."""
    entity = _IDS.get(name)
    return Entity(entity, name) if entity else Entity(name.lower() or OTHER, name or PROVIDERS[OTHER])


def of(rule: Rule | None, provider_name: str) -> Entity:
    """Who said no: the rule tells, or it was the recipient's provider."""
    return named(rule.entity) if rule is not None and rule.entity else provider(provider_name)


def is_critical(rule: Rule | None) -> bool:
    """Whether the sender must mend something."""
    return rule is not None and rule.category in _CRITICAL
