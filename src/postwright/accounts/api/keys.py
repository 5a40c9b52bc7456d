"""API keys and the signing key over HTTP."""

import msgspec

from postwright.kernel.clock import Clock
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, delete, get, post
from postwright.kernel.secrets import Vault

from .. import service
from ..auth import Authenticator
from ..errors import BadKey, KeyLimitReached, KeyNotFound
from ..records import Principal
from ..roles import Area
from ..schemas import (
    CreateKey,
    Done,
    KeyCreated,
    KeyFilter,
    KeyList,
    PublicKey,
    SigningKey,
    info,
    with_secret,
)
from ..service import OwnsDomain


class Keys(Controller):
    """Keys that open this API."""

    @get("/v1/keys", id="keys.list", access=Area.KEYS, errors=(BadKey,))
    async def page(self, principal: Principal, db: Db, fields: KeyFilter) -> KeyList:
        """List the account's keys, all or those of one kind or domain."""
        found = await db.read(service.list_keys, principal.account_id, fields.kind, fields.domain_name)
        return KeyList(len(found), [info(key) for key in found])

    @post("/v1/keys", id="keys.create", access=Area.KEYS, errors=(BadKey, KeyLimitReached))
    async def create(
        self, principal: Principal, db: Db, clock: Clock, owns_domain: OwnsDomain, fields: CreateKey
    ) -> KeyCreated:
        """Make a key. Its secret is in this answer and can never be read again."""
        made = await db.write(
            service.create_key,
            clock.now(),
            principal.account_id,
            **msgspec.structs.asdict(fields),
            owns_domain=owns_domain,
        )
        return KeyCreated("great success", with_secret(made.key, made.secret))

    @delete("/v1/keys/{key_id:str}", id="keys.delete", access=Area.KEYS, errors=(KeyNotFound,))
    async def remove(self, principal: Principal, db: Db, authenticator: Authenticator, key_id: str) -> Done:
        """Delete a key. It opens nothing any more, after a second at the latest."""
        await db.write(service.delete_key, principal.account_id, key_id)
        authenticator.forget()
        return Done("key deleted")

    @post("/v1/keys/public", id="keys.regenerate_public", access=Area.KEYS)
    async def regenerate_public(self, principal: Principal, db: Db, clock: Clock) -> PublicKey:
        """Replace the account's public key."""
        key = await db.write(service.regenerate_public_key, clock.now(), principal.account_id)
        return PublicKey(key, "The public API key has been successfully regenerated.")


class SigningKeyOfAccount(Controller):
    """The key that proves where a webhook comes from."""

    @get("/v5/accounts/http_signing_key", id="accounts.get_signing_key", access=Area.ACCOUNT)
    async def show(self, principal: Principal, db: Db, vault: Vault) -> SigningKey:
        """Read the key that webhooks are signed with."""
        return SigningKey(await db.read(service.signing_key, principal.account_id, vault))

    @post("/v5/accounts/http_signing_key", id="accounts.regenerate_signing_key", access=Area.ACCOUNT)
    async def regenerate(self, principal: Principal, db: Db, clock: Clock, vault: Vault) -> SigningKey:
        """Replace the key that webhooks are signed with. The old one is not used any more."""
        key = await db.write(service.regenerate_signing_key, clock.now(), principal.account_id, vault)
        return SigningKey(key, "regenerated HTTP signing key for account")


CONTROLLERS = (Keys, SigningKeyOfAccount)
