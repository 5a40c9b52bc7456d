"""When a process is taken for dead, and what becomes of its recipients."""

from email.utils import formatdate

import pytest

from postwright import queue
from postwright.delivery import peers
from postwright.delivery.peers import MISSED, Peers
from postwright.kernel.clock import SECOND
from postwright.kernel.db import beat, lease_node
from postwright.testing.sink import Sink

from .conftest import Rigs


def test_who_misses_twelve_of_our_beats_is_dead_once() -> None:
    us = Peers(1)
    looks = [us.died({1: n, 2: 7, 3: n, 4: n // 5}) for n in range(1, MISSED + 6)]
    assert [n for n, dead in enumerate(looks) if dead] == [MISSED] and looks[MISSED] == [2]


def test_without_beats_of_our_own_nobody_is_dead() -> None:
    us = Peers(1)
    assert not any(us.died({1: 5, 2: 5}) for _ in range(100))
    assert not any(us.died({2: 5}) for _ in range(100))


def test_who_comes_back_can_die_again() -> None:
    us = Peers(1)
    beats = [7] * (MISSED + 2) + [8] * (MISSED + 2)
    assert sum(bool(us.died({1: n + 1, 2: at})) for n, at in enumerate(beats)) == 2


async def test_another_process_takes_over_what_a_dead_one_held(
    rig_of: Rigs, mx: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "MISSED", 1)
    rig = await rig_of()
    db, now = rig.api.db, rig.api.clock.now()
    us, dead = [await db.write(lease_node, "delivery", now) for _ in range(2)]
    rig.delivery._node, rig.delivery._peers = us, Peers(us)
    await db.write(beat, dead, now)
    await rig.send(o__deliverytime=formatdate(now / SECOND + 3600))
    (item,) = await db.write(queue.claim, now + 3601 * SECOND, 1, None, dead)
    for n in range(3):
        assert mx.messages == []
        await db.write(beat, us, now + n)
        await rig.delivery._look_around()
    assert (await rig.outcomes())[0]["event"] == "delivered"
    assert len(mx.messages) == 1
    assert not await db.write(queue.start, item, now)
