"""Rates, connections, shares: on paper, with a clock that is moved by hand."""

import itertools

from postwright.delivery.shaping.limits import Gates, Pace, Share, Slot, Spacing
from postwright.delivery.shaping.policy import Policy, Rate
from postwright.kernel.clock import SECOND, ManualClock


def test_a_rate_is_even_spacing() -> None:
    clock = ManualClock(0)
    spacing, times = Spacing(), []
    for _ in range(1000):
        at = spacing.reserve(clock.now(), Rate(10, 1), 1.0)
        clock.advance((at - clock.now()) / SECOND)
        times.append(clock.now())
    assert abs((times[-1] - times[0]) / SECOND - 100) <= 2
    assert {round((b - a) / SECOND, 3) for a, b in itertools.pairwise(times)} == {0.1}


def test_who_paused_gets_no_burst() -> None:
    spacing = Spacing()
    spacing.reserve(0, Rate(10, 1), 1.0)
    times = [spacing.reserve(3600 * SECOND, Rate(10, 1), 1.0) for _ in range(5)]
    assert times[-1] - times[0] == 0.4 * SECOND


def test_half_the_processes_half_the_rate() -> None:
    spacing = Spacing()
    times = [spacing.reserve(0, Rate(10, 1), 0.5) for _ in range(3)]
    assert times[2] - times[0] == 0.4 * SECOND


def test_concurrency_grows_slowly_and_halves_at_once() -> None:
    pace, now = Pace(), 0
    for _ in range(50 * 8):
        pace.clean(now, 10)
    assert pace.limit == 10
    for _ in range(500):
        pace.clean(now, 10)
    assert pace.limit == 10
    assert not pace.slow_down(now, 10)
    assert pace.limit == 5
    assert not pace.slow_down(now + 59 * SECOND, 5)  # still the same complaint
    assert pace.limit == 5
    assert not any(pace.clean(now + 30 * SECOND, 10) for _ in range(100))


def test_three_complaints_in_an_hour_are_often() -> None:
    pace = Pace()
    assert [pace.slow_down(minute * 60 * SECOND, 2) for minute in (0, 10, 20)] == [False, False, True]
    rare = Pace()
    assert [rare.slow_down(hour * 3600 * SECOND, 2) for hour in (0, 2, 4)] == [False] * 3


def test_shares_of_all_processes_make_the_whole() -> None:
    for limit in (1, 2, 5, 20):
        for site in ("a", "b", "c"):
            shares = []
            for rank in range(3):
                share = Share()
                share.rank, share.count = rank, 3
                shares.append(share.of(limit, site))
            assert sum(shares) == limit
    firsts = {
        rank
        for site in "abcdefgh"
        for rank in range(2)
        if (lambda s: (setattr(s, "rank", rank), setattr(s, "count", 2), s.of(1, site))[2])(Share())
    }
    assert firsts == {0, 1}  # each has sites of its own


def test_connections_of_a_site_and_of_a_provider() -> None:
    gates = Gates(lambda: 0)
    policy = Policy(provider="p", connections=3, provider_connections=4, adaptive=False)
    slots = [gates.take("one", "", policy) for _ in range(3)]
    assert all(isinstance(slot, Slot) for slot in slots)
    assert gates.take("one", "", policy) is gates.at("one", "")
    assert isinstance(gates.take("two", "", policy), Slot)
    assert gates.take("two", "", policy) is gates.at("provider:p", "")
    assert isinstance(gates.take("two", "192.0.2.9", policy), Slot)  # another source has a budget of its own
    assert isinstance(slots[0], Slot)
    slots[0].release()
    slots[0].release()
    assert isinstance(gates.take("two", "", policy), Slot)
    assert gates.at("provider:p", "").open == 4
