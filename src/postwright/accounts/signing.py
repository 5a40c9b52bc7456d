"""The signing keys of accounts, for those who sign many webhooks."""

import hmac
import secrets

from postwright.kernel.clock import SECOND
from postwright.kernel.db import Db
from postwright.kernel.secrets import Vault

from .fresh import Fresh
from .service import signing_key


class SigningKeys:
    """Signing keys, at most a second old: a replaced key signs nothing after that."""

    def __init__(self, db: Db, vault: Vault) -> None:
        self._db = db
        self._vault = vault
        self._keys = Fresh(self._read)

    async def of(self, account_id: str) -> str:
        """The signing key of an account. Raises AccountNotFound."""
        key = await self._keys.get(account_id)
        assert key is not None  # `_read` raises instead
        return key

    async def signature(self, account_id: str, parent_id: str | None, now: int) -> dict[str, str]:
        """Fresh proof that a call comes from us: `timestamp`, `token`, `signature` (behaviour.md 9.2).

        A subaccount's calls are signed with its parent's key as well. Raises AccountNotFound.
        """
        stamp, token = str(now // SECOND), secrets.token_hex(25)
        made = {"timestamp": stamp, "token": token}
        made["signature"] = _sign(await self.of(account_id), stamp, token)
        if parent_id:
            made["parent-signature"] = _sign(await self.of(parent_id), stamp, token)
        return made

    async def _read(self, account_id: str) -> str | None:
        return await self._db.read(signing_key, account_id, self._vault)


def _sign(key: str, stamp: str, token: str) -> str:
    return hmac.digest(key.encode(), (stamp + token).encode(), "sha256").hex()
