"""/metrics: who may read it."""

from pathlib import Path

import pytest

from postwright import accounts
from postwright.kernel.db import Db
from tests.world import world

LOCAL = "127.0.0.1"


@pytest.mark.parametrize(
    ("setting", "client", "headers", "status"),
    [
        ("loopback", LOCAL, {}, 200),
        ("loopback", "::1", {}, 200),
        ("loopback", "::ffff:127.0.0.1", {}, 200),
        ("loopback", "192.0.2.1", {}, 403),
        # A proxy on this machine hands on what strangers ask.
        ("loopback", LOCAL, {"X-Forwarded-For": "192.0.2.1"}, 403),
        ("loopback", LOCAL, {"Forwarded": "for=192.0.2.1"}, 403),
        ("192.0.2.0/24, 127.0.0.0/8", "192.0.2.1", {}, 200),
        ("192.0.2.0/24", LOCAL, {}, 403),
        ("open", "192.0.2.1", {"X-Forwarded-For": "198.51.100.1"}, 200),
    ],
)
async def test_without_a_key(
    db: Db, tmp_path: Path, setting: str, client: str, headers: dict[str, str], status: int
) -> None:
    async with world(db, tmp_path, metrics=setting) as api:
        api.client._transport.client = (client, 5)  # type: ignore[attr-defined]
        answer = await api.client.get("/metrics", headers=headers)
    assert answer.status_code == status
    assert (b"postwright_store_free_bytes" in answer.content) == (status == 200)


async def test_with_a_key_of_the_first_account(db: Db, tmp_path: Path) -> None:
    async with world(db, tmp_path) as api:
        path = "/postwright/v1/metrics"
        first, second = api.one, api.two
        if db.read_now(accounts.any_account) != first.account_id:  # both were made in the same microsecond
            first, second = second, first
        answer = await api.call("GET", path, key=first.key)
        assert answer.status_code == 200 and answer.headers["content-type"].startswith(
            "text/plain; version=0.0.4"
        )
        assert (await api.call("GET", path, key=second.key)).status_code == 403
        assert (await api.call("GET", path, key=api.key(first.account_id, "developer"))).status_code == 403
        assert (await api.call("GET", path, key="wrong")).status_code == 401
