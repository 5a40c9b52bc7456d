"""SQL of who is told of what, and with which keys."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import delete, func, insert, select, update

from postwright.accounts import accounts
from postwright.kernel.db import Read, Write

from ..records import Setting, Targets
from ..tables import alert_accounts, alert_calls, alert_settings

_SETTING = (
    alert_settings.c.id,
    alert_settings.c.account_id,
    alert_settings.c.event_type,
    alert_settings.c.channel,
    alert_settings.c.targets,
    alert_settings.c.disabled_at,
)


def of_account(tx: Read, account_id: str, event_type: str | None = None) -> list[Setting]:
    """An account's settings, oldest first, all or those of a type."""
    stmt = select(*_SETTING).where(alert_settings.c.account_id == account_id)
    if event_type is not None:
        stmt = stmt.where(alert_settings.c.event_type == event_type)
    rows = tx.rows(stmt.order_by(alert_settings.c.created_at, alert_settings.c.id))
    return [_setting(row) for row in rows]


def one(tx: Read, account_id: str, setting_id: str) -> Setting | None:
    """One setting of an account."""
    mine = (alert_settings.c.account_id == account_id, alert_settings.c.id == setting_id)
    row = tx.row(select(*_SETTING).where(*mine))
    return _setting(row) if row else None


def _setting(row: Sequence[Any]) -> Setting:
    identity, account_id, event_type, channel, targets, disabled_at = row
    made = msgspec.json.decode(bytes(targets), type=Targets)
    return Setting(identity, account_id, event_type, channel, made, disabled_at)


def count(tx: Read, account_id: str) -> int:
    """How many settings an account has."""
    return int(tx.scalar(select(func.count()).where(alert_settings.c.account_id == account_id)))


def add(tx: Write, setting: Setting, now: int) -> None:
    """Add a setting."""
    values = {**_values(setting), "id": setting.id, "account_id": setting.account_id, "created_at": now}
    tx.run(insert(alert_settings).values(**values))


def change(tx: Write, setting: Setting) -> bool:
    """Change a setting; False when it is gone."""
    mine = (alert_settings.c.account_id == setting.account_id, alert_settings.c.id == setting.id)
    return tx.run(update(alert_settings).where(*mine).values(**_values(setting))) == 1


def _values(setting: Setting) -> Mapping[str, Any]:
    return {
        "event_type": setting.event_type,
        "channel": setting.channel,
        "targets": msgspec.json.encode(setting.targets),
        "disabled_at": setting.disabled_at,
    }


def remove(tx: Write, account_id: str, setting_id: str) -> bool:
    """Delete a setting and its calls; False when it is not there."""
    mine = (alert_settings.c.account_id == account_id, alert_settings.c.id == setting_id)
    if tx.run(delete(alert_settings).where(*mine)) == 0:
        return False
    tx.run(delete(alert_calls).where(alert_calls.c.setting_id == setting_id))
    return True


def owner(tx: Read, account_id: str) -> str:
    """The address of an account's owner; "" when there is none."""
    return tx.scalar(select(accounts.c.owner_email).where(accounts.c.id == account_id)) or ""


def parent(tx: Read, account_id: str) -> str | None:
    """The account that a subaccount belongs to."""
    found: str | None = tx.scalar(select(accounts.c.parent_id).where(accounts.c.id == account_id))
    return found


def children(tx: Read, account_id: str) -> list[str]:
    """The ids of an account's subaccounts."""
    return [row.id for row in tx.rows(select(accounts.c.id).where(accounts.c.parent_id == account_id))]


def keys(tx: Read, account_id: str) -> Any:
    """The sealed keys of an account, or None."""
    return tx.row(select(alert_accounts).where(alert_accounts.c.account_id == account_id))


def set_keys(tx: Write, account_id: str, values: Mapping[str, Any]) -> None:
    """Change columns of an account's keys, which are there."""
    tx.run(update(alert_accounts).where(alert_accounts.c.account_id == account_id).values(**values))


def begin_keys(tx: Write, account_id: str, sealed: bytes) -> None:
    """Give an account a signing key if it has none."""
    tx.upsert(alert_accounts, {"account_id": account_id, "signing_key": sealed}, ["account_id"])
