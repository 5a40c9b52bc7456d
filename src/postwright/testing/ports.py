"""Free ports of the loopback interface."""

import contextlib
import socket


def free_ports(count: int = 1, host: str = "127.0.0.1") -> list[int]:
    """Ports nobody listens on at this moment, all different.

    For programs that must be told their port before they start; whatever can bind port 0 itself should.
    """
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((host, 0))
        return [each.getsockname()[1] for each in sockets]
