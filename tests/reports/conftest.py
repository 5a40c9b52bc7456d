"""Reports about mail that a real delivery process brought to a real server."""

from dataclasses import dataclass

import pytest

from postwright.reports import Reports
from postwright.testing.sink import Sink
from tests.delivery.conftest import Rig, mx, rig, rig_of, store

__all__ = ["mx", "rig", "rig_of", "store"]


@dataclass
class Delivered:
    """A delivered copy: what its receiver holds."""

    sender: str  # of the envelope
    data: bytes

    @property
    def head(self) -> bytes:
        """Its header fields, as a report gives them back."""
        return self.data.partition(b"\r\n\r\n")[0] + b"\r\n"


class Desk:
    """Sends, and takes reports in."""

    def __init__(self, rig: Rig, mx: Sink) -> None:
        self.rig, self._mx = rig, mx
        context = rig.api.context
        self.reports = Reports(db=rig.api.db, clock=rig.api.clock, vault=context.vault)

    async def deliver(self, to: str = "bob@there.test", **fields: object) -> Delivered:
        """Send a message and wait for its arrival and record."""
        before = len(self._mx.messages)
        told = len(await self.rig.events("delivered"))
        await self.rig.send(to=to, **fields)
        await self.rig.outcomes(told + 1)
        message = self._mx.messages[before]
        return Delivered(message.sender, message.data)


@pytest.fixture
async def desk(rig: Rig, mx: Sink) -> Desk:
    return Desk(rig, mx)
