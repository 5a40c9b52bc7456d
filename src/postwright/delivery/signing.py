"""Signing keys, kept ready between messages."""

import time

from postwright import domains
from postwright.kernel.db import Db
from postwright.kernel.secrets import Vault
from postwright.mail.dkim import Signer
from postwright.messages import Meta

CACHE_SECONDS = 5.0  # a changed key signs at most this much later
MAX_CACHED = 20_000  # domains


class Signers:
    """The DKIM signers of sending domains."""

    def __init__(self, db: Db, vault: Vault) -> None:
        self._db = db
        self._vault = vault
        self._cache: dict[str, tuple[float, list[domains.SigningKey]]] = {}
        self._parsed: dict[tuple[str, str, bytes], Signer] = {}

    async def of(self, meta: Meta) -> list[Signer]:
        """Who signs the message: one of its domain's active keys, and a second one when asked for.

        Which of several active keys is chosen by the message's number: round-robin over messages, and the
        same for every retry of one.
        """
        if not meta.dkim:
            return []
        keys = await self._keys(meta.domain_id)
        if not keys:
            return []
        first = self._signer(keys[meta.id % len(keys)])
        second = await self._second(meta)
        return [first] if second is None else [first, second]

    async def _keys(self, domain_id: str) -> list[domains.SigningKey]:
        until, keys = self._cache.get(domain_id, (0.0, []))
        if until < time.monotonic():
            keys = await self._db.read(domains.signing_keys, self._vault, domain_id)
            keys.sort(key=lambda key: key.selector)
            if len(self._cache) >= MAX_CACHED:
                self._cache.pop(next(iter(self._cache)))
            self._cache[domain_id] = (time.monotonic() + CACHE_SECONDS, keys)
        return keys

    async def _second(self, meta: Meta) -> Signer | None:
        if not meta.secondary_dkim:
            return None
        authority, _, selector = meta.secondary_dkim.partition("/")
        shown, _, shown_selector = (meta.secondary_dkim_public or meta.secondary_dkim).partition("/")
        key = await self._db.read(
            domains.signing_key_named, self._vault, meta.account_id, authority, selector
        )
        return None if key is None else self._signer(domains.SigningKey(shown, shown_selector, key.pem))

    def _signer(self, key: domains.SigningKey) -> Signer:
        name = (key.authority, key.selector, key.pem)
        if name not in self._parsed:
            if len(self._parsed) >= MAX_CACHED:
                self._parsed.pop(next(iter(self._parsed)))
            self._parsed[name] = Signer(key.authority, key.selector, key.pem)
        return self._parsed[name]
