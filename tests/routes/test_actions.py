"""Actions: reading them, and putting captures in."""

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from postwright.kernel.patterns import Match
from postwright.routes.actions import BadAction, Forward, Stop, Store, expand, parse


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ('forward("bob@example.com")', Forward(["bob@example.com"])),
        ("forward('http://host.example/a?x=1')", Forward(["http://host.example/a?x=1"])),
        (" Forward( bob@example.com ) ", Forward(["bob@example.com"])),
        ("forward(http://host.example/x)", Forward(["http://host.example/x"])),
        (
            'forward("a@x.com, http://h.example/, b@x.com")',
            Forward(["a@x.com", "http://h.example/", "b@x.com"]),
        ),
        ('forward("a@x.com", "b@x.com")', Forward(["a@x.com", "b@x.com"])),
        ('forward("http://h.example/a,b")', Forward(["http://h.example/a,b"])),
        ("stop()", Stop()),
        ("store()", Store()),
        ('store(notify="https://h.example/n")', Store("https://h.example/n")),
        ("store(notify='https://h.example/n')", Store("https://h.example/n")),
        ('store("https://h.example/n")', Store("https://h.example/n")),
        (r'forward("http://h.example/\1/\g<user>")', Forward([r"http://h.example/\1/\g<user>"])),
        (r'forward("\1@example.com")', Forward([r"\1@example.com"])),
    ],
)
def test_reading(text: str, action: object) -> None:
    assert parse(text) == action


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is none of"),
        ("forwrd('a@b.com')", "is none of"),
        ("forward()", "needs a destination"),
        ("forward('nobody')", "neither a URL nor an address"),
        ("forward('ftp://h.example/')", "invalid URL scheme"),
        ("forward('http://user:pass@h.example/')", "credentials"),
        (r"forward('http://\1.example/')", "host part"),
        (r"forward('http://h.example:\1/')", "host part"),
        (r"forward('http://\g<host>/')", "host part"),
        ("stop(1)", "takes nothing"),
        ("store('nobody@example.com')", "not a valid URL"),
        ("store('http://a.example/', 'http://b.example/')", "one URL"),
        ("forward('" + "a" * 4000 + "')", "at most 4000"),
        ("forward('" + ",".join(f"a{n}@x.com" for n in range(51)) + "')", "at most 50"),
        ("forward('a@x.com' b)", "cannot read"),
    ],
)
def test_refusals(text: str, said: str) -> None:
    with pytest.raises(BadAction) as refused:
        parse(text)
    assert said in str(refused.value)


def test_captures_are_put_in() -> None:
    caught = Match(("sales", "x y/../?q=1&r#f"), {"user": "bob"})
    action = parse(r'forward("http://h.example/\1/\g<user>?a=\2&b=\9, \g<user>@example.com")')
    assert expand(action, caught) == Forward(
        ["http://h.example/sales/bob?a=x%20y%2F..%2F%3Fq%3D1%26r%23f&b=", "bob@example.com"]
    )
    assert expand(parse(r'store("http://h.example/\1")'), caught) == Store("http://h.example/sales")


def test_what_becomes_no_destination_is_left_out() -> None:
    caught = Match(("a b@c", "evil@example.net, x"))
    action = parse(r'forward("\1@example.com, \2@example.com, good@example.com, \3@example.com")')
    assert expand(action, caught) == Forward(["good@example.com"])


@hypothesis_settings(deadline=None)  # the machine may be busy
@given(
    st.one_of(st.text(max_size=60), st.text("forwad(sto)e'\",\\1g<>@.:/ =", max_size=40)),
    st.text(max_size=10),
)
@example("forward('http://[\\1]/')", "x")
@example('forward("\ud800@x.com")', "x")
def test_any_text_is_read_or_refused(text: str, caught: str) -> None:
    try:
        action = parse(text)
    except BadAction:
        return
    expand(action, Match((caught,), {"a": caught}))
