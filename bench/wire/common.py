"""What generator and sink share: message tokens, clocks, percentiles, the event loop."""

import asyncio
import ipaddress
import re
import resource
import time

TOKEN = re.compile(rb"loadid-([0-9A-Za-z]+)-([0-9]+)-([0-9]+)")
MAX_LINE = 8192
END = b"\r\n.\r\n"


def loopback(host):
    if ipaddress.ip_address(host) not in ipaddress.ip_network("127.0.0.0/8"):
        raise SystemExit(f"{host}: only 127.0.0.0/8 is allowed")
    return host


def now_us():
    return time.monotonic_ns() // 1000


def cpu_seconds():
    use = resource.getrusage(resource.RUSAGE_SELF)
    return use.ru_utime + use.ru_stime


def percentiles(values):
    """p50, p95, p99 and the largest of an array of microseconds, in milliseconds."""
    if not values:
        return None
    ordered = sorted(values)
    last = len(ordered) - 1
    row = {f"p{p}": round(ordered[last * p // 100] / 1000, 2) for p in (50, 95, 99)}
    row["max"] = round(ordered[-1] / 1000, 2)
    return row


def run_loop(coro, kind):
    if kind != "asyncio":
        try:
            import uvloop
        except ImportError:
            if kind == "uvloop":
                raise SystemExit("uvloop is not installed") from None
        else:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                return runner.run(coro), "uvloop"
    return asyncio.run(coro), "asyncio"
