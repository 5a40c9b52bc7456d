"""What replies mean: a corpus in the style of real servers, and files of one's own."""

import random
import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postwright.failures import HARD, RulesError, classifier, parse

_LINE = re.compile(r"(\d{3}) (\S+) (\S+) (\S+) (\S+) \| ?(.*)")


def corpus() -> list[tuple[int, str, str, str, str, str]]:
    lines = Path(__file__).with_name("replies.txt").read_text("utf-8").splitlines()
    found = [_LINE.fullmatch(line) for line in lines if line and not line.startswith("#")]
    assert all(found)
    return [
        (int(each[1]), each[2].strip("-"), each[3], each[4], each[5], each[6])
        for each in found
        if each is not None
    ]


REPLIES = corpus()


@pytest.mark.parametrize(("code", "enhanced", "command", "category", "reason", "text"), REPLIES)
def test_replies(code: int, enhanced: str, command: str, category: str, reason: str, text: str) -> None:
    verdict = classifier().judge(code, enhanced, text, command)
    assert (verdict.category, verdict.reason) == (category, reason), verdict.rule
    assert verdict.permanent == (code >= 500)
    # Only what is the recipient's fault may enter the bounce list.
    assert (verdict.bounce_type == "hard") == (reason == "bounce") == (category in HARD and code >= 500)
    assert verdict.group.endswith(f"/{category}") or category == "uncategorized"


def test_the_corpus_is_large_and_varied() -> None:
    assert len(REPLIES) >= 200
    assert len({category for _, _, _, category, _, _ in REPLIES}) >= 16


def test_what_is_ours_to_mend_never_suppresses_anybody() -> None:
    for code, enhanced, command, category, _, text in REPLIES:
        if category not in HARD:
            for other in (code, 550, 554):
                verdict = classifier().judge(other, enhanced if other == code else "", text, command)
                if verdict.category == category:
                    assert verdict.bounce_type == "soft"


def test_a_reply_is_judged_in_microseconds() -> None:
    rules = classifier()
    texts = [(reply[0], reply[1], reply[5], reply[2]) for reply in REPLIES]
    random.Random(1).shuffle(texts)
    for each in texts:
        rules.judge(*each)
    started = time.perf_counter()
    for each in texts:
        rules.judge(*each)
    assert (time.perf_counter() - started) / len(texts) < 0.002  # some 20 µs on a quiet core


@given(st.integers(200, 599), st.from_regex(r"([245]\.\d\.\d{1,3})?", fullmatch=True), st.text(max_size=3000))
def test_any_reply_has_a_verdict(code: int, enhanced: str, text: str) -> None:
    verdict = classifier().judge(code, enhanced, text, "RCPT")
    assert verdict.permanent == (code >= 500)
    assert verdict.reason in ("bounce", "generic", "espblock", "blacklisted", "greylisted")


OWN = """
[[rule]]
id = "house-list"
entity = "house"
category = "policy"
codes = ["55"]
match = 'house list'
explanation = "Our partner's list."

[[rule]]
id = "quota"
category = "size"
match = 'quota'
explanation = "Says quota for size."
"""


def test_a_file_of_ones_own_comes_first(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(OWN)
    rules = classifier(str(path))
    verdict = rules.judge(550, "5.1.1", "User unknown, not on the house list", "RCPT")
    assert (verdict.rule, verdict.group, verdict.reason) == ("house-list", "house/policy", "generic")
    assert rules.judge(450, "", "house list", "RCPT").rule != "house-list"  # not that code
    assert rules.judge(552, "", "over quota", "RCPT").category == "size"  # ours of that id is replaced
    assert rules.rules["quota"].category == "size"
    assert classifier().rules["quota"].category == "quota"


@pytest.mark.parametrize(
    "text",
    [
        "[[rule]",
        "[[rule]]\nid = 'x'",
        "[[rule]]\nid = 'x'\ncategory = 'other'\nexplanation = ''",
        "[[rule]]\nid = 'x'\ncategory = 'policy'\nexplanation = ''\nmatches = 'x'",
        "[[rule]]\nid = 'x'\ncategory = 'policy'\nexplanation = ''\nmatch = '('",
        "[[rules]]\nid = 'x'",
    ],
)
def test_a_broken_file_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(text)
    with pytest.raises(RulesError):
        classifier(str(path))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match=r"none\.toml"):
        classifier(str(tmp_path / "none.toml"))
    assert parse("", "empty") == []
