"""Signing in, staying in, being shut out: as a browser sees it."""

import re
from pathlib import Path

import pyotp
import pytest
from sqlalchemy import select

from postwright import users
from postwright.kernel.db import Db
from postwright.notices.tables import notices
from tests.world import World, world

from .conftest import PASSWORD, SESSION, Browser, invitation


async def test_an_invitation_works_once_and_signs_in(api: World) -> None:
    browser = Browser(api)
    token = invitation(api, api.one.account_id, "Owner@Example.com")
    shown = await browser.call("POST", SESSION + "/link/show", json={"token": token})
    assert shown.json() == {"email": "owner@example.com", "name": "", "purpose": "invitation"}
    short = await browser.call("POST", SESSION + "/link", json={"token": token, "password": "short"})
    assert (short.status_code, short.json()["message"]) == (
        400,
        "A password must have 10 to 256 characters",
    )
    answer = await browser.call(
        "POST", SESSION + "/link", json={"token": token, "password": PASSWORD, "name": "Ann"}
    )
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "; Secure" in cookie
    said = answer.json()
    assert (said["user"]["name"], said["user"]["activated"], said["role"]) == ("Ann", True, "admin")
    me = await browser.call("GET", SESSION)
    assert me.json()["csrf_token"] == browser.csrf
    again = await browser.call("POST", SESSION + "/link", json={"token": token, "password": PASSWORD})
    assert again.status_code == 404


async def test_an_old_invitation_is_none(api: World) -> None:
    token = invitation(api, api.one.account_id, "late@example.com")
    api.clock.advance(7 * 86_400 + 1)
    late = await Browser(api).call("POST", SESSION + "/link/show", json={"token": token})
    assert late.status_code == 404


async def test_sign_in_and_out(api: World, owner: Browser) -> None:
    browser = Browser(api)
    wrong = await browser.sign_in("owner@example.com", "wrong password")
    nobody = await browser.sign_in("nobody@example.com")
    assert wrong.status_code == nobody.status_code == 401
    assert wrong.json() == nobody.json() == {"message": "Email or password is not correct"}
    assert "www-authenticate" not in wrong.headers and "set-cookie" not in wrong.headers
    assert (await browser.sign_in(" OWNER@example.com ")).status_code == 200
    assert (await browser.call("GET", "/v4/domains")).json()["total_count"] == 1
    assert len((await browser.call("GET", SESSION + "/all")).json()["items"]) == 2
    kept = browser.cookie
    out = await browser.call("DELETE", SESSION)
    assert out.status_code == 200 and "Max-Age=0" in out.headers["set-cookie"]
    browser.cookie = kept
    refused = await browser.call("GET", SESSION)
    assert refused.status_code == 401
    assert "www-authenticate" not in refused.headers  # a browser would ask for a name and password by itself


async def test_a_session_ends_by_itself(api: World, owner: Browser) -> None:
    assert (await owner.call("GET", SESSION)).status_code == 200
    api.clock.advance(12 * 3600 + 1)
    assert (await owner.call("GET", SESSION)).status_code == 401


async def test_a_cookie_alone_changes_nothing(api: World, owner: Browser) -> None:
    data = {"address": "a@example.com"}
    path = f"/v3/{api.one.domain}/bounces"
    for token in ("", "0" * 64):
        answer = await owner.call("POST", path, data=data, headers={"x-csrf-token": token})
        assert answer.status_code == 401
    assert (await owner.call("GET", path)).json()["items"] == []
    assert (await owner.call("POST", path, data=data)).status_code == 200
    assert len((await owner.call("GET", path)).json()["items"]) == 1


async def test_another_site_cannot_sign_a_browser_in(api: World, owner: Browser) -> None:
    form = {"email": "owner@example.com", "password": PASSWORD}
    other = await Browser(api).call("POST", SESSION, data=form, headers={"sec-fetch-site": "cross-site"})
    assert other.status_code == 403 and "set-cookie" not in other.headers


async def test_a_programs_key_in_a_cookie_opens_nothing(api: World) -> None:
    browser = Browser(api)
    browser.cookie = api.one.key
    assert (await browser.call("GET", SESSION)).status_code == 401


async def test_a_programs_key_has_a_session_without_a_user(api: World) -> None:
    said = await api.ok("GET", SESSION)
    assert (said["user"], said["csrf_token"], said["kind"]) == (None, None, "user")
    assert (await api.call("PUT", SESSION + "/profile", json={"name": "x"})).status_code == 403
    assert (await api.call("GET", "/v5/users/me")).json() == {"message": "Incompatible key for this endpoint"}


async def test_guessing_ends(api: World, owner: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postwright.mail.smtp.logins.MAX_DELAY", 0.0)
    browser = Browser(api)
    answers = [(await browser.sign_in("owner@example.com", f"wrong {n}")).status_code for n in range(12)]
    assert answers[:8] == [401] * 8 and answers[-1] == 429
    right = await browser.sign_in("owner@example.com")
    assert right.status_code == 429 and right.headers["retry-after"] == "60"


async def test_a_second_factor(api: World, owner: Browser) -> None:
    assert (await owner.call("POST", SESSION + "/totp", json={"password": "not it"})).status_code == 403
    made = (await owner.call("POST", SESSION + "/totp", json={"password": PASSWORD})).json()
    assert made["url"].startswith("otpauth://totp/") and made["secret"] in made["url"]
    totp = pyotp.TOTP(made["secret"])
    # Not in use before it is verified.
    assert (await Browser(api).sign_in("owner@example.com")).status_code == 200
    wrong = "000000" if totp.at(api.clock.now() // 1_000_000) != "000000" else "111111"
    assert (await owner.call("POST", SESSION + "/totp/verify", json={"code": wrong})).status_code == 401
    code = totp.at(api.clock.now() // 1_000_000)
    codes = (await owner.call("POST", SESSION + "/totp/verify", json={"code": code})).json()["recovery_codes"]
    assert len(set(codes)) == 10
    browser = Browser(api)
    asked = await browser.sign_in("owner@example.com")
    assert asked.status_code == 401 and asked.json()["code_required"] is True
    used = await browser.sign_in("owner@example.com", code=code)  # a code works once (RFC 6238 5.2)
    assert used.status_code == 401 and "set-cookie" not in used.headers
    api.clock.advance(30)
    assert (
        await browser.sign_in("owner@example.com", code=totp.at(api.clock.now() // 1_000_000))
    ).status_code == 200
    assert (await Browser(api).sign_in("owner@example.com", code=codes[0].upper())).status_code == 200
    assert (await Browser(api).sign_in("owner@example.com", code=codes[0])).status_code == 401
    me = (await browser.call("GET", "/v5/users/me")).json()
    assert me["tfa_active"] is True
    assert (await browser.call("DELETE", SESSION + "/totp", json={"password": PASSWORD})).status_code == 200
    assert (await Browser(api).sign_in("owner@example.com")).status_code == 200


async def test_another_password_ends_other_sessions(api: World, owner: Browser) -> None:
    other = Browser(api)
    await other.sign_in("owner@example.com")
    changed = await owner.call(
        "PUT", SESSION + "/password", json={"password": PASSWORD, "new_password": "another password"}
    )
    assert changed.status_code == 200
    assert (await owner.call("GET", SESSION)).status_code == 200
    assert (await other.call("GET", SESSION)).status_code == 401
    assert (await Browser(api).sign_in("owner@example.com")).status_code == 401
    assert (await Browser(api).sign_in("owner@example.com", "another password")).status_code == 200


async def test_who_is_shut_out_is_out(api: World, owner: Browser) -> None:
    token = invitation(api, api.one.account_id, "dev@example.com", "developer")
    dev = Browser(api)
    await dev.call("POST", SESSION + "/link", json={"token": token, "password": PASSWORD})
    assert (await dev.call("GET", "/v5/users")).status_code == 403  # as the role developer may not
    listed = (await owner.call("GET", "/v5/users")).json()
    assert listed["total"] == 2
    dev_id = next(user["id"] for user in listed["users"] if user["email"] == "dev@example.com")
    path = f"/postwright/v1/users/{dev_id}"
    assert (await owner.call("PUT", path, json={"disabled": True})).json()["user"]["is_disabled"] is True
    assert (await dev.call("GET", SESSION)).status_code == 401
    assert (await Browser(api).sign_in("dev@example.com")).status_code == 401
    assert (await owner.call("DELETE", path)).status_code == 200
    assert (await owner.call("GET", f"/v5/users/{dev_id}")).json() == {"message": "No such user exists"}
    me = (await owner.call("GET", "/v5/users/me")).json()
    assert (await owner.call("DELETE", f"/postwright/v1/users/{me['id']}")).status_code == 400


async def test_users_of_another_account_do_not_exist(api: World, owner: Browser) -> None:
    token = invitation(api, api.two.account_id, "stranger@example.org")
    stranger = Browser(api)
    await stranger.call("POST", SESSION + "/link", json={"token": token, "password": PASSWORD})
    me = (await owner.call("GET", "/v5/users/me")).json()["id"]
    for method, path in (
        ("GET", "/v5/users/"),
        ("PUT", "/postwright/v1/users/"),
        ("DELETE", "/postwright/v1/users/"),
    ):
        assert (await stranger.call(method, path + me, json={"role": "basic"})).status_code == 404, method
    again = await stranger.call(
        "POST", "/postwright/v1/users", json={"email": "owner@example.com", "role": "admin"}
    )
    assert again.status_code == 409


@pytest.mark.parametrize(
    "form",
    [
        {"email": "x", "role": "admin"},
        {"email": "a@example.com", "role": "sending"},
        {"email": "a@example.com", "role": ""},
        {"email": "a@example.com", "role": "admin", "name": "x" * 101},
        {"email": "a@example.com", "role": "admin", "name": "a\x00b"},
    ],
)
async def test_bad_invitations(api: World, owner: Browser, form: dict[str, str]) -> None:
    assert (await owner.call("POST", "/postwright/v1/users", json=form)).status_code == 400
    assert api.db.read_now(users.any_user, api.one.account_id)
    assert (await owner.call("GET", "/v5/users")).json()["total"] == 1


@pytest.mark.parametrize(("public_url", "status"), [("", 503), ("https://mail.example.com", 200)])
async def test_a_reset_link_leads_to_ourselves_whatever_the_request_says(
    sqlite_db: Db, tmp_path: Path, public_url: str, status: int
) -> None:
    """Anybody may ask for it: the Host header is theirs, and the link has a token that opens an account."""
    async with world(sqlite_db, tmp_path, delivery="live", public_url=public_url) as api:
        invitation(api, api.one.account_id, "owner@example.com")
        answer = await Browser(api).call(
            "POST", SESSION + "/reset", json={"email": "owner@example.com"}, headers={"host": "evil.example"}
        )
        assert answer.status_code == status, answer.text
        mailed = await api.db.read(lambda tx: list(tx.rows(select(notices))))
        texts = [api.context.vault.open(row.text, f"notice {row.id}").decode() for row in mailed]
        found = [url for text in texts for url in re.findall(r"(https?://[^/]+)/", text)]
        assert found == ([public_url] if public_url else [])


async def test_a_reset_tells_nobody_who_has_an_account(api: World, owner: Browser) -> None:
    answers = [
        await Browser(api).call("POST", SESSION + "/reset", json={"email": email})
        for email in ("owner@example.com", "nobody@example.com")
    ]
    assert [each.status_code for each in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert len(await api.db.read(lambda tx: list(tx.rows(select(notices))))) == 1
