"""The recipients of one site that are ready to go, in a fair order."""

from collections import deque

from postwright import queue

# A flow (an account's recipients in one lane) may always have this many, however full the site is: who sends little
# is not kept out by who sends much.
LEAST = 8
BULK_TURN = 4  # every fourth place belongs to messages to many


class Ready:
    """Takes turns between accounts, and lets messages to few go before those to many."""

    def __init__(self) -> None:
        self._lanes: tuple[dict[str, deque[queue.Item]], ...] = ({}, {})
        self._count = 0
        self._taken = 0

    def __len__(self) -> int:
        return self._count

    def room(self, item: queue.Item, most: int) -> bool:
        """Whether `item` may come in where `most` may wait."""
        lane = self._lanes[item.lane]
        flow = lane.get(item.account_id)
        flows = len(self._lanes[0]) + len(self._lanes[1]) + (flow is None)
        return (0 if flow is None else len(flow)) < max(LEAST, most // flows)

    def put(self, item: queue.Item) -> None:
        """Add one at the end of its flow."""
        flow = self._lanes[item.lane].setdefault(item.account_id, deque())
        flow.append(item)
        self._count += 1

    def put_back(self, item: queue.Item) -> None:
        """Return one to the head of its flow."""
        flow = self._lanes[item.lane].setdefault(item.account_id, deque())
        flow.appendleft(item)
        self._count += 1

    def take(self) -> queue.Item:
        """The next one. Raises IndexError when there is none."""
        express, bulk = self._lanes
        self._taken += 1
        lane = bulk if bulk and (not express or self._taken % BULK_TURN == 0) else express
        if not lane:
            raise IndexError("nothing is ready")
        account = next(iter(lane))
        flow = lane.pop(account)
        item = flow.popleft()
        if flow:
            lane[account] = flow  # behind the others
        self._count -= 1
        return item

    def clear(self) -> list[queue.Item]:
        """Everything, in no order."""
        items = [item for lane in self._lanes for flow in lane.values() for item in flow]
        self._lanes = ({}, {})
        self._count = 0
        return items
