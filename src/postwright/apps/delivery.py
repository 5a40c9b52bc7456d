"""The `delivery` role."""

import asyncio
import socket
from collections.abc import Callable

from postwright.delivery import Delivery

from .context import Context


async def run(
    context: Context,
    sockets: dict[str, list[socket.socket]],
    stop: asyncio.Event,
    ready: Callable[[], None],
) -> None:
    """Deliver what is due until `stop`."""
    worker = Delivery(
        settings=context.settings,
        db=context.db,
        clock=context.clock,
        spool=context.spool,
        vault=context.vault,
        hostname=context.hostname,
        capture_port=context.capture_port,
        node=context.node,
    )
    ready()
    await worker.run(stop)
