"""The machine and the store: disk, clock, database, processes, certificates."""

import asyncio
import ctypes
import os
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509

from postwright import __version__
from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db, Node, StoreUnavailable, nodes_alive
from postwright.kernel.settings import Settings

from .report import Line, failed, passed, warned

LITTLE_BYTES: Final = 2 * 2**30  # below this new mail is soon refused (docs/decisions/0060-full-disks.md)
LITTLE_INODES: Final = 10_000
SLOW_SECONDS: Final = 0.5  # of a write: every accepted message waits for one
EXPIRES_SECONDS: Final = 14 * 86400
KINDS: Final = ("http", "smtp", "delivery", "projector")
_TIME_ERROR: Final = 5  # adjtimex(2): the clock is not synchronised


def disk(folder: Path) -> list[Line]:
    """Room for the store."""
    room = os.statvfs(folder)
    free, whole = room.f_bavail * room.f_frsize, room.f_blocks * room.f_frsize
    text = f"{free / 2**30:.1f} of {whole / 2**30:.1f} GiB are free"
    if free < LITTLE_BYTES:
        return [failed("disk", str(folder), text, "make room: mail is refused when the disk is full")]
    if room.f_files and room.f_favail < LITTLE_INODES:
        text = f"room for {room.f_favail} files"
        return [failed("disk", str(folder), text, "remove files, or move the data to another file system")]
    if free < whole // 10:
        return [warned("disk", str(folder), text, "make room before it is needed")]
    return [passed("disk", str(folder), text)]


def clock() -> list[Line]:
    """Whether the machine's clock follows others (adjtimex(2))."""
    try:
        # Zeros ask and set nothing; the structure is 208 octets on 64-bit Linux.
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(1024))
    except (OSError, AttributeError):
        state = -1
    now = datetime.now(UTC).isoformat(timespec="seconds")
    if state == _TIME_ERROR:
        fix = "start systemd-timesyncd or chrony: DKIM signatures, certificates and schedules depend on the time"
        return [warned("clock", now, "the clock is not synchronised", fix)]
    if state < 0:
        return [
            warned("clock", now, "the kernel does not tell whether it is synchronised", "compare it by hand")
        ]
    return [passed("clock", now, "synchronised")]


async def database(settings: Settings, db: Db, clock: Clock) -> list[Line]:
    """Whether the store takes changes, how soon, and who works on it."""
    kind = "SQLite" if settings.database == "sqlite" else "PostgreSQL"
    began = time.monotonic()
    try:
        async with asyncio.timeout(20):
            await db.write(_nothing)
            nodes = await db.read(nodes_alive, clock.now())
    except (StoreUnavailable, TimeoutError) as wrong:
        fix = "look whether the database runs and has room; POSTWRIGHT_DATABASE says which one it is"
        return [failed("database", kind, str(wrong.__cause__ or wrong or "it does not answer"), fix)]
    took = time.monotonic() - began
    text = f"answers in {took * 1000:.0f} ms"
    slow = warned("database", kind, text, "look at the load and the disk of the database")
    return [passed("database", kind, text) if took < SLOW_SECONDS else slow, *_nodes(settings, nodes)]


def _nothing(tx: object) -> None:
    """A transaction that is begun and committed."""


def _nodes(settings: Settings, nodes: list[Node]) -> list[Line]:
    counted = Counter(node.role for node in nodes if node.role in KINDS)
    text = ", ".join(f"{kind}: {counted[kind]}" for kind in KINDS if counted[kind]) or "none"
    missing = [kind for kind in KINDS if not counted[kind]]
    fix = f"start `postwright serve` somewhere with the roles that run in: {', '.join(missing)}"
    lines = [warned("processes", "all machines", text, fix)] if missing else []
    lines = lines or [passed("processes", "all machines", text)]
    versions = {node.version for node in nodes} - {""} | {__version__}
    about = f"Postwright {__version__}, Python {sys.version.split()[0]}"
    if len(versions) > 1:
        fix = "finish the upgrade: nodes of two versions may run together only while one follows the other"
        lines.append(warned("versions", about, f"running: {', '.join(sorted(versions))}", fix))
    else:
        lines.append(passed("versions", about, "all processes have this version"))
    hosts = {node.host for node in nodes} - {""}
    for name, place in (("bodies", settings.bodies_location), ("analytics", settings.analytics_location)):
        if len(hosts) > 1 and not place.startswith("s3://"):
            text = f"{len(hosts)} machines run, and {name} are in a folder: {place}"
            fix = f"unless all machines share that folder, set POSTWRIGHT_{name.upper()}=s3://bucket/prefix on all"
            lines.append(warned("storage", name, text, fix))
    return lines


def certificate_file(settings: Settings, now: float) -> list[Line]:
    """The operator's own certificate, when there is one."""
    if not settings.tls_cert:
        return []
    try:
        held = x509.load_pem_x509_certificates(Path(settings.tls_cert).read_bytes())[0]
    except (OSError, ValueError, IndexError) as wrong:
        fix = "let POSTWRIGHT_TLS_CERT name a PEM file with the whole chain"
        return [failed("certificate", settings.tls_cert, str(wrong), fix)]
    return [certificate(settings.tls_cert, held.not_valid_after_utc.timestamp(), now)]


def certificate(about: str, ends: float, now: float, error: str = "") -> Line:
    """A certificate that is in use. Seconds since the epoch."""
    text = f"valid until {datetime.fromtimestamp(ends, UTC):%Y-%m-%d}"
    if ends <= now:
        return failed("certificate", about, f"expired on {text[-10:]}", error or "renew it")
    if ends - now < EXPIRES_SECONDS:
        return warned("certificate", about, text, error or "renew it; files are read again when they change")
    return passed("certificate", about, text)


def seconds(microseconds: int) -> float:
    """The store's time as the operating system counts it."""
    return microseconds / SECOND
