"""SMTP credentials over HTTP; `/v3/{domain}/mailboxes` is what they used to be called."""

import asyncio

import msgspec

from postwright.accounts import Area, Principal
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, delete, get, post, put

from .. import credentials, service
from ..errors import BadLogin, BadPassword, CredentialsNotFound, DomainNotFound, SystemMailbox
from ..schemas import (
    Cleared,
    CredentialInfo,
    Credentials,
    CredentialsMade,
    ListCredentials,
    NewCredentials,
    NewPassword,
    RemovedLogin,
)

NOTE = "Please store your new password(s) now. You won't be able to see it anymore."
_LIST = ("/v3/domains/{domain:str}/credentials", "/v3/{domain:str}/credentials")
_ONE = tuple(f"{path}/{{spec:str}}" for path in _LIST)
_OLD = "/v3/{domain:str}/mailboxes"


class CredentialList(Controller):
    """The logins of a domain."""

    @get(
        *_LIST,
        _OLD,
        id="domains.credentials.list",
        access=Area.CREDENTIALS,
        errors=(DomainNotFound, BadLogin),
    )
    async def page(self, principal: Principal, domain: str, db: Db, fields: ListCredentials) -> Credentials:
        """List the SMTP logins of a domain."""
        found = await db.read(service.need, principal.account_id, domain)
        total, rows = await db.scan(credentials.page, found.id, fields.skip, fields.limit)
        items = [CredentialInfo.of(f"{login}@{found.name}", created_at) for login, created_at in rows]
        return Credentials(total, items)

    @post(
        *_LIST,
        id="domains.credentials.create",
        access=Area.CREDENTIALS,
        errors=(DomainNotFound, BadLogin, BadPassword),
    )
    async def create(
        self, principal: Principal, domain: str, db: Db, clock: Clock, fields: NewCredentials
    ) -> CredentialsMade:
        """Create one or more SMTP logins; without a password each gets one that is shown once."""
        return await _create(principal, domain, db, clock, fields, "Created {count} credentials pair(s)")

    @post(
        _OLD,
        id="domains.mailboxes.create",
        access=Area.CREDENTIALS,
        errors=(DomainNotFound, BadLogin, BadPassword),
    )
    async def create_old(
        self, principal: Principal, domain: str, db: Db, clock: Clock, fields: NewCredentials
    ) -> CredentialsMade:
        """Create one or more SMTP logins, under their old name."""
        return await _create(principal, domain, db, clock, fields, "Created {count} mailboxes")

    @delete(*_LIST, id="domains.credentials.clear", access=Area.CREDENTIALS, errors=(DomainNotFound,))
    async def clear(self, principal: Principal, domain: str, db: Db) -> Cleared:
        """Delete all SMTP logins of a domain but the system's own, postmaster."""
        count = await db.write(credentials.clear, principal.account_id, domain)
        return Cleared("All domain credentials have been deleted", count)


class CredentialOne(Controller):
    """One login."""

    @put(
        *_ONE,
        f"{_OLD}/{{spec:str}}",
        id="domains.credentials.update",
        access=Area.CREDENTIALS,
        errors=(DomainNotFound, CredentialsNotFound, BadPassword),
    )
    async def change(
        self, principal: Principal, domain: str, spec: str, db: Db, clock: Clock, fields: NewPassword
    ) -> CredentialsMade:
        """Give an SMTP login another password, at once; without one it gets one that is shown once."""
        found = await db.read(service.need, principal.account_id, domain)
        local = credentials.local_of(spec, found.name)
        await db.read(credentials.need, found.id, local)  # before the slow hash
        password = fields.password or credentials.new_password()
        hashed = await asyncio.to_thread(credentials.hash_password, password)
        await db.write(credentials.change, clock.now(), principal.account_id, domain, local, hashed)
        made = {} if fields.password else {f"{local}@{found.name}": password}
        return _made("Password changed", made)

    @delete(
        *_ONE,
        id="domains.credentials.delete",
        access=Area.CREDENTIALS,
        errors=(DomainNotFound, CredentialsNotFound, SystemMailbox),
    )
    async def remove(self, principal: Principal, domain: str, spec: str, db: Db) -> RemovedLogin:
        """Delete one SMTP login; open sessions end with their next message."""
        login = await db.write(credentials.remove, principal.account_id, domain, spec)
        return RemovedLogin("Credentials have been deleted", login)

    @delete(
        f"{_OLD}/{{spec:str}}",
        id="domains.mailboxes.delete",
        access=Area.CREDENTIALS,
        errors=(DomainNotFound, CredentialsNotFound, SystemMailbox),
    )
    async def remove_old(self, principal: Principal, domain: str, spec: str, db: Db) -> RemovedLogin:
        """Delete one SMTP login, under its old name."""
        login = await db.write(credentials.remove, principal.account_id, domain, spec)
        return RemovedLogin("Mailbox has been deleted", login)


async def _create(
    principal: Principal, domain: str, db: Db, clock: Clock, fields: NewCredentials, text: str
) -> CredentialsMade:
    found = await db.read(service.need, principal.account_id, domain)
    locals_ = credentials.new_locals([*fields.login, *fields.mailbox], found.name)
    passwords = {local: fields.password or credentials.new_password() for local in locals_}
    if fields.password:  # one hash serves all: they have one password
        hashed = await asyncio.to_thread(credentials.hash_password, fields.password)
        hashes = dict.fromkeys(locals_, hashed)
    else:
        hashes = {
            local: await asyncio.to_thread(credentials.hash_password, password)
            for local, password in passwords.items()
        }
    await db.write(credentials.create, clock.now(), principal.account_id, domain, hashes)
    made = {} if fields.password else {f"{local}@{found.name}": passwords[local] for local in locals_}
    return _made(text.format(count=len(locals_)), made)


def _made(message: str, generated: dict[str, str]) -> CredentialsMade:
    done = CredentialsMade(message)
    return msgspec.structs.replace(done, note=NOTE, credentials=generated) if generated else done


CONTROLLERS = (CredentialList, CredentialOne)
