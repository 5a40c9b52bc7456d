"""The four lists over HTTP: exact answers, paging, imports, strangers."""

import pytest

from tests.world import World

LISTS = [
    (
        "bounces",
        "Address has been added to the bounces table",
        "3 addresses have been added to the bounces table",
        "Bounced address has been removed",
        "Bounced addresses for this domain have been removed",
        "Address not found in bounces table",
    ),
    (
        "unsubscribes",
        "Address has been added to the unsubscribes table",
        "3 addresses have been added to the unsubscribes table",
        "Unsubscribe event has been removed",
        "Unsubscribe addresses for this domain have been removed",
        "Address not found in unsubscribers table",
    ),
    (
        "complaints",
        "Address has been added to the complaints table",
        "3 complaint addresses have been added to the complaints table",
        "Spam complaint has been removed",
        "Complaint addresses for this domain have been removed",
        "No spam complaints found for this address",
    ),
]


@pytest.mark.parametrize(("name", "added", "many", "removed", "cleared", "missing"), LISTS)
async def test_the_life_of_an_entry(api: World, name, added, many, removed, cleared, missing) -> None:
    path = f"/v3/{{d}}/{name}"
    assert await api.ok("POST", path, data={"address": "Bob@Example.com"}) == {
        "message": added,
        "address": "bob@example.com",
    }
    entry = await api.ok("GET", f"{path}/bob%40example.com")
    assert entry["address"] == "bob@example.com" and entry["created_at"].endswith(" UTC")
    assert (await api.ok("GET", path))["items"] == [entry]
    # Twice is not an error.
    await api.ok("POST", path, data={"address": "bob@example.com"})
    batch = [{"address": f"u{n}@example.com"} for n in range(3)]
    assert await api.ok("POST", path, json=batch) == {"message": many}
    assert await api.ok("DELETE", f"{path}/BOB@example.com") == {
        "message": removed,
        "address": "BOB@example.com",
    }
    for method in ("GET", "DELETE"):
        answer = await api.call(method, f"{path}/bob@example.com")
        assert (answer.status_code, answer.json()) == (404, {"message": missing})
    assert await api.ok("DELETE", path) == {"message": cleared}
    assert (await api.ok("GET", path))["items"] == []


async def test_details(api: World) -> None:
    await api.ok(
        "POST",
        "/v3/{d}/bounces",
        data={
            "address": "a@b.co",
            "code": "552",
            "error": "full",
            "created_at": "Thu, 11 Dec 2025 01:49:40 UTC",
        },
    )
    assert await api.ok("GET", "/v3/{d}/bounces/a@b.co") == {
        "address": "a@b.co",
        "code": "552",
        "error": "full",
        "created_at": "Thu, 11 Dec 2025 01:49:40 UTC",
    }
    await api.ok("POST", "/v3/{d}/bounces", json={"address": "n@b.co", "code": 550})
    assert (await api.ok("GET", "/v3/{d}/bounces/n@b.co"))["code"] == "550"


async def test_tags_of_unsubscribes(api: World) -> None:
    path = "/v3/{d}/unsubscribes"
    await api.ok("POST", path, data={"address": "a@b.co", "tag": ["one", "two"]})
    await api.ok("POST", path, json=[{"address": "a@b.co", "tags": ["three"]}])
    assert (await api.ok("GET", f"{path}/a@b.co"))["tags"] == ["one", "two", "three"]
    await api.ok("DELETE", f"{path}/a@b.co?tag=two")
    assert (await api.ok("GET", f"{path}/a@b.co"))["tags"] == ["one", "three"]
    answer = await api.call("DELETE", f"{path}/a@b.co?tag=nope")
    assert (answer.status_code, answer.json()["message"]) == (
        404,
        "Unsubscribe event for this tag does not exist",
    )
    await api.ok("DELETE", f"{path}/a@b.co?tag=one")
    await api.ok("DELETE", f"{path}/a@b.co?tag=three")
    assert (await api.call("GET", f"{path}/a@b.co")).status_code == 404
    await api.ok("POST", path, data={"address": "all@b.co"})
    assert (await api.ok("GET", f"{path}/all@b.co"))["tags"] == ["*"]


async def test_allowlist(api: World) -> None:
    path = "/v3/{d}/whitelists"
    added = "Address/Domain has been added to the allowlists table"
    assert await api.ok("POST", path, data={"address": "A@b.co", "domain": "x.co", "reason": "vip"}) == {
        "message": added,
        "type": "address",
        "value": "a@b.co",
    }
    assert (await api.ok("POST", path, data={"domain": "Big.co"}))["value"] == "big.co"
    entry = await api.ok("GET", f"{path}/a@b.co")
    assert (entry["type"], entry["value"], entry["reason"]) == ("address", "a@b.co", "vip")
    assert entry["createdAt"].endswith(" UTC")
    assert [item["value"] for item in (await api.ok("GET", path))["items"]] == ["a@b.co", "big.co"]
    assert await api.ok("DELETE", f"{path}/big.co") == {
        "message": "Allowlist address/domain has been removed",
        "value": "big.co",
    }
    answer = await api.call("GET", f"{path}/big.co")
    assert (answer.status_code, answer.json()["message"]) == (
        404,
        "Address/Domain not found in allowlist table",
    )
    answer = await api.call("POST", path, data={"reason": "nothing"})
    assert (answer.status_code, answer.json()["message"]) == (
        400,
        "Missing mandatory parameter: address/domain",
    )
    cleared = "Allowlist addresses/domains for this domain have been removed"
    assert await api.ok("DELETE", path) == {"message": cleared}


async def test_pages_lead_through_everything_and_back(api: World) -> None:
    path = "/v3/{d}/bounces"
    wanted = [f"u{n:02}@example.com" for n in range(25)]
    await api.ok("POST", path, json=[{"address": address} for address in reversed(wanted)])
    page = await api.ok("GET", f"{path}?limit=10")
    seen, pages = [], []
    while page["items"]:
        pages.append([item["address"] for item in page["items"]])
        seen += pages[-1]
        assert all(
            link.startswith("https://api.test/v3/") and "?" in link for link in page["paging"].values()
        )
        page = await api.ok("GET", page["paging"]["next"])
    assert seen == wanted
    page = await api.ok("GET", page["paging"]["previous"])
    assert [item["address"] for item in page["items"]] == wanted[-10:]
    page = await api.ok("GET", page["paging"]["previous"])
    assert [item["address"] for item in page["items"]] == wanted[5:15]
    page = await api.ok("GET", page["paging"]["first"])
    assert [item["address"] for item in page["items"]] == pages[0]
    page = await api.ok("GET", page["paging"]["last"])
    assert [item["address"] for item in page["items"]] == wanted[-10:]
    found = await api.ok("GET", f"{path}?term=u1")
    assert [item["address"] for item in found["items"]] == wanted[10:20]
    answer = await api.call("GET", f"{path}?limit=1001")
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"data": {"address": "nonsense"}}, "Invalid address 'nonsense'"),
        ({"data": {}}, "address parameter is missing"),
        ({"data": {"address": "a@b.co", "code": "x"}}, "code parameter is not valid"),
        ({"json": []}, "Missing mandatory parameter: address"),
        ({"json": [{"address": "a@b.co"}] * 1001}, "Batch size should be less than 1000"),
        ({"json": [{"address": "ok@b.co"}, {"address": "x"}]}, "Invalid address 'x'"),
    ],
)
async def test_bad_input_changes_nothing(api: World, body, message: str) -> None:
    answer = await api.call("POST", "/v3/{d}/bounces", **body)
    assert answer.status_code == 400 and message in answer.json()["message"]
    assert (await api.ok("GET", "/v3/{d}/bounces"))["items"] == []


async def test_imports(api: World) -> None:
    uploaded = {"message": "file uploaded successfully for processing. standby..."}
    csv = b'address,code,error,created_at\r\na@b.co,554,"no, never","Thu, 11 Dec 2025 01:49:40 UTC"\r\nc@d.co,,,\r\n'
    answer = await api.call("POST", "/v3/{d}/bounces/import", files={"file": ("b.csv", csv)})
    assert (answer.status_code, answer.json()) == (202, uploaded)
    items = (await api.ok("GET", "/v3/{d}/bounces"))["items"]
    assert [(i["address"], i["code"], i["error"]) for i in items] == [
        ("a@b.co", "554", "no, never"),
        ("c@d.co", "550", ""),
    ]
    csv = b'address,tags\na@b.co,"one,two"\nb@b.co,\n'
    assert (
        await api.call("POST", "/v3/{d}/unsubscribes/import", files={"file": ("u.csv", csv)})
    ).status_code == 202
    items = (await api.ok("GET", "/v3/{d}/unsubscribes"))["items"]
    assert [i["tags"] for i in items] == [["one", "two"], ["*"]]
    csv = b"address,domain\n,big.co\nvip@b.co,\n"
    assert (
        await api.call("POST", "/v3/{d}/whitelists/import", files={"file": ("w.csv", csv)})
    ).status_code == 202
    assert [i["type"] for i in (await api.ok("GET", "/v3/{d}/whitelists"))["items"]] == ["domain", "address"]
    for csv, text in (
        (b"nothing\nx\n", "while reading csv header"),
        (b"address\nbad\n", "line 2"),
        (b"\xff\xfe", "UTF-8"),
    ):
        answer = await api.call("POST", "/v3/{d}/complaints/import", files={"file": ("c.csv", csv)})
        assert answer.status_code == 400 and text in answer.json()["message"]
    assert (await api.ok("GET", "/v3/{d}/complaints"))["items"] == []


async def test_a_large_import_is_all_there(api: World) -> None:
    lines = "\n".join(f"u{n}@example.com" for n in range(5000))
    answer = await api.call(
        "POST", "/v3/{d}/complaints/import", files={"file": ("c.csv", f"address\n{lines}\n".encode())}
    )
    assert answer.status_code == 202
    count, page = 0, await api.ok("GET", "/v3/{d}/complaints?limit=1000")
    while page["items"]:
        count += len(page["items"])
        page = await api.ok("GET", page["paging"]["next"])
    assert count == 5000


async def test_strangers_and_roles(api: World) -> None:
    await api.ok("POST", "/v3/{d}/bounces", data={"address": "a@b.co"})
    for name in ("bounces", "unsubscribes", "complaints", "whitelists"):
        answer = await api.call("GET", f"/v3/{{d}}/{name}", key=api.two.key)
        assert (answer.status_code, answer.json()) == (404, {"message": "Domain not found"})
    assert (await api.call("DELETE", "/v3/{d}/bounces", key=api.two.key)).status_code == 404
    assert (await api.ok("GET", f"/v3/{api.two.domain}/bounces", key=api.two.key))["items"] == []
    basic = api.key(api.one.account_id, "basic")
    assert (await api.call("GET", "/v3/{d}/bounces", key=basic)).status_code == 403
    assert (await api.call("GET", "/v3/{d}/whitelists", key=basic)).status_code == 200
    assert (await api.call("DELETE", "/v3/{d}/whitelists", key=basic)).status_code == 403
    assert len((await api.ok("GET", "/v3/{d}/bounces"))["items"]) == 1
