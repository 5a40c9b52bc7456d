"""The domain that a request is about."""

from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
from litestar.di import Provide

from postwright.accounts import Principal
from postwright.kernel.db import Db
from postwright.kernel.http import provide
from postwright.mail.addresses import AddressError, to_ascii

from . import store
from .errors import DomainNotFound
from .records import Domain


class DomainScope(msgspec.Struct, frozen=True):
    """A domain of the account, and who asks."""

    domain: Domain
    principal: Principal

    @property
    def account_id(self) -> str:
        """The account that the request acts on."""
        return self.domain.account_id

    @property
    def domain_id(self) -> str:
        """The id of the domain."""
        return self.domain.id

    @property
    def name(self) -> str:
        """Its name, ASCII and lower case."""
        return self.domain.name


def domain_scope(text: str = DomainNotFound.message) -> Provide:
    """The dependency `tenant`: the domain in the path. Another account's does not exist: 404 with `text`.

    `{name}` in the text stands for what was asked for.
    """
    return provide(scope_finder(text))


def scope_finder(text: str = DomainNotFound.message) -> Callable[..., Coroutine[Any, Any, DomainScope]]:
    """The function behind `domain_scope`."""

    async def tenant(domain: str, principal: Principal, db: Db) -> DomainScope:
        try:
            name = to_ascii(domain.strip())
        except AddressError:
            name = ""
        found = await db.read(store.find, principal.account_id, name) if name else None
        if found is None:
            raise DomainNotFound(text.replace("{name}", domain[:253]))
        return DomainScope(found, principal)

    return tenant
