"""Limits on guessing: who is charged, what is given back, when it ends."""

from postwright.mail.smtp.logins import MAX_DELAY, PER_ACCOUNT_HOUR, PER_DAY, PER_MINUTE, Logins, network


class Time:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_ten_a_minute_then_fifty_a_day() -> None:
    time = Time()
    logins = Logins(clock=time)
    taken = 0
    for minute in range(10):
        time.now = 1000 + 61 * minute
        allowed = sum(logins.begin("192.0.2.1", f"u{minute}-{n}@x.test") for n in range(20))
        assert allowed == min(PER_MINUTE, PER_DAY - taken)
        taken += allowed
    assert taken == PER_DAY
    assert logins.begin("192.0.2.2", "u@x.test")
    time.now += 86400
    assert logins.begin("192.0.2.1", "u@x.test")


def test_waiting_grows_after_the_third() -> None:
    logins = Logins(clock=Time())
    waits = []
    for _ in range(6):
        logins.begin("192.0.2.1", "u@x.test")
        waits.append(logins.failed("192.0.2.1", "u@x.test"))
    assert waits == [0, 0, 0, 1, 2, 3]
    assert Logins(delay=100, clock=Time()).failed("x", "y") == 0 and MAX_DELAY < 30


def test_success_costs_nothing() -> None:
    logins = Logins(clock=Time())
    for _ in range(1000):
        assert logins.begin("192.0.2.1", "u@x.test")
        logins.succeeded("192.0.2.1", "u@x.test")
    assert logins.failed("192.0.2.1", "u@x.test") == 0


def test_an_account_is_guarded_against_many_addresses() -> None:
    time = Time()
    logins = Logins(clock=time)
    logins.begin("203.0.113.1", "U@x.test ")
    logins.succeeded("203.0.113.1", "u@x.test")
    allowed = sum(logins.begin(f"198.51.100.{n}", "u@X.test") for n in range(100))
    assert allowed == PER_ACCOUNT_HOUR
    assert logins.begin("203.0.113.1", "u@x.test")  # who was let in before is not locked out
    assert logins.begin("198.51.100.1", "other@x.test")
    time.now += 3601
    assert logins.begin("198.51.100.1", "u@x.test")


def test_an_ipv6_network_is_one_address() -> None:
    assert network("2001:db8::1") == network("2001:db8::ffff:1") != network("2001:db8:0:1::1")
    assert network("::ffff:192.0.2.1") == network("192.0.2.1") == "192.0.2.1"
    assert network("fe80::1%eth0") == "fe80::" and network("") == ""
