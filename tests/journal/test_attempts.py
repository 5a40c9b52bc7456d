"""What is told of deliveries that really happened."""

from typing import Any
from urllib.parse import quote, urlsplit

from postwright import events, journal
from postwright.kernel.clock import SECOND
from postwright.testing.sink import Sink

from .conftest import Rig, Rigs


def path(message_id: str, domain: str = "{d}") -> str:
    return f"/postwright/v1/{domain}/messages/{quote(message_id)}/attempts"


async def attempts(rig: Rig, message_id: str, **params: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await rig.api.ok("GET", path(message_id), params=params))["items"]
    return items


async def test_a_delivery_with_host_source_reply_and_decision(rig: Rig, mx: Sink) -> None:
    message_id = await rig.send()
    await rig.outcomes()
    (item,) = await attempts(rig, message_id)
    assert (item["kind"], item["outcome"], item["decision"], item["next_at"]) == (
        "attempt",
        "delivered",
        "done",
        None,
    )
    assert (item["mx_host"], item["mx_ip"], item["attempt"]) == ("mx0.there.test", mx.host, 1)
    assert item["reply"] == {"code": 250, "enhanced_code": "2.0.0", "text": "OK", "command": "DATA"}
    assert item["ehlo"] == mx.messages[0].helo == "mail.example.com"
    assert item["source_ip"] == mx.messages[0].peer
    assert item["tls"]["encrypted"] is False
    assert item["recipient"] == "bob@there.test"
    dialogue = item["dialogue"]
    assert dialogue[0][1] == "S" and dialogue[0][2].startswith("220") and dialogue[-1][2].startswith("250")
    assert any(who == "C" and "RCPT TO:<bob@there.test>" in text for _, who, text in dialogue)
    assert all(0 <= at < 60_000 for at, _, _ in dialogue)
    assert item["timings"]["connect"] > 0 and item["timings"]["dot"] > 0
    assert not item["reused_connection"]


async def test_hosts_that_were_tried_before(rig: Rig, mx: Sink) -> None:
    rig.mx("two.test", "127.0.0.3", mx.host)  # nobody listens on the first
    message_id = await rig.send(to="bob@two.test")
    await rig.outcomes()
    (item,) = await attempts(rig, message_id)
    assert (item["outcome"], item["mx_host"]) == ("delivered", "mx1.two.test")
    (before,) = item["tried_before"]
    assert (before["host"], before["address"]) == ("mx0.two.test", "127.0.0.3") and before["problem"]


async def test_each_try_until_it_is_given_up(rig_of: Rigs, mx: Sink) -> None:
    rig = await rig_of(retry_schedule="60,60")
    mx.fail("bob", 450, "4.2.0 Not now", at="RCPT")
    message_id = await rig.send()
    for number in range(3):
        await rig.outcomes(number + 1)
        rig.api.clock.advance(61)
    items = await attempts(rig, f"<{message_id}>")
    assert [item["outcome"] for item in items] == ["temporary", "temporary", "expired"]
    assert [item["attempt"] for item in items] == [1, 2, 3]
    assert all(item["reply"]["code"] == 450 and item["reply"]["command"] == "RCPT" for item in items)
    assert items[0]["next_at"] > items[0]["at"] and items[1]["next_at"] and items[2]["next_at"] is None
    assert items[0]["decision"] == "try again"


async def test_refused_for_good_then_suppressed(rig: Rig, mx: Sink) -> None:
    mx.fail("bob", 550, "5.1.1 No such user", at="RCPT")
    message_id = await rig.send()
    await rig.outcomes()
    (item,) = await attempts(rig, message_id)
    assert (item["outcome"], item["reason"]) == ("permanent", "bounce")
    await rig.api.ok("POST", "/v3/{d}/bounces", data={"address": "bob@there.test"})
    second = await rig.send()
    await rig.outcomes(2)
    (item,) = await attempts(rig, second)
    assert (item["outcome"], item["mx_host"]) == ("suppressed", "")


async def test_a_lost_reply_is_ambiguous(rig: Rig, mx: Sink) -> None:
    mx.fail("bob", drop="after-dot", at="REPLY")
    message_id = await rig.send()
    await rig.outcomes()
    (item,) = await attempts(rig, message_id)
    assert item["outcome"] == "ambiguous" and "may have it" in item["decision"]


async def test_one_recipient_of_several_and_pages(rig: Rig, mx: Sink) -> None:
    message_id = await rig.send(to=[f"u{n}@there.test" for n in range(5)])
    await rig.outcomes(5)
    assert len(await attempts(rig, message_id, recipient="U3@there.test")) == 1
    page = await rig.api.ok("GET", path(message_id), params={"limit": "2"})
    walked = []
    while page["items"]:
        walked.append([item["recipient"] for item in page["items"]])
        link = urlsplit(page["paging"]["next"])
        page = await rig.api.ok("GET", f"{link.path}?{link.query}")
    assert list(map(len, walked)) == [2, 2, 1]
    assert len({one for each in walked for one in each}) == 5
    back = urlsplit(page["paging"]["previous"])
    assert [i["recipient"] for i in (await rig.api.ok("GET", f"{back.path}?{back.query}"))["items"]] == [
        walked[1][1],
        walked[2][0],
    ]


async def test_strangers_and_unknown_messages_see_nothing(rig: Rig) -> None:
    message_id = await rig.send()
    await rig.outcomes()
    assert (await rig.api.call("GET", path(message_id), key=rig.api.two.key)).status_code == 404
    other = path(message_id, rig.api.two.domain)
    assert (await rig.api.call("GET", other, key=rig.api.two.key)).json() == {"message": "Message not found"}
    for odd in ("nothing@there", "x" * 3000, "a/b%00c"):
        assert (await rig.api.call("GET", path(odd))).status_code == 404
    assert (await rig.api.call("GET", path(message_id), params={"page": "rubbish"})).status_code == 400


async def test_the_journal_goes_with_its_time_and_with_its_domain(rig: Rig) -> None:
    message_id = await rig.send()
    await rig.outcomes()
    now = rig.api.clock.now()
    assert await rig.api.db.write(journal.expire, now) == 0
    await journal.forget_domain(rig.api.db, "another")
    assert len(await attempts(rig, message_id)) == 1
    assert await rig.api.db.write(journal.expire, now + SECOND) == 1
    assert await attempts(rig, message_id) == []
    await rig.send()
    await rig.outcomes(2)
    entry = (await rig.api.db.read(events.read, 0, 1))[0]
    await journal.forget_domain(rig.api.db, entry.domain_id)
    assert await rig.api.db.write(journal.expire, now + SECOND) == 0
