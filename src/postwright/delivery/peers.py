"""Which other delivery processes have died, so that what they held need not wait for the end of its lease."""

from collections.abc import Mapping

MISSED = 12  # of our own beats, five seconds apart, without one of theirs


class Peers:
    """Compares the beats of others with our own.

    Time is told by our own beats in the store, and not by a clock: neither a clock that jumps, nor one of another
    machine that is wrong, nor a store that takes no beats for a while makes the living look dead.
    """

    def __init__(self, node: int) -> None:
        self._node = node
        self._own = 0
        self._seen: dict[
            int, tuple[int, int]
        ] = {}  # the last beat, and how many of ours it has not changed for

    def died(self, beats: Mapping[int, int]) -> list[int]:
        """Who is dead as of this look. `beats`: the last one of each process."""
        own = beats.get(self._node, 0)
        if own == self._own:
            return []
        self._own = own
        died = []
        seen: dict[int, tuple[int, int]] = {}
        for node, at in beats.items():
            if node == self._node:
                continue
            before, missed = self._seen.get(node, (0, 0))
            missed = missed + 1 if at == before else 0
            if missed == MISSED:
                died.append(node)
            seen[node] = (at, missed)
        self._seen = seen
        return died
