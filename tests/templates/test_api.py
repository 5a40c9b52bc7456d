"""Template operations over HTTP: exact answers, versions, paging, copies, strangers; for domains and accounts."""

import re

import pytest

from tests.world import World

PATHS = ["/v3/{d}/templates", "/v4/templates"]
DATE = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d UTC")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _is_version(version: dict, **expected: object) -> None:
    assert DATE.fullmatch(version.pop("createdAt")) and UUID.fullmatch(version.pop("id"))
    assert version == expected


@pytest.mark.parametrize("path", PATHS)
async def test_the_life_of_a_template(api: World, path: str) -> None:
    made = await api.ok(
        "POST",
        path,
        data={
            "name": "Welcome Mail",
            "description": "for new people",
            "createdBy": "ann",
            "template": "Hi {{name}}",
            "tag": "V1",
            "comment": "first",
            "engine": "handlebars",
            "headers": '{"subject": "Hello {{name}}", "From": "Ann <ann@one.example.com>"}',
        },
    )
    assert made["message"] == "template has been stored"
    template = made["template"]
    version = template.pop("version")
    assert DATE.fullmatch(template["createdAt"]) and UUID.fullmatch(template["id"])
    assert (template["name"], template["description"], template["createdBy"]) == (
        "welcome mail",
        "for new people",
        "ann",
    )
    _is_version(
        dict(version),
        tag="v1",
        template="Hi {{name}}",
        engine="handlebars",
        mjml="",
        comment="first",
        active=True,
        headers={"Subject": "Hello {{name}}", "From": "Ann <ann@one.example.com>"},
    )
    one = f"{path}/welcome%20mail"
    assert await api.ok("GET", one) == {"template": template}
    assert await api.ok("GET", f"{path}/Welcome+Mail") == {"template": template}
    assert await api.ok("GET", f"{one}?active=yes") == {"template": template | {"version": version}}
    assert (await api.ok("GET", path))["items"] == [template]
    assert (await api.ok("GET", f"{path}?active=yes"))["items"] == [template | {"version": version}]
    assert await api.ok("PUT", one, data={"description": "new"}) == {
        "message": "template has been updated",
        "template": {"name": "welcome mail"},
    }
    assert (await api.ok("GET", one))["template"]["description"] == "new"
    taken = await api.call("POST", path, data={"name": "welcome MAIL"})
    assert (taken.status_code, taken.json()["message"]) == (400, "template 'welcome mail' already exists")
    assert await api.ok("PUT", f"{one}/rename/Other") == {
        "message": "template has been renamed",
        "template": {"name": "other"},
    }
    gone = await api.call("GET", one)
    assert (gone.status_code, gone.json()) == (404, {"message": "template not found"})
    assert await api.ok("DELETE", f"{path}/other") == {
        "message": "template has been deleted",
        "template": {"name": "other"},
    }
    await api.ok("POST", path, data={"name": "bare"})
    assert "version" not in (await api.ok("GET", f"{path}/bare?active=yes"))["template"]
    assert await api.ok("DELETE", path) == {"message": "templates have been deleted"}
    assert (await api.ok("GET", path))["items"] == []


@pytest.mark.parametrize("path", PATHS)
async def test_the_life_of_versions(api: World, path: str) -> None:
    await api.ok("POST", path, data={"name": "t"})
    first = await api.ok("POST", f"{path}/t/versions", data={"template": "one", "tag": "A"})
    assert first["message"] == "new version of the template has been stored"
    _is_version(
        first["template"]["version"],
        tag="a",
        template="one",
        engine="handlebars",
        mjml="",
        comment="",
        active=True,
        headers={},
    )
    second = await api.ok("POST", f"{path}/t/versions", data={"template": "two", "tag": "b"})
    assert second["template"]["version"]["active"] is False
    again = await api.call("POST", f"{path}/t/versions", data={"template": "two", "tag": "B"})
    assert (again.status_code, again.json()["message"]) == (400, "template version 'b' already exists")
    assert await api.ok("PUT", f"{path}/t/versions/b", data={"active": "yes", "comment": "c"}) == {
        "message": "version has been updated",
        "template": {"name": "t", "version": {"tag": "b"}},
    }
    await api.ok("PUT", f"{path}/t/versions/a", data={"template": "one more"})
    listed = await api.ok("GET", f"{path}/t/versions")
    assert [(v["tag"], v["active"], v["comment"]) for v in listed["template"]["versions"]] == [
        ("a", False, ""),
        ("b", True, "c"),
    ]
    assert all("template" not in v for v in listed["template"]["versions"]) and listed["paging"]
    shown = await api.ok("GET", f"{path}/t/versions/A")
    assert shown["template"]["version"]["template"] == "one more"
    copied = await api.ok("PUT", f"{path}/t/versions/a/copy/C?comment=copied")
    assert copied["message"] == "version has been copied"
    assert copied["version"] == copied["template"]["version"]
    assert (copied["version"]["tag"], copied["version"]["template"], copied["version"]["comment"]) == (
        "c",
        "one more",
        "copied",
    )
    await api.ok("PUT", f"{path}/t/versions/a/copy/b")  # over what is there, which stays active
    assert (await api.ok("GET", f"{path}/t?active=yes"))["template"]["version"]["template"] == "one more"
    assert await api.ok("DELETE", f"{path}/t/versions/a") == {
        "message": "version has been deleted",
        "template": {"name": "t", "version": {"tag": "a"}},
    }
    for method in ("GET", "PUT", "DELETE"):
        answer = await api.call(method, f"{path}/t/versions/a")
        assert (answer.status_code, answer.json()) == (404, {"message": "template version not found"})


@pytest.mark.parametrize("path", PATHS)
async def test_pages(api: World, path: str) -> None:
    for name in "abcde":
        await api.ok("POST", path, data={"name": name, "template": name, "tag": name})
        if name != "a":
            await api.ok("POST", f"{path}/a/versions", data={"template": "x", "tag": name})

    async def names(address: str) -> tuple[str, dict[str, str]]:
        page = await api.ok("GET", address)
        items = page["items"] if "items" in page else page["template"]["versions"]
        return "".join(item.get("name") or item["tag"] for item in items), page["paging"]

    for start in (path, f"{path}/a/versions"):
        seen, links = await names(f"{start}?limit=2")
        assert seen == "ab" and all(link.startswith("https://api.test/v") for link in links.values())
        seen, links = await names(links["next"])
        assert seen == "cd"
        assert (await names(links["previous"]))[0] == "ab"
        seen, links = await names(links["next"])
        assert seen == "e"
        assert (await names(links["next"]))[0] == ""
        assert (await names(links["last"]))[0] == "de"
        assert (await names(f"{start}?page=prev&p=c&limit=1"))[0] == "b"
        assert (await names(f"{start}?limit=5000"))[0] == "abcde"


async def test_copies(api: World) -> None:
    await api.ok("POST", "/v3/{d}/templates", data={"name": "t", "template": "one", "tag": "a"})
    await api.ok("POST", "/v3/{d}/templates/t/versions", data={"template": "2", "tag": "b", "active": "yes"})
    answer = await api.ok(
        "PUT",
        "/v3/{d}/templates/t/copy",
        json={
            "requests": [
                {"account_id": api.one.account_id, "name": "Copy"},
                {"account_id": "", "name": "copy", "domain": api.one.domain},
                {"account_id": api.two.account_id, "name": "copy"},
                {"account_id": api.one.account_id, "name": "copy", "domain": api.two.domain},
                {"account_id": api.one.account_id, "name": "t", "domain": api.one.domain},
            ]
        },
    )
    assert answer["message"] == "template has been copied"
    assert [failed["error"] for failed in answer["failed_copies"]] == [
        "account not found",
        "domain not found",
        "template 't' already exists",
    ]
    for path in PATHS:
        copy = await api.ok("GET", f"{path}/copy?active=yes")
        assert copy["template"]["version"]["template"] == "2"
        assert len((await api.ok("GET", f"{path}/copy/versions"))["template"]["versions"]) == 2
    more = {"requests": [{"account_id": "", "name": "x"}], "source_versions": ["a"]}
    assert (await api.ok("PUT", "/v4/templates/copy/copy", json=more))["failed_copies"] == []
    assert (await api.ok("GET", "/v4/templates/x?active=yes"))["template"]["version"]["template"] == "one"
    more["source_versions"] = ["zzz"]
    assert (await api.call("PUT", "/v4/templates/copy/copy", json=more)).status_code == 404
    assert (await api.call("PUT", "/v4/templates/copy/copy", json={})).status_code == 400


BAD = [
    {},
    {"name": " "},
    {"name": "n" * 256},
    {"name": "a\nb"},
    {"name": "n", "template": "x" * (100 * 1024 + 1)},
    {"name": "n", "template": "x", "tag": "t" * 256},
    {"name": "n", "template": "x", "headers": "not json"},
    {"name": "n", "template": "x", "headers": '{"Bcc": "eve@example.com"}'},
    {"name": "n", "template": "x", "headers": '{"Subject": 1}'},
    {"name": "n", "template": "x", "headers": '{"Subject": "a\\r\\nBcc: eve@example.com"}'},
]


@pytest.mark.parametrize("path", PATHS)
async def test_bad_input_changes_nothing(api: World, path: str) -> None:
    for fields in BAD:
        answer = await api.call("POST", path, data=fields)
        assert answer.status_code == 400 and answer.json()["message"], fields
    assert (await api.ok("GET", path))["items"] == []
    await api.ok("POST", path, data={"name": "n"})
    for fields in ({}, {"template": "x"}, {"tag": "x"}):
        assert (await api.call("POST", f"{path}/n/versions", data=fields)).status_code == 400
    assert (await api.call("PUT", f"{path}/n/versions/nope", data={"template": "x"})).status_code == 404


async def test_there_are_limits(api: World) -> None:
    for n in range(100):
        await api.ok("POST", "/v4/templates", data={"name": f"t{n}"})
    full = await api.call("POST", "/v4/templates", data={"name": "one more"})
    assert (full.status_code, full.json()["message"]) == (400, "template limit of 100 is reached")
    for n in range(40):
        await api.ok("POST", "/v4/templates/t1/versions", data={"template": "x", "tag": str(n)})
    full = await api.call("POST", "/v4/templates/t1/versions", data={"template": "x", "tag": "one more"})
    assert (full.status_code, full.json()["message"]) == (400, "template version limit of 40 is reached")
    assert (await api.call("PUT", "/v4/templates/t1/versions/1/copy/41")).status_code == 400
    assert (await api.call("PUT", "/v4/templates/t1/versions/1/copy/2")).status_code == 200


async def test_strangers(api: World) -> None:
    for path in PATHS:
        await api.ok("POST", path, data={"name": "t", "template": "secret"})
    assert (await api.ok("GET", "/v4/templates", key=api.two.key))["items"] == []
    assert (await api.call("GET", "/v4/templates/t", key=api.two.key)).status_code == 404
    foreign = await api.call("GET", "/v3/{d}/templates/t", key=api.two.key)
    assert (foreign.status_code, foreign.json()) == (404, {"message": "domain not found"})
    basic = api.key(api.one.account_id, "basic")
    assert (await api.call("GET", "/v4/templates", key=basic)).status_code == 200
    assert (await api.call("DELETE", "/v4/templates", key=basic)).status_code == 403


async def test_filling_with_test_data(api: World) -> None:
    path = "/postwright/v1/{d}/templates/render"
    await api.ok(
        "POST",
        "/v3/{d}/templates",
        data={
            "name": "hello",
            "template": "<p>Hi {{name}}</p>",
            "headers": '{"subject": "For {{name}}"}',
        },
    )
    filled = await api.ok("POST", path, json={"template": "hello", "variables": {"name": "A & B"}})
    assert filled == {
        "html": "<p>Hi A &amp; B</p>",
        "text": "Hi A & B\n",
        "headers": {"Subject": "For A & B"},
    }
    # What is not stored yet; headers are checked as for storing.
    given = {"content": "{{#each items}}<b>{{this}}</b>{{/each}}", "variables": {"items": [1, 2]}}
    assert (await api.ok("POST", path, json=given))["html"] == "<b>1</b><b>2</b>"
    wrong = {
        "engine": given | {"content": "{{#each items}"},
        "headers": given | {"headers": {"Bcc": "x"}},
        "missing": {"template": "nothing"},
    }
    for name, body in wrong.items():
        answer = await api.call("POST", path, json=body)
        assert answer.status_code == 400, name
        assert "template" in answer.json()["message"] or "header" in answer.json()["message"]
    # The account's templates can be named too; a stranger's domain and template cannot.
    await api.ok("POST", "/v4/templates", data={"name": "shared", "template": "{{x}}!"})
    assert (await api.ok("POST", path, json={"template": "shared", "variables": {"x": 1}}))["html"] == "1!"
    assert (await api.call("POST", path, json={"template": "hello"}, key=api.two.key)).status_code == 404
    other = f"/postwright/v1/{api.two.domain}/templates/render"
    assert (await api.call("POST", other, json={"template": "shared"}, key=api.two.key)).status_code == 400
