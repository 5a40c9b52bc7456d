"""Rules and the clock over HTTP: what is refused, and walls between accounts."""

import time
from pathlib import Path

import pytest

from postwright.capture import scripts
from postwright.kernel.clock import SECOND, SharedClock

from .conftest import Inbox

RULES = "/postwright/v1/capture/rules"
CLOCK = "/postwright/v1/capture/clock"
WAIT = "/postwright/v1/capture/wait"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"recipient": "", "do": "bounce"}, "recipient is"),
        ({"recipient": "x" * 400, "do": "bounce"}, "recipient is"),
        ({"recipient": "*", "do": "dance"}, "do is one of"),
        ({"recipient": "*", "do": "bounce", "enhanced": "4.1.1"}, "begins with 5"),
        ({"recipient": "*", "do": "defer", "code": "550"}, "no reply 550"),
        ({"recipient": "*", "do": "open", "code": "550"}, "no reply 550"),
        ({"recipient": "*", "do": "bounce", "enhanced": "five"}, "status code like 5.1.1"),
        ({"recipient": "*", "do": "greylist", "times": "0"}, "times is"),
        ({"recipient": "*", "do": "complain", "after": "nan"}, "after"),
        ({"recipient": "*", "do": "complain", "after": "1e9"}, "after is"),
        ({"recipient": "*", "do": "bounce", "text": "a\r\nb"}, "one line"),
    ],
)
async def test_rules_that_cannot_be_change_nothing(inbox: Inbox, fields: dict[str, str], said: str) -> None:
    answer = await inbox.api.call("POST", RULES, data=fields)
    assert answer.status_code == 400 and said in answer.json()["message"]
    assert (await inbox.api.ok("GET", RULES))["items"] == []


async def test_a_rule_is_of_its_account(inbox: Inbox) -> None:
    api = inbox.api
    made = (await api.ok("POST", RULES, data={"recipient": "*@There.test", "do": "bounce"}))["rule"]
    assert [reply.code for reply in (await inbox.put("one")).recipients] == [550]
    assert [reply.code for reply in (await inbox.put("two", of=api.two)).recipients] == [250]
    assert (await api.ok("GET", RULES, key=api.two.key))["items"] == []
    number = made["id"]
    assert (await api.call("DELETE", f"{RULES}/{number}", key=api.two.key)).status_code == 404
    await api.ok("DELETE", f"{RULES}/{number}")
    assert (await api.call("DELETE", f"{RULES}/{number}")).status_code == 404
    assert [reply.code for reply in (await inbox.put("three")).recipients] == [250]


async def test_greylisting_counts_each_message_for_itself(inbox: Inbox) -> None:
    codes = [(await inbox.put("one", ["greylist+2@x.test"])).recipients[0].code for _ in range(3)]
    assert codes == [451, 451, 250]


async def test_there_are_so_many_rules(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postwright.capture.service.MAX_RULES", 2)
    for _ in range(2):
        await inbox.api.ok("POST", RULES, data={"recipient": "*", "do": "accept"})
    answer = await inbox.api.call("POST", RULES, data={"recipient": "*", "do": "accept"})
    assert answer.status_code == 400 and "at most 2 rules" in answer.json()["message"]
    assert (await inbox.api.ok("DELETE", RULES))["count"] == 2


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"advance": "-1"},
        {"advance": "nan"},
        {"advance": "1e12"},
        {"to": "yesterday"},
        {"to": "Thu, 13 Oct 2011 18:02:00 GMT"},
        {"to": "next", "advance": "5"},
    ],
)
async def test_the_clock_goes_forward_only(inbox: Inbox, fields: dict[str, str]) -> None:
    before = inbox.api.clock.now()
    assert (await inbox.api.call("POST", CLOCK, data=fields)).status_code == 400
    assert inbox.api.clock.now() == before


async def test_the_clock_is_moved_by_whose_installation_it_is(inbox: Inbox) -> None:
    before = inbox.api.clock.now()
    assert (
        await inbox.api.call("POST", CLOCK, data={"advance": "9"}, key=inbox.api.two.key)
    ).status_code == 403
    assert (await inbox.api.call("POST", CLOCK, data={"to": "next"})).status_code == 409
    await inbox.api.ok("POST", CLOCK, data={"advance": "9"})
    assert inbox.api.clock.now() == before + 9 * SECOND


async def test_who_waits_is_answered_or_told(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await inbox.api.call("GET", WAIT, params={"timeout": "0"})).status_code == 404
    assert (await inbox.api.call("GET", WAIT, params={"timeout": "3600"})).status_code == 400
    await inbox.put("one")
    await inbox.put("two", of=inbox.api.two)
    found = await inbox.api.ok("GET", WAIT, params={"timeout": "0", "subject": "ONE"})
    assert found["subject"] == "one"
    assert (
        await inbox.api.call("GET", WAIT, params={"timeout": "0", "after": found["id"]})
    ).status_code == 404
    monkeypatch.setattr("postwright.capture.waiting.MOST", 0)
    assert (await inbox.api.call("GET", WAIT, params={"timeout": "0"})).status_code == 429


def test_a_shared_clock_is_seen_by_others_and_stays(tmp_path: Path) -> None:
    one, two = SharedClock(tmp_path / "clock"), SharedClock(tmp_path / "clock")
    one.advance(3600)
    assert abs(two.now() - one.now()) < SECOND
    assert two.now() > time.time_ns() // 1000 + 3599 * SECOND
    assert two.ahead == 3600 * SECOND == SharedClock(tmp_path / "clock").ahead


@pytest.mark.parametrize(
    "address", ["bob@x.test", "bounce+x@x.test", "greylist+-1@x.test", "bouncer@x.test", "@", ""]
)
def test_addresses_that_mean_nothing(address: str) -> None:
    assert scripts.by_name(address).do == "accept"
