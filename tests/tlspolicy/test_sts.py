"""MTA-STS records and files, good and bad; and where policies are kept, on both databases."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postwright import tlspolicy
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Db
from postwright.tlspolicy import StsPolicy, store
from postwright.tlspolicy.sts import MAX_AGE, parse, policy_id

GOOD = b"version: STSv1\nmode: enforce\nmx: mail.example.com\nmx: *.example.net\nmax_age: 604800\n"


def test_a_policy_file_is_read() -> None:
    policy = parse(GOOD)
    assert policy == StsPolicy("enforce", ("mail.example.com", "*.example.net"), 604800)
    assert parse(GOOD.replace(b"\n", b"\r\n")) == policy
    assert parse(GOOD + b"unknown: field\nmode: none\n") == policy  # what comes first counts
    assert parse(b"version:STSv1\nmode:none\nmax_age:1\n").mode == "none"
    assert parse(GOOD.replace(b"604800", b"4000000000")).max_age == MAX_AGE


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        GOOD.replace(b"STSv1", b"STSv2"),
        GOOD.replace(b"enforce", b"strict"),
        GOOD.replace(b"604800", b"-1"),
        GOOD.replace(b"604800", b"a week"),
        GOOD.replace(b"604800", "٣".encode()),
        GOOD.replace(b"mx: mail.example.com\nmx: *.example.net\n", b""),
        GOOD.replace(b"*.example.net", b"*"),
        GOOD.replace(b"*.example.net", b"mail.*.example.net"),
        GOOD.replace(b"*.example.net", b"mail example"),
        GOOD + b"no field\n",
        GOOD + b"mx: a.example.com\n" * 200,
    ],
)
def test_what_is_no_policy_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):
        parse(body)


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_no_file_does_worse_than_being_refused(body: bytes) -> None:
    for each in (body, GOOD + body):
        with contextlib.suppress(ValueError):
            assert parse(each).mode in ("enforce", "testing", "none")


@pytest.mark.parametrize(
    ("pattern", "name", "allowed"),
    [
        ("mail.example.com", "mail.example.com", True),
        ("mail.example.com", "mail.example.com.evil.test", False),
        ("*.example.com", "mail.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "a.mail.example.com", False),
        ("*.example.com", "mailexample.com", False),
    ],
)
def test_a_star_is_one_label(pattern: str, name: str, allowed: bool) -> None:
    assert StsPolicy("enforce", (pattern,), 1).allows(name) is allowed


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["v=STSv1; id=20160831085700Z;"], "20160831085700Z"),
        (["v=STSv1;id=a"], "a"),
        (["v=STSv1; other=x; id=b; more=y"], "b"),
        (["v=spf1 -all", "v=STSv1; id=c;"], "c"),
        (["v=STSv1; id=a;", "v=STSv1; id=b;"], None),
        (["v=STSv1; id=;"], None),
        (["v=STSv1; id=" + "a" * 33], None),
        (["v=STSv10; id=a"], None),
        (["id=a; v=STSv1"], None),
        ([], None),
    ],
)
def test_one_record_announces_a_policy(texts: list[str], found: str | None) -> None:
    assert policy_id(texts) == found


async def test_policies_are_kept_until_they_expire(db: Db) -> None:
    now = 1_800_000_000 * SECOND
    policy = StsPolicy("enforce", ("mx.a.test", "*.b.test"), 100, "1", now)
    await db.write(store.put, "a.test", policy)
    await db.write(store.put, "b.test", StsPolicy("none", (), 1000, "2", now))
    assert await db.read(store.get, "a.test") == policy
    newer = StsPolicy("testing", ("mx.a.test",), 200, "3", now + SECOND)
    await db.write(store.put, "a.test", newer)
    assert await db.read(store.get, "a.test") == newer
    assert await db.read(store.get, "c.test") is None
    assert await db.write(tlspolicy.expire, now + 201 * SECOND) == 0
    assert await db.write(tlspolicy.expire, now + 300 * SECOND) == 1
    assert await db.read(store.get, "a.test") is None
    assert await db.read(store.get, "b.test") is not None
