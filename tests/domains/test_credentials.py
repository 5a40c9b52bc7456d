"""SMTP credentials over HTTP: the texts clients know, and whose they are."""

import pytest

from postwright import domains
from tests.world import World

PATH = "/v3/domains/{d}/credentials"
NOTE = "Please store your new password(s) now. You won't be able to see it anymore."


async def hash_of(api: World, name: str) -> str | None:
    found = await api.db.read(domains.login, name)
    return None if found is None else found.password_hash


async def test_made_changed_and_deleted(api: World) -> None:
    login = f"alice@{api.one.domain}"
    made = await api.ok("POST", PATH, data={"login": "Alice", "password": "secret-1"})
    assert made == {"message": "Created 1 credentials pair(s)"}
    first = await hash_of(api, login)
    assert first is not None and first.startswith("$argon2id$") and domains.verify_password(first, "secret-1")

    listed = await api.ok("GET", PATH)
    assert listed["total_count"] == 1
    (item,) = listed["items"]
    assert item == {"created_at": item["created_at"], "login": login, "mailbox": login, "size_bytes": None}
    assert item["created_at"].endswith(" +0000")

    for spec in ("alice", login, login.upper()):
        assert await api.ok("PUT", f"{PATH}/{spec}", data={"password": f"pw-{spec}"}) == {
            "message": "Password changed"
        }
    changed = await hash_of(api, login)
    assert changed and domains.verify_password(changed, f"pw-{login.upper()}")
    assert not domains.verify_password(changed, "secret-1")

    gone = await api.ok("DELETE", f"{PATH}/alice")
    assert gone == {"message": "Credentials have been deleted", "spec": login}
    assert await hash_of(api, login) is None
    for method in ("PUT", "DELETE"):
        answer = await api.call(
            method, f"{PATH}/alice", data={"password": "secret-2"} if method == "PUT" else None
        )
        assert (answer.status_code, answer.json()) == (404, {"message": "Credentials not found"})


async def test_passwords_are_made_up_and_shown_once(api: World) -> None:
    names = [f"a@{api.one.domain}", f"b@{api.one.domain}"]
    made = await api.ok("POST", PATH, data={"login": ["a", names[1]]})
    assert (made["message"], made["note"]) == ("Created 2 credentials pair(s)", NOTE)
    assert sorted(made["credentials"]) == names
    again = await api.ok("PUT", f"{PATH}/a")
    assert again["message"] == "Password changed" and again["note"] == NOTE
    (password,) = again["credentials"].values()
    assert len(password) == 32 and password != made["credentials"][names[0]]
    hashed = await hash_of(api, names[0])
    assert hashed and domains.verify_password(hashed, password)
    assert "credentials" not in await api.ok("GET", PATH)


async def test_pages(api: World) -> None:
    await api.ok("POST", PATH, data={"login": list("edcba"), "password": "secret"})
    page = await api.ok("GET", f"{PATH}?skip=1&limit=2")
    assert page["total_count"] == 5
    assert [item["login"][0] for item in page["items"]] == ["b", "c"]
    answer = await api.call("GET", f"{PATH}?limit=1001")
    assert (answer.status_code, answer.json()) == (
        400,
        {"message": "Limit parameter can't be larger than 1000"},
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"password": "secret"}, "Parameter 'login' is missing"),
        (
            {"login": "a", "password": "four"},
            "Password is too short. It must be between 5 and 32 characters.",
        ),
        (
            {"login": "a", "password": "x" * 33},
            "Password is too short. It must be between 5 and 32 characters.",
        ),
        (
            {"login": "a@two.example.org", "password": "secret"},
            "Login a@two.example.org is not of the domain",
        ),
        ({"login": "a b", "password": "secret"}, "Login a b is not valid"),
        ({"login": "ü" * 80, "password": "secret"}, "is not valid"),
        ({"login": [f"u{n}" for n in range(101)], "password": "secret"}, "Too many logins"),
    ],
)
async def test_what_cannot_be_changes_nothing(api: World, fields: dict[str, str], message: str) -> None:
    answer = await api.call("POST", PATH, data=fields)
    assert answer.status_code == 400 and message in answer.json()["message"]
    assert (await api.ok("GET", PATH))["total_count"] == 0


async def test_the_system_mailbox_stays(api: World) -> None:
    await api.ok("POST", PATH, data={"login": ["postmaster", "a", "b"], "password": "secret"})
    answer = await api.call("DELETE", f"{PATH}/postmaster")
    text = f"Cannot delete system mailbox: postmaster@{api.one.domain}"
    assert (answer.status_code, answer.json()) == (400, {"message": text})
    assert await api.ok("DELETE", PATH) == {"message": "All domain credentials have been deleted", "count": 2}
    assert (await api.ok("GET", PATH))["total_count"] == 1


async def test_other_accounts_see_nothing(api: World) -> None:
    await api.ok("POST", PATH, data={"login": "a", "password": "secret"})
    for method, path in [
        ("GET", PATH),
        ("POST", PATH),
        ("DELETE", PATH),
        ("PUT", f"{PATH}/a"),
        ("DELETE", f"{PATH}/a"),
    ]:
        fields = {"login": "a", "password": "stolen"} if method in ("POST", "PUT") else None
        answer = await api.call(method, path, key=api.two.key, data=fields)
        assert (answer.status_code, answer.json()) == (404, {"message": "Domain not found"})
    hashed = await hash_of(api, f"a@{api.one.domain}")
    assert hashed and domains.verify_password(hashed, "secret")


async def test_they_go_with_their_domain(api: World) -> None:
    await api.ok("POST", PATH, data={"login": "a", "password": "secret"})
    await api.ok("DELETE", "/v3/domains/{d}")
    assert await hash_of(api, f"a@{api.one.domain}") is None
    await api.ok("POST", "/v4/domains", data={"name": api.one.domain})
    assert (await api.ok("GET", PATH))["total_count"] == 0


async def test_the_old_name_of_the_same_thing(api: World) -> None:
    old = "/v3/{d}/mailboxes"
    assert await api.ok("POST", old, data={"mailbox": f"a@{api.one.domain}", "password": "secret"}) == {
        "message": "Created 1 mailboxes"
    }
    assert (await api.ok("GET", old))["items"][0]["mailbox"] == f"a@{api.one.domain}"
    assert await api.ok("PUT", f"{old}/a", data={"password": "other"}) == {"message": "Password changed"}
    assert await api.ok("DELETE", f"{old}/a") == {
        "message": "Mailbox has been deleted",
        "spec": f"a@{api.one.domain}",
    }
