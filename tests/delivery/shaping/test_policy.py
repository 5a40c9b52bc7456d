"""The table: what ships, what an operator changes, what is refused."""

from pathlib import Path

import pytest

from postwright.delivery.shaping import load_shaping as load
from postwright.delivery.shaping import numeric_wait, site_name
from postwright.delivery.shaping.policy import Rate, ShapingError
from postwright.delivery.shaping.reactions import Reactions, asks_for_less, per_connection
from postwright.kernel.clock import SECOND

GOOGLE = ("gmail-smtp-in.l.google.com", "alt1.gmail-smtp-in.l.google.com", "alt2.gmail-smtp-in.l.google.com")


def own(tmp_path: Path, text: str) -> str:
    path = tmp_path / "own.toml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("hosts", "name"),
    [
        (["MX.example.com."], "mx.example.com"),
        (["mx2.example.com", "mx1.example.com"], "(mx1|mx2).example.com"),
        (GOOGLE, "(alt1|alt2)?.gmail-smtp-in.l.google.com"),
        (["a.example.com", "b.example.org"], "(a.example.com|b.example.org)"),
        ([], ""),
    ],
)
def test_the_name_of_a_site(hosts: list[str], name: str) -> None:
    assert site_name(hosts) == site_name(reversed(hosts)) == name


def test_a_long_name_is_cut_and_stays_its_own() -> None:
    many = [f"a-rather-long-host-name-{n}.example.com" for n in range(20)]
    assert len(site_name(many)) < 250
    assert site_name(many) != site_name(many[1:])
    assert site_name(many).endswith(".example.com")


def test_a_provider_runs_all_hosts_or_is_not_it() -> None:
    table = load()
    assert table.provider(GOOGLE) == "google"
    assert table.provider((*GOOGLE, "backup.example.net")) == ""
    assert table.provider(("evilgoogle.com",)) == ""
    assert table.provider(()) == ""


def test_what_ships_for_the_large_ones() -> None:
    table = load()
    google = table.policy("x", "", "google")
    assert (google.provider_connections, google.messages_per_connection, google.failures) == (5, 50, 5)
    assert google.message_rate == Rate(100, 1)
    yahoo = table.policy("x", "", "yahoo")
    assert (yahoo.connections, yahoo.messages_per_connection) == (10, 20)
    assert (table.smarthost.connections, table.smarthost.message_rate) == (20, None)
    other = table.policy("x", "", "")
    assert (other.connections, other.connection_rate) == (10, Rate(100, 60))


def test_the_narrower_section_wins(tmp_path: Path) -> None:
    table = load(
        own(
            tmp_path,
            """
            [default]
            connections = 11
            [provider.google]
            connections = 3
            [provider.google.source."192.0.2.1"]
            connections = 2
            [site."mx.a.test"]
            message_rate = "5/s"
            [site."mx.a.test".source."192.0.2.1"]
            message_rate = "1/s"
            [domain."b.test"]
            connections = 1
            [provider.mine]
            mx = ["mine.test"]
            idle_seconds = 1
            """,
        )
    )
    assert table.policy("x", "", "").connections == 11
    assert table.policy("x", "", "google").connections == 3
    assert table.policy("x", "192.0.2.1", "google").connections == 2
    assert table.policy("mx.a.test", "", "").message_rate == Rate(5, 1)
    assert table.policy("mx.a.test", "192.0.2.1", "").message_rate == Rate(1, 1)
    assert table.has_own("b.test")
    assert table.policy("b.test", "", "", "b.test").connections == 1
    assert table.provider(("mx1.mine.test",)) == "mine"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[defaults]\n", "did you mean default"),
        ("[default]\nconections = 3", "did you mean connections"),
        ("[default]\nconnections = 0", "from 1"),
        ("[default]\nconnections = true", "from 1"),
        ('[default]\nmessage_rate = "fast"', "such as 100/min"),
        ('[default]\nmessage_rate = "0/s"', "such as 100/min"),
        ("[provider.mine]\nconnections = 1", "mx = "),
        ('[[default.rules]]\nmatch = "("\nfor = "1h"', "regular expression"),
        ('[[default.rules]]\nmatch = "x"', "such as 90m"),
        ('[[default.rules]]\nmatch = "x"\nfor = "1h"\nscop = "account"', "did you mean scope"),
        ('[[default.rules]]\nmatch = "x"\nfor = "1h"\naction = "limit"', "limits"),
        ("[default\n", "own.toml"),
        ("[provider]\ngoogle = 1", "tables expected"),
    ],
)
def test_what_nobody_knows_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ShapingError, match=complaint.replace("(", r"\(")):
        load(own(tmp_path, text))


def test_a_rule_waits_for_its_number_in_its_time() -> None:
    policy = load().policy("x", "", "outlook")
    reactions, scope = Reactions(), ("x", "", "a")

    def seen(at: float) -> str:
        rule = reactions.rule_for(policy, int(at * SECOND), scope, 550, "5.7.1", "mail blocked (S3150)")
        return rule.name if rule else ""

    assert [seen(n) for n in range(4)] == [""] * 4
    assert seen(4000) == ""  # the first ones are more than an hour ago
    assert [seen(4000 + n) for n in range(4)] == ["", "", "", "S3150"]
    assert seen(4010) == ""  # counted afresh


def test_a_rule_at_once_and_its_scope() -> None:
    reactions, table = Reactions(), load()
    yahoo = table.policy("x", "", "yahoo")
    rule = reactions.rule_for(yahoo, 0, ("x", "", "a"), 421, "4.7.0", "[TSS04] Messages temporarily deferred")
    assert rule is not None
    assert (rule.name, rule.action, rule.seconds, rule.scope) == ("TS04", "suspend", 7200, "source")
    comcast = table.policy("x", "", "comcast")
    rule = reactions.rule_for(comcast, 0, ("x", "", "a"), 421, "4.1.0", "try later RL000010")
    assert rule is not None
    assert rule.scope == "account"
    assert reactions.rule_for(comcast, 0, ("x", "", "a"), 250, "2.0.0", "RL000010") is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Greylisted, try again in 120 seconds", 130),
        ("please retry after 5 minutes", 310),
        ("Please wait 2 hours and try again", 7210),
        ("try again later", None),
        ("mailbox 300 is full, try again", None),
        ("sender 42 seconds ago", None),
        ("try again in 99999 hours", 86410),
    ],
)
def test_waits_that_replies_name(text: str, seconds: float | None) -> None:
    assert numeric_wait(text) == seconds


def test_what_is_about_us_and_what_is_about_one_message() -> None:
    assert asks_for_less(421, "4.7.0", "not now", "MAIL")
    assert asks_for_less(451, "4.7.650", "too many connections from your host", "RCPT")
    assert asks_for_less(450, "4.3.2", "system busy", "MAIL")
    assert not asks_for_less(450, "4.2.2", "mailbox full", "RCPT")
    assert not asks_for_less(450, "4.7.1", "greylisted", "RCPT")
    assert not asks_for_less(550, "5.7.1", "rate limit", "RCPT")
    assert not asks_for_less(421, "4.7.0", "too many messages in this connection", "MAIL")
    assert per_connection(421, "too many messages on this connection")
