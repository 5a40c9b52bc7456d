"""What is secret stands in no log, however talkative it is, and whatever goes wrong."""

import logging
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from postwright import users
from postwright.accounts.tables import api_keys
from postwright.kernel.db import Db, Write
from tests.world import world

PASSWORD, SMTP_PASSWORD = "correct horse battery", "battery-staple-5"
SESSION = "/postwright/v1/session"


async def test_no_secret_is_logged(
    sqlite_db: Db, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys, passwords, tokens, sessions and private keys: used, refused, and under way when something breaks."""
    secrets = [PASSWORD, SMTP_PASSWORD]
    with caplog.at_level(logging.DEBUG):
        async with world(sqlite_db, tmp_path) as api:
            secrets += [api.one.key, api.two.key]
            key = (await api.ok("POST", "/v1/keys", data={"role": "admin"}))["key"]["secret"]
            secrets += [key, "wrong-" + key]
            await api.ok("GET", "/v4/domains", key=key)
            assert (await api.call("GET", "/v4/domains", key="wrong-" + key)).status_code == 401
            signing = await api.ok("POST", "/v5/accounts/http_signing_key")
            secrets.append(signing["http_signing_key"])
            login = {"login": f"a@{api.one.domain}", "password": SMTP_PASSWORD}
            await api.ok("POST", f"/v3/domains/{api.one.domain}/credentials", data=login)
            # A person: link, password, session.
            now = api.clock.now()
            user = api.db.write_now(users.create, now, api.one.account_id, "ann@example.com", role="admin")
            token = api.db.write_now(users.link, now, user, users.Purpose.INVITATION)
            chosen = {"token": token, "password": PASSWORD}
            opened = await api.client.post(SESSION + "/link", json=chosen)
            assert opened.status_code == 200, opened.text
            session = opened.headers["set-cookie"].partition(";")[0].partition("=")[2]
            api.client.cookies.clear()
            secrets += [token, session, opened.json()["csrf_token"]]

            # Something breaks while secrets are being stored and used.
            def breaks(tx: Write, *given: Any, **more: Any) -> None:
                tx.run(insert(api_keys), {"id": PASSWORD, "digest": token})

            monkeypatch.setattr("postwright.users.signing_in._begin", breaks)
            given = {"email": "ann@example.com", "password": PASSWORD}
            assert (await api.client.post(SESSION, json=given)).status_code == 500
    assert "request failed" in caplog.text and "INSERT INTO" in caplog.text  # so it was logged, and talkative
    shown = [secret for secret in secrets if secret in caplog.text]
    assert shown == []
