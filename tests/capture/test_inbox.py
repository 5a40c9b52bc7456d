"""The inbox over HTTP: pages, search, bytes, deletion, and walls between accounts."""

import pytest

from postwright.capture import service, smtp

from .conftest import PATH, Inbox


async def subjects(inbox: Inbox, **query: object) -> list[str]:
    page = await inbox.list(**query)
    return [item["subject"] for item in page["items"]]


async def test_the_newest_comes_first_with_what_an_overview_needs(inbox: Inbox) -> None:
    await inbox.put("one")
    await inbox.put("two", ["Bob@There.test"])
    page = await inbox.list()
    assert [item["subject"] for item in page["items"]] == ["two", "one"]
    assert page["total_count"] == 2
    assert page["next"] == ""
    newest = page["items"][0]
    assert newest["recipient"] == "bob@there.test"
    assert newest["from"] == "Ann <ann@one.example.com>"
    assert newest["message_id"] == "two@one.example.com"
    assert newest["received_at"].endswith("+00:00")
    assert newest["size"] > 100


async def test_each_recipient_has_a_copy(inbox: Inbox) -> None:
    await inbox.put("one", ["a@x.test", "b@x.test"])
    assert sorted(item["recipient"] for item in (await inbox.list())["items"]) == ["a@x.test", "b@x.test"]


@pytest.mark.parametrize("total", [0, 3, 4, 7])
async def test_pages_have_every_message_once(inbox: Inbox, total: int) -> None:
    for number in range(total):
        await inbox.put(f"m{number}")
    walked, sizes = [], []
    page = await inbox.list(limit=2)
    while True:
        walked += [item["subject"] for item in page["items"]]
        sizes.append(len(page["items"]))
        if not page["next"]:
            break
        await inbox.put("late")  # what comes during the walk is newer than all of it
        page = await inbox.api.ok("GET", page["next"])
    assert walked == [f"m{number}" for number in reversed(range(total))]
    assert total == 0 or 0 not in sizes


async def test_a_search_stays_a_search_from_page_to_page(inbox: Inbox) -> None:
    for number in range(5):
        await inbox.put(f"needle {number}")
        await inbox.put(f"hay {number}")
    page = await inbox.list(limit=2, term="NEEDLE", recipient="bob@there.test")
    assert page["total_count"] == 5
    walked = []
    while True:
        walked += [item["subject"] for item in page["items"]]
        if not page["next"]:
            break
        page = await inbox.api.ok("GET", page["next"])
    assert walked == [f"needle {number}" for number in (4, 3, 2, 1, 0)]


async def test_ways_to_search(inbox: Inbox) -> None:
    await inbox.put("100% sure", ["ann@x.test"])
    await inbox.put("1000 sure", ["bob@x.test"])
    assert await subjects(inbox, term="0% s") == ["100% sure"]
    assert await subjects(inbox, term="_ sure") == []
    assert await subjects(inbox, term="BOB@x") == ["1000 sure"]
    assert await subjects(inbox, recipient="Ann@X.test") == ["100% sure"]
    assert await subjects(inbox, recipient="x.test") == []
    assert await subjects(inbox, message_id="<1000.sure@one.example.com>") == ["1000 sure"]
    assert (await inbox.api.call("GET", PATH, params={"term": "\0"})).status_code == 400


@pytest.mark.parametrize(
    "query", [{"limit": "0"}, {"limit": "-5"}, {"limit": "9" * 30}, {"before": "-1"}, {"before": "9" * 30}]
)
async def test_odd_numbers_are_harmless(inbox: Inbox, query: dict[str, str]) -> None:
    await inbox.put("one")
    answer = await inbox.api.call("GET", PATH, params=query)
    assert answer.status_code in (200, 400)


async def test_a_message_is_shown_with_its_parts_and_its_exact_bytes(inbox: Inbox) -> None:
    raw = (
        b"From: ann@one.example.com\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n.hello\r\n'
        b"--b\r\nContent-Type: text/html\r\n\r\n<b>hello</b>\r\n"
        b"--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n\r\n12345\r\n"
        b"--b--\r\n"
    )
    await inbox.put(raw=raw)
    (item,) = (await inbox.list())["items"]
    assert item["subject"] == "Grüße"
    one = await inbox.api.ok("GET", f"{PATH}/{item['id']}")
    assert one["text"].strip() == ".hello"
    assert one["html"].strip() == "<b>hello</b>"
    assert one["attachments"] == [{"filename": "a.pdf", "content_type": "application/pdf", "size": 5}]
    assert ["From", "ann@one.example.com"] in one["headers"]
    assert item.items() <= one.items()
    answer = await inbox.api.call("GET", one["raw_url"])
    assert answer.content == raw
    # Nothing in it may run as a page of ours.
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "sandbox"


@pytest.mark.parametrize(
    "raw",
    [
        b"\r\n",
        b"no header at all\r\n",
        b"Subject: =?utf-8?q?a=00b?=\r\nFrom: \0\r\n\r\n\0\r\n",
        b"Subject: \xff\xfe\r\nFrom: =?x?q?\xff?=\r\n\r\n\xff\r\n",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n",
        b"Content-Type: text/plain; charset=no-such\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!\r\n",
    ],
)
async def test_whatever_was_sent_can_be_read(inbox: Inbox, raw: bytes) -> None:
    result = await inbox.put(raw=raw)
    assert [reply.code for reply in result.recipients] == [250]
    (item,) = (await inbox.list())["items"]
    await inbox.api.ok("GET", f"{PATH}/{item['id']}")
    assert (await inbox.api.call("GET", f"{PATH}/{item['id']}/raw")).content == raw


async def test_messages_are_deleted_one_by_one_or_all(inbox: Inbox) -> None:
    for number in range(3):
        await inbox.put(f"m{number}")
    newest = (await inbox.list())["items"][0]["id"]
    removed = await inbox.api.ok("DELETE", f"{PATH}/{newest}")
    assert removed == {"message": "captured message has been deleted", "count": 1}
    assert (await inbox.api.call("DELETE", f"{PATH}/{newest}")).status_code == 404
    assert (await inbox.api.call("GET", f"{PATH}/{newest}")).status_code == 404
    assert await subjects(inbox) == ["m1", "m0"]
    assert (await inbox.api.ok("DELETE", PATH))["count"] == 2
    assert await subjects(inbox) == []
    assert (await inbox.api.ok("DELETE", PATH))["count"] == 0


@pytest.mark.parametrize("number", ["0", "-1", "9" * 30, "x"])
async def test_a_number_that_is_none_is_not_found(inbox: Inbox, number: str) -> None:
    await inbox.put("one")
    for method, path in (("GET", number), ("GET", f"{number}/raw"), ("DELETE", number)):
        assert (await inbox.api.call(method, f"{PATH}/{path}")).status_code == 404
    assert await subjects(inbox) == ["one"]


async def test_accounts_do_not_see_each_other(inbox: Inbox) -> None:
    one, two = inbox.api.one, inbox.api.two
    await inbox.put("of one", of=one)
    await inbox.put("of two", of=two)
    assert [item["subject"] for item in (await inbox.list(one))["items"]] == ["of one"]
    (theirs,) = (await inbox.list(two))["items"]
    assert theirs["subject"] == "of two"
    path = f"{PATH}/{theirs['id']}"
    for method, where in (("GET", path), ("GET", f"{path}/raw"), ("DELETE", path)):
        assert (await inbox.api.call(method, where, key=one.key)).status_code == 404
    assert await inbox.list(
        one, recipient="bob@there.test", before=theirs["id"] + 1, limit=10
    ) == await inbox.list(one)
    await inbox.api.ok("DELETE", PATH, key=one.key)
    assert [item["subject"] for item in (await inbox.list(two))["items"]] == ["of two"]


async def test_mail_of_nobody_is_shown_to_nobody(inbox: Inbox) -> None:
    reply = await inbox.client.send("x@unknown.test", ["bob@there.test"], b"Subject: x\r\n\r\n")
    assert reply.recipients[0].ok
    assert await subjects(inbox) == []


async def test_keys_that_only_send_do_not_read(inbox: Inbox) -> None:
    await inbox.put("one")
    key = inbox.api.key(inbox.api.one.account_id, "sending", kind="domain", domain_name=inbox.api.one.domain)
    assert (await inbox.api.call("GET", PATH, key=key)).status_code in (401, 403)
    assert (await inbox.api.call("DELETE", PATH, key=key)).status_code in (401, 403)
    assert (await inbox.api.call("GET", PATH, key="wrong")).status_code == 401
    assert await subjects(inbox) == ["one"]


@pytest.mark.parametrize("limit", ["KEEP", "KEEP_SIZE"])
async def test_the_oldest_go_when_there_is_too_much(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(smtp, "TRIM_EVERY", 2)
    await inbox.put("a")
    size = (await inbox.list())["items"][0]["size"]
    monkeypatch.setattr(service, limit, 3 if limit == "KEEP" else 3 * size)
    for subject in "bcdefg":
        await inbox.put(subject)
    assert await subjects(inbox) == ["g", "f", "e", "d"]  # three, and what came since the last look
