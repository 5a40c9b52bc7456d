"""The signing keys of accounts, for those who sign many webhooks."""

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

    async def _read(self, account_id: str) -> str | None:
        return await self._db.read(signing_key, account_id, self._vault)
