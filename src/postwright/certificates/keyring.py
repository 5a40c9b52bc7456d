"""The certificates that this process shows, by host name, as they are in the store.

A handshake that names a host looks it up once (some 100 µs in the embedded store, inside the event loop, since TLS
libraries ask for the certificate in a plain call); then it is kept, found or not, and checked for changes.
"""

import asyncio
import logging
import ssl
from collections import OrderedDict

import msgspec

from postwright.kernel.db import Db, StoreUnavailable
from postwright.kernel.secrets import SecretsError, Vault

from . import service, store
from .contexts import ALPN, load_pem, server_context

log = logging.getLogger("postwright.certificates")

WATCH_SECONDS = 2.0
MAX_HELD = 2048  # host names, those without a certificate included
_CHUNK = 500  # names in one question to the store
_MAX_NAME = 253


class _Held(msgspec.Struct):
    version: tuple[int, bool] | None  # None: there is no certificate
    context: ssl.SSLContext | None


class _Default(msgspec.Struct):
    context: ssl.SSLContext
    host: str
    version: tuple[int, bool] | None = None  # of the certificate that `context` has


class Keyring:
    """Server contexts by host."""

    def __init__(self, db: Db, vault: Vault) -> None:
        self._db = db
        self._vault = vault
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._defaults: list[_Default] = []

    def context(self, host: str) -> ssl.SSLContext | None:
        """The context with the certificate of a host; None when there is none."""
        return self._get(host).context

    def is_https_only(self, host: str) -> bool:
        """Whether the host has a certificate, and its domain's links are https: browsers may insist on it."""
        version = self._get(host).version
        return version is not None and version[1]

    def attach(self, context: ssl.SSLContext, default: str = "") -> None:
        """Let connections of a listener's context get the certificate of the host that they name (SNI).

        Those that name none (most mail servers) get that of `default`, as soon as there is one; "": what the
        context has of its own.
        """
        context.sni_callback = self._named
        if default:
            self._defaults.append(_Default(context, default))
            self._load_defaults()

    def _named(self, connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        found = self.context(name.lower().rstrip(".")) if name else None
        if found is not None:
            connection.context = found

    async def watch(self) -> None:
        """Let go of what changed in the store, for ever."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                await self.refresh()
            except StoreUnavailable:
                continue  # what is held still holds
            except Exception:
                log.exception("certificates cannot be looked at")

    async def refresh(self) -> None:
        """Let go of what changed in the store."""
        hosts = list(self._held)
        for at in range(0, len(hosts), _CHUNK):
            chunk = hosts[at : at + _CHUNK]
            found = await self._db.scan(store.versions, chunk)
            for host in chunk:
                held = self._held.get(host)
                if held is not None and held.version != found.get(host):
                    del self._held[host]
        self._load_defaults()

    def _load_defaults(self) -> None:
        for default in self._defaults:
            version = self._get(default.host).version
            if version is None or version == default.version:
                continue
            found = self._read(default.host)
            if found is not None:
                load_pem(default.context, *found)
                default.version = version

    def _get(self, host: str) -> _Held:
        held = self._held.get(host)
        if held is None:
            try:
                held = self._load(host)
            except Exception:
                # A handshake must not end in a trace; the next one tries again.
                log.exception("no certificate can be read", extra={"host": host})
                return _Held(None, None)
            while len(self._held) >= MAX_HELD:
                self._held.popitem(last=False)
            self._held[host] = held
        else:
            self._held.move_to_end(host)
        return held

    def _load(self, host: str) -> _Held:
        if len(host) > _MAX_NAME or "\0" in host:
            return _Held(None, None)
        # The version first: a change in between is seen as one at the next look.
        version = self._db.read_now(store.versions, [host]).get(host)
        found = self._read(host) if version else None
        if found is None:
            return _Held(None, None)
        context = server_context()
        context.set_alpn_protocols(ALPN)
        try:
            load_pem(context, *found)
        except OSError as wrong:
            log.error("a certificate cannot be used", extra={"host": host, "reason": str(wrong)})
            return _Held(version, None)
        return _Held(version, context)

    def _read(self, host: str) -> tuple[str, bytes] | None:
        """Chain and key of a host, for `load_pem`."""
        row = self._db.read_now(store.get, host)
        if row is None or not row.chain:
            return None
        try:
            return row.chain, self._vault.open(row.key, service.key_context(host))
        except SecretsError as wrong:
            log.error("a certificate cannot be used", extra={"host": host, "reason": str(wrong)})
            return None
