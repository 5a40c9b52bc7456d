"""Rules of accounts below an account, and of what an account says about itself."""

import json
import re
from collections.abc import Mapping

from postwright.kernel.db import Read, Write
from postwright.kernel.secrets import Vault

from . import store
from .errors import (
    AccountDisabled,
    BadAccount,
    BadSubaccount,
    ChildNotFound,
    NotASubaccount,
    SendingOff,
)
from .records import Account, Status
from .service import WEB_LIFE, account, create_account

MAX_CHILDREN = 5000  # open or disabled ones of one account, ours
MAX_NAME = 200
MIN_SESSION = 300  # seconds
FEATURES = ("email_preview", "inbox_placement", "sending", "validations", "validations_bulk")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")
_LIVING = (Status.OPEN, Status.DISABLED)


def create(
    tx: Write, now: int, vault: Vault, parent_id: str, name: str, hourly: int | None = None
) -> Account:
    """Open a subaccount each of whose domains may have `hourly` recipients in an hour. Raises BadSubaccount."""
    parent = account(tx, parent_id)
    if parent.parent_id is not None:
        raise BadSubaccount("A subaccount cannot have subaccounts")
    title = _name(name, BadSubaccount)
    store.lock_account(tx, parent_id)
    _room(tx, parent_id)
    made = create_account(tx, now, title, parent.owner_email, vault, parent_id)
    if hourly is not None:
        store.set_account(tx, made, {"hourly": hourly})
    tx.describe(after={"id": made, "name": title})
    return account(tx, made)


def get(tx: Read, parent_id: str, account_id: str) -> Account:
    """A subaccount. Raises ChildNotFound."""
    found = store.account(tx, account_id) if "\0" not in account_id else None
    if found is None or found.parent_id != parent_id:
        raise ChildNotFound
    return found


def page(
    tx: Read,
    parent_id: str,
    *,
    name: str,
    enabled: bool | None,
    closed: bool | None,
    descending: bool | None,
    limit: int,
    skip: int,
) -> tuple[list[Account], int]:
    """Subaccounts and their number. `enabled` chooses open or disabled ones, `closed` adds the closed ones."""
    living = _LIVING if enabled is None else (Status.OPEN,) if enabled else (Status.DISABLED,)
    statuses = (*living, Status.CLOSED) if closed else living
    return store.children(tx, parent_id, statuses, name, descending=descending, limit=limit, skip=skip)


def disable(tx: Write, now: int, parent_id: str, account_id: str, reason: str) -> Account:
    """Suspend a subaccount: it sends nothing and its keys open nothing. Raises ChildNotFound, BadSubaccount."""
    before = get(tx, parent_id, account_id)
    values = {"status": Status.DISABLED, "disabled_reason": _text(reason, BadSubaccount), "updated_at": now}
    if not store.move(tx, account_id, Status.OPEN, values):
        if before.status is Status.CLOSED:
            raise ChildNotFound
        raise BadSubaccount("subaccount is already disabled")
    return _told(tx, before)


def enable(tx: Write, now: int, parent_id: str, account_id: str) -> Account:
    """Let a subaccount work again. Raises ChildNotFound, BadSubaccount."""
    before = get(tx, parent_id, account_id)
    values = {"status": Status.OPEN, "disabled_reason": "", "updated_at": now}
    if not store.move(tx, account_id, Status.DISABLED, values):
        if before.status is Status.CLOSED:
            raise ChildNotFound
        raise BadSubaccount("subaccount is already enabled")
    return _told(tx, before)


def close(tx: Write, now: int, parent_id: str, account_id: str) -> None:
    """Close a subaccount for good. It opens and sends nothing from now on; what it holds is removed afterwards.

    Raises ChildNotFound.
    """
    before = get(tx, parent_id, account_id)
    values = {"status": Status.CLOSED, "updated_at": now, "may_send": False}
    if before.status is Status.CLOSED or not store.move(tx, account_id, before.status, values):
        raise ChildNotFound
    store.delete_keys(tx, account_id)
    _told(tx, before)


closed = store.closed
stopped = store.stopped
is_stopped = store.is_stopped


def mark_emptied(tx: Write, now: int, account_id: str) -> None:
    """Note that a closed account holds nothing any more."""
    store.set_account(tx, account_id, {"emptied_at": now})


def must_be_able_to_send(status: Status, may_send: bool, domain: str) -> None:
    """Raise AccountDisabled or SendingOff when an account sends nothing by any door."""
    if status is not Status.OPEN:
        raise AccountDisabled(f"Domain {domain} is not allowed to send: Account is disabled")
    if not may_send:
        raise SendingOff(f"Domain {domain} is not allowed to send: Sending is disabled for the account")


def set_features(
    tx: Write, now: int, account_id: str, given: Mapping[str, object]
) -> dict[str, dict[str, bool]]:
    """Switch features on or off; those that are set. Raises BadAccount."""
    wanted = {name: on for name in FEATURES if (on := _enabled(given.get(name))) is not None}
    if not wanted:
        raise BadAccount("No valid updates provided")
    before = account(tx, account_id)
    features = before.features | wanted
    values = {"features": json.dumps(features), "may_send": features.get("sending", True), "updated_at": now}
    store.set_account(tx, account_id, values)
    tx.describe(before=before.features, after=features)
    return shown_features(features)


def shown_features(features: Mapping[str, bool]) -> dict[str, dict[str, bool]]:
    """Features as the API shows them."""
    return {name: {"enabled": on} for name, on in features.items()}


def update(
    tx: Write,
    now: int,
    account_id: str,
    *,
    name: str | None,
    absolute: int | None,
    inactive: int | None,
    logout_url: str | None,
) -> None:
    """Change what an account says of itself. Raises BadAccount."""
    values: dict[str, object] = {}
    if name:
        values["name"] = _name(name, BadAccount)
    for column, seconds in (("absolute_seconds", absolute), ("inactive_seconds", inactive)):
        if seconds is not None:
            if not MIN_SESSION <= seconds <= WEB_LIFE:
                raise BadAccount(f"A session timeout is between {MIN_SESSION} and {WEB_LIFE} seconds")
            values[column] = seconds
    if logout_url:
        if not logout_url.startswith(("https://", "http://")) or len(logout_url) > 2000:
            raise BadAccount("`logout_redirect_url` must be an http or https URL")
        values["logout_url"] = _text(logout_url, BadAccount, 2000)
    if not values:
        raise BadAccount(
            "Either `name`, `absolute_timeout`, `inactive_timeout`, or `logout_redirect_url` must be provided to "
            "update account info."
        )
    before = account(tx, account_id)
    store.set_account(tx, account_id, values | {"updated_at": now})
    tx.describe(before={each: getattr(before, each) for each in values}, after=values)


def limited(tx: Read, parent_id: str, account_id: str) -> str:
    """The id of a subaccount whose limit is asked for or set. Raises NotASubaccount."""
    try:
        return get(tx, parent_id, account_id).id
    except ChildNotFound:
        raise NotASubaccount from None


def _told(tx: Write, before: Account) -> Account:
    after = account(tx, before.id)
    tx.describe(
        before={"status": before.status}, after={"status": after.status, "reason": after.disabled_reason}
    )
    return after


def _room(tx: Read, parent_id: str) -> None:
    if store.count_children(tx, parent_id, _LIVING) >= MAX_CHILDREN:
        raise BadSubaccount("Parent account has reached its allotted child limit")


def _enabled(value: object) -> bool | None:
    """What `{"enabled": true}` says, itself or as JSON text; None when it says nothing."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    said = value.get("enabled") if isinstance(value, Mapping) else None
    return said if isinstance(said, bool) else None


def _name(text: str, error: type[BadAccount] | type[BadSubaccount]) -> str:
    name = _text(text.strip(), error)
    if not name:
        raise error("name parameter is missing")
    return name


def _text(text: str, error: type[BadAccount] | type[BadSubaccount], most: int = MAX_NAME) -> str:
    if len(text) > most or _UNPRINTABLE.search(text):
        raise error(f"A text must have at most {most} characters and no control characters")
    return text
