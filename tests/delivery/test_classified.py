"""What the receiver's words lead to: events that name the rule, waits, a bounce list that holds only recipients."""

from pathlib import Path

import pytest

from postwright.testing.sink import Sink

from .conftest import Rig, Rigs


async def test_events_name_the_rule_and_its_group(rig: Rig, mx: Sink) -> None:
    mx.fail("bob", 550, "5.1.1 User unknown", at="RCPT")
    event = await rig.outcome()
    assert (event["reason"], event["delivery-status"]["bounce-type"]) == ("bounce", "hard")
    assert event["i_classification_rule_id"] == "no-user"
    assert event["i_classification_group_id"] == "any/invalid-recipient"


async def test_a_greylist_is_tried_again_after_five_minutes(rig: Rig, mx: Sink) -> None:
    mx.fail("bob", 450, "4.2.0 Greylisted, come back later", at="RCPT", times=2)
    event = await rig.outcome()
    assert (event["severity"], event["reason"]) == ("temporary", "greylisted")
    assert event["delivery-status"]["retry-seconds"] == 300
    rig.api.clock.advance(301)
    second = (await rig.outcomes(2))[-1]
    assert second["delivery-status"]["retry-seconds"] == 900  # the schedule goes on as ever
    rig.api.clock.advance(901)
    assert (await rig.outcomes(3))[-1]["event"] == "delivered"


async def test_the_operators_rules_come_first(rig_of: Rigs, mx: Sink, tmp_path: Path) -> None:
    rules = tmp_path / "own.toml"
    rules.write_text(
        "[[rule]]\nid = 'partner'\nentity = 'partner'\ncategory = 'policy'\nmatch = 'partner'\nexplanation = ''\n"
    )
    rig = await rig_of(failure_rules=str(rules))
    mx.fail("bob", 550, "5.1.1 User unknown to our partner", at="RCPT")
    event = await rig.outcome()
    assert event["reason"] == "generic" and event["i_classification_rule_id"] == "partner"


@pytest.mark.parametrize(
    ("code", "text", "listed"),
    [
        (550, "5.1.1 No such user", True),
        (550, "5.2.1 Mailbox disabled", True),
        (552, "5.2.2 Mailbox full", False),
        (554, "5.7.1 Client host blocked using zen.spamhaus.org", False),
        (550, "5.7.26 DMARC failed", False),
        (554, "5.7.1 spam", False),
    ],
)
async def test_only_recipients_at_fault_bounce_hard(
    rig: Rig, mx: Sink, code: int, text: str, listed: bool
) -> None:
    mx.fail("bob", code, text, at="RCPT")
    event = await rig.outcome()
    assert event["severity"] == "permanent" and (event["reason"] == "bounce") is listed
