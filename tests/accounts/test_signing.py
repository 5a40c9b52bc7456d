"""The signing key: read, replaced, sealed in the store, followed by those who sign."""

import asyncio
import re
import time

import pytest
from sqlalchemy import select

from postwright.accounts import AccountNotFound, SigningKeys, accounts, signing_key
from postwright.kernel.secrets import SecretsError, Vault

from .conftest import Call, World

PATH = "/v5/accounts/http_signing_key"


async def test_read_and_replace(world: World, call: Call) -> None:
    account, foreign = await world.account(), await world.account()
    admin, alien = (await world.key(account)).secret, (await world.key(foreign)).secret
    first = (await call("GET", PATH, admin)).json
    assert set(first) == {"http_signing_key"}
    assert re.fullmatch("[0-9a-f]{32}", first["http_signing_key"])
    others = (await call("GET", PATH, alien)).json
    assert others != first
    replaced = (await call("POST", PATH, admin)).json
    assert replaced["message"] == "regenerated HTTP signing key for account"
    assert replaced["http_signing_key"] != first["http_signing_key"]
    assert (await call("GET", PATH, admin)).json == {"http_signing_key": replaced["http_signing_key"]}
    assert (await call("GET", PATH, alien)).json == others
    assert await world.db.read(signing_key, account, world.vault) == replaced["http_signing_key"]


async def test_it_is_sealed_and_bound_to_its_account(world: World) -> None:
    account, other = await world.account(), await world.account()
    key = await world.db.read(signing_key, account, world.vault)
    sealed = await world.db.read(
        lambda tx: bytes(tx.scalar(select(accounts.c.signing_key).where(accounts.c.id == account)))
    )
    assert key.encode() not in sealed and bytes.fromhex(key) not in sealed
    await world.set_account(other, signing_key=sealed)
    with pytest.raises(SecretsError):
        await world.db.read(signing_key, other, world.vault)
    with pytest.raises(SecretsError):
        await world.db.read(signing_key, account, Vault(bytes(31) + b"1"))


async def test_who_signs_follows_within_a_second(world: World, call: Call) -> None:
    account = await world.account()
    admin = (await world.key(account)).secret
    keys = SigningKeys(world.other_db, world.vault)
    old = (await call("GET", PATH, admin)).json["http_signing_key"]
    assert await keys.of(account) == old
    new = (await call("POST", PATH, admin)).json["http_signing_key"]
    replaced = time.monotonic()
    asked = replaced
    while asked < replaced + 1.2:
        asked = time.monotonic()
        signs_with = await keys.of(account)
        assert signs_with == new or (signs_with == old and asked - replaced < 1.0)
        await asyncio.sleep(0.02)


async def test_no_account_no_key(world: World) -> None:
    with pytest.raises(AccountNotFound):
        await SigningKeys(world.db, world.vault).of("0" * 24)
