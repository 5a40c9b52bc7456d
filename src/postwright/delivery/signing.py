"""Signing keys, kept ready between messages."""

import time

from postwright import domains
from postwright.kernel.db import Db
from postwright.kernel.secrets import Vault
from postwright.kernel.settings import Settings
from postwright.mail.dkim import Signer, public_txt
from postwright.messages import Meta

from .platform import platform_signer

CACHE_SECONDS = 5.0  # a changed key signs at most this much later
MAX_CACHED = 20_000  # domains
PUBLISHED_SECONDS, UNPUBLISHED_SECONDS = 300.0, 60.0  # what DNS said about a second signature's key


class Signers:
    """The DKIM signers of sending domains."""

    def __init__(self, db: Db, vault: Vault, settings: Settings) -> None:
        self._settings = settings
        self._platform = platform_signer(settings)
        self._published: dict[tuple[str, str, bytes], tuple[float, bool]] = {}
        self._db = db
        self._vault = vault
        self._cache: dict[str, tuple[float, list[domains.SigningKey]]] = {}
        self._parsed: dict[tuple[str, str, bytes], Signer] = {}

    async def of(self, meta: Meta) -> list[Signer]:
        """Who signs the message: one of its domain's active keys, a second one when asked for, and the platform.

        Which of several active keys is chosen by the message's number: round-robin over messages, and the
        same for every retry of one.
        """
        if not meta.dkim:
            return []
        keys = await self._keys(meta.domain_id)
        if not keys:
            return []
        signers = [self._signer(keys[meta.id % len(keys)])]
        for more in (await self._second(meta), self._platform):
            # Two signatures of one name would say the same twice.
            if more is not None and all(more.domain != each.domain for each in signers):
                signers.append(more)
        return signers

    async def _keys(self, domain_id: str) -> list[domains.SigningKey]:
        until, keys = self._cache.get(domain_id, (0.0, []))
        if until < time.monotonic():
            judged = not self._settings.trust_domains
            keys = await self._db.read(domains.signing_keys, self._vault, domain_id, judged=judged)
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
        if key is None or not await self._is_published(shown, shown_selector, key.pem):
            return None
        return self._signer(domains.SigningKey(shown, shown_selector, key.pem))

    async def _is_published(self, authority: str, selector: str, pem: bytes) -> bool:
        """Whether receivers will find the key: a signature that fails is worse than none."""
        if self._settings.trust_domains:
            return True  # nothing is looked up on such an installation
        name = (authority, selector, pem)
        until, known = self._published.get(name, (0.0, False))
        if until > time.monotonic():
            return known
        found = await domains.is_published(self._settings, authority, selector, public_txt(pem))
        if len(self._published) >= MAX_CACHED:
            self._published.pop(next(iter(self._published)))
        lasts = PUBLISHED_SECONDS if found else UNPUBLISHED_SECONDS
        self._published[name] = (time.monotonic() + lasts, bool(found))
        return bool(found)

    def _signer(self, key: domains.SigningKey) -> Signer:
        name = (key.authority, key.selector, key.pem)
        if name not in self._parsed:
            if len(self._parsed) >= MAX_CACHED:
                self._parsed.pop(next(iter(self._parsed)))
            self._parsed[name] = Signer(key.authority, key.selector, key.pem)
        return self._parsed[name]
