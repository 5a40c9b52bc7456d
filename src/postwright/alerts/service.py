"""The rules of who is told of what."""

import secrets
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from postwright.kernel.db import Read, Write
from postwright.kernel.http import dates
from postwright.kernel.ids import event_id, hex_id
from postwright.kernel.outgoing import Outgoing, TargetRefused, TargetUnreachable
from postwright.kernel.secrets import Vault
from postwright.mail.addresses import AddressError, parse_one

from .errors import AlertNotFound, BadAlert, NoSlack
from .records import CHANNELS, TYPES, Facts, Setting, Targets
from .store import calls, settings

MAX_SETTINGS: Final = 100  # of an account
MAX_EMAILS: Final = 20
MAX_CHANNELS: Final = 20
MAX_TEXT: Final = 255


class Slack(msgspec.Struct, frozen=True):
    """How an account reaches Slack."""

    token: str
    team_id: str | None = None
    team_name: str | None = None
    scope: str | None = None


# -- keys


def signing_key(tx: Read, account_id: str, vault: Vault) -> str:
    """The key that signs an account's alerts; "" before it has one."""
    row = settings.keys(tx, account_id)
    return vault.open(bytes(row.signing_key), f"alerts key {account_id}").decode() if row else ""


def ensure_key(tx: Write, account_id: str, vault: Vault) -> str:
    """`signing_key`, made when there is none."""
    sealed = vault.seal(secrets.token_hex(32).encode(), f"alerts key {account_id}")
    settings.begin_keys(tx, account_id, sealed)
    return signing_key(tx, account_id, vault)


def replace_key(tx: Write, account_id: str, vault: Vault) -> str:
    """Sign with another key from now on."""
    ensure_key(tx, account_id, vault)
    fresh = secrets.token_hex(32)
    sealed = vault.seal(fresh.encode(), f"alerts key {account_id}")
    settings.set_keys(tx, account_id, {"signing_key": sealed})
    return fresh


def slack(tx: Read, account_id: str, vault: Vault) -> Slack | None:
    """How an account reaches Slack; None while it is not connected."""
    row = settings.keys(tx, account_id)
    if row is None or row.slack_token is None:
        return None
    token = vault.open(bytes(row.slack_token), f"alerts slack {account_id}").decode()
    return Slack(token, row.slack_team_id, row.slack_team_name, row.slack_scope)


def connect_slack(tx: Write, account_id: str, vault: Vault, given: Slack) -> None:
    """Keep how an account reaches Slack. Raises BadAlert."""
    texts = (given.token, given.team_id or "", given.team_name or "", given.scope or "")
    if not given.token.strip() or not given.token.isascii() or not given.token.isprintable():
        raise BadAlert("token is missing or invalid")
    if any(len(text) > 2000 for text in texts):
        raise BadAlert("Slack settings are too long")
    ensure_key(tx, account_id, vault)
    values = {
        "slack_token": vault.seal(given.token.strip().encode(), f"alerts slack {account_id}"),
        "slack_team_id": given.team_id,
        "slack_team_name": given.team_name,
        "slack_scope": given.scope,
    }
    settings.set_keys(tx, account_id, values)


def need_slack(tx: Read, account_id: str, vault: Vault) -> Slack:
    """`slack`. Raises NoSlack."""
    found = slack(tx, account_id, vault)
    if found is None:
        raise NoSlack
    return found


def disconnect_slack(tx: Write, account_id: str) -> None:
    """Forget how an account reaches Slack, and what it wanted to be told there."""
    values = dict.fromkeys(("slack_token", "slack_team_id", "slack_team_name", "slack_scope"))
    settings.set_keys(tx, account_id, values)
    for each in settings.of_account(tx, account_id):
        if each.channel == "slack":
            settings.remove(tx, account_id, each.id)


# -- settings


def checked_emails(given: Sequence[str]) -> list[str]:
    """Addresses that alerts can go to. Raises BadAlert."""
    texts = [address.strip() for address in given if address.strip()]
    if not texts:
        raise BadAlert("emails are missing")
    if len(texts) > MAX_EMAILS:
        raise BadAlert(f"too many emails: at most {MAX_EMAILS} expected")
    try:
        return list(dict.fromkeys(parse_one(text).spec for text in texts))
    except AddressError as wrong:
        raise BadAlert(f"emails are invalid: {wrong}") from wrong


def checked_channels(given: Sequence[str]) -> list[str]:
    """Ids of Slack channels. Raises BadAlert."""
    found = list(dict.fromkeys(name.strip() for name in given if name.strip()))
    if not found:
        raise BadAlert("channel_ids are missing")
    if len(found) > MAX_CHANNELS or any(len(name) > MAX_TEXT or not name.isprintable() for name in found):
        raise BadAlert(f"channel_ids are invalid: at most {MAX_CHANNELS} ids expected")
    return found


def checked_type(event_type: str) -> str:
    """The type of an event. Raises BadAlert."""
    if event_type not in TYPES:
        raise BadAlert(f"'{event_type[:100]}' is not a valid event type")
    return event_type


async def checked(outgoing: Outgoing, channel: str, given: Targets) -> Targets:
    """What a channel needs to know, checked; a URL is called. Raises BadAlert."""
    if channel not in CHANNELS:
        raise BadAlert("channel must be one of email, webhook, slack")
    if channel == "email":
        return Targets(emails=checked_emails(given.emails))
    if channel == "slack":
        return Targets(channel_ids=checked_channels(given.channel_ids))
    await check_url(outgoing, given.url)
    return Targets(url=given.url)


async def check_url(outgoing: Outgoing, url: str) -> None:
    """Refuse a URL that does not answer 200 to a GET (behaviour.md 16). Raises BadAlert."""
    if not url:
        raise BadAlert("url is missing")
    try:
        found = await outgoing.get(url)
    except (TargetRefused, TargetUnreachable) as wrong:
        raise BadAlert(f"{url[:500]} is not a valid url: {wrong}") from wrong
    if found.status != 200:
        raise BadAlert(f"{url[:500]} is not a valid url: it answers {found.status} to a GET, 200 is expected")


def add(tx: Write, now: int, account_id: str, event_type: str, channel: str, targets: Targets) -> Setting:
    """Let somebody be told of a type of event. Raises BadAlert."""
    if settings.count(tx, account_id) >= MAX_SETTINGS:
        raise BadAlert(f"at most {MAX_SETTINGS} alerts are allowed")
    made = Setting(hex_id(), account_id, event_type, channel, targets, 0)
    settings.add(tx, made, now)
    return made


def change(
    tx: Write, account_id: str, setting_id: str, event_type: str, channel: str, targets: Targets
) -> Setting:
    """Change who is told of what, which also puts it in use again. Raises AlertNotFound."""
    made = Setting(setting_id, account_id, event_type, channel, targets, 0)
    if not settings.change(tx, made):
        raise AlertNotFound
    return made


def remove(tx: Write, account_id: str, setting_id: str) -> None:
    """Let nobody be told by a setting any more. Raises AlertNotFound."""
    if not settings.remove(tx, account_id, setting_id):
        raise AlertNotFound


def need(tx: Read, account_id: str, setting_id: str) -> Setting:
    """A setting. Raises AlertNotFound."""
    found = settings.one(tx, account_id, setting_id)
    if found is None:
        raise AlertNotFound
    return found


# -- telling


def event(now: int, event_type: str, facts: Facts, level: str = "warn") -> Facts:
    """What receivers are told: `event_data` of the body of a webhook."""
    return {
        "id": event_id(),
        "timestamp": dates.rfc3339(now),
        "log_level": level,
        "event": event_type,
        **facts,
    }


def announce(
    tx: Write,
    now: int,
    account_id: str,
    event_type: str,
    facts: Facts,
    *,
    level: str = "warn",
    channels: Iterable[str] = CHANNELS,
    to_owner: bool = False,
) -> int:
    """Tell everybody who wants to know of an event, on these channels; how many calls that takes.

    `facts` have a `message` for people, and what else is known. `to_owner`: when no address is set for e-mail, the
    owner of the account gets it.
    """
    body = msgspec.json.encode(event(now, event_type, facts, level))
    wanted = set(channels)
    found: dict[tuple[str, str], str] = {}
    for each in settings.of_account(tx, account_id, event_type):
        if each.channel in wanted and not each.disabled_at:
            for target in targets(each):
                found.setdefault((each.channel, target), each.id)
    if to_owner and "email" in wanted and not any(channel == "email" for channel, _ in found):
        address = settings.owner(tx, account_id)
        if address:
            found[("email", address)] = ""
    rows = [
        (account_id, setting_id, channel, target, body) for (channel, target), setting_id in found.items()
    ]
    calls.add(tx, now, rows)
    return len(rows)


def targets(setting: Setting) -> list[str]:
    """The receivers of a setting that are in use."""
    given = setting.targets
    if setting.channel == "webhook":
        return [given.url]
    if setting.channel == "email":
        return given.emails
    return [name for name in given.channel_ids if name not in given.disabled_channel_ids]


def put_out_of_use(tx: Write, now: int, account_id: str, setting_id: str, target: str, reason: str) -> None:
    """Tell a receiver nothing more: it failed too long."""
    found = settings.one(tx, account_id, setting_id)
    if found is None or found.disabled_at:
        return
    if found.channel == "slack":
        if target not in found.targets.channel_ids:
            return
        disabled = {"disabled_at": dates.rfc3339(now), "reason": reason[:MAX_TEXT]}
        found.targets.disabled_channel_ids[target] = disabled
        if targets(found):
            settings.change(tx, found)
            return
    elif target not in targets(found) or len(targets(found)) > 1:
        # Changed meanwhile; or one address of several, which says nothing about the others.
        return
    settings.change(tx, msgspec.structs.replace(found, disabled_at=now))
