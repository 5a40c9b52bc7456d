"""`postwright support-bundle`: what somebody needs to help, without mail, addresses of recipients or secrets."""

import argparse
import asyncio
import io
import json
import os
import platform
import re
import sys
import tarfile
import time
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, Final

import msgspec

from postwright import __version__, operations
from postwright.doctor import Doctor
from postwright.kernel import metrics
from postwright.kernel.db import nodes_alive
from postwright.kernel.db.saving import examine
from postwright.kernel.settings import PREFIX, Settings

from .context import Context, open_context

# Of every other setting the value is told, without what may be a password in a URL.
SECRET: Final = frozenset(
    {"api_key", "acme_eab_kid", "acme_eab_key", "owner_email", "acme_email", "failpoints"}
)
_IN_URL: Final = re.compile(r"(?<=://)[^/@\s]*@|[?#].*$")


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command's arguments."""
    parser = commands.add_parser(
        "support-bundle",
        help="collect what somebody needs to help",
        description="Writes a .tar.gz: versions, settings without secrets, the doctor's report (with names of "
        "domains and our own addresses), counts of rows, living processes, metrics. No messages, no recipients, "
        "no keys. Look through it before you pass it on.",
    )
    parser.add_argument("file", type=Path)
    parser.set_defaults(run=_run)


def _run(settings: Settings, args: argparse.Namespace) -> int:
    context = open_context(settings, "bundle")
    try:
        parts = asyncio.run(_parts(context))
    finally:
        context.db.close_now()
    descriptor = os.open(args.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out, tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, value in parts.items():
            data = value.encode() if isinstance(value, str) else json.dumps(value, indent=2).encode()
            entry = tarfile.TarInfo(f"postwright-support/{name}")
            entry.size, entry.mtime, entry.mode = len(data), int(time.time()), 0o600
            archive.addfile(entry, io.BytesIO(data))
    print(f"{args.file}: {', '.join(parts)}")
    return 0


async def _parts(context: Context) -> dict[str, Any]:
    settings, now = context.settings, context.clock.now()
    doctor = Doctor(
        settings=settings,
        db=context.db,
        clock=context.clock,
        hostname=context.hostname,
        installation=context.installation,
    )
    lines = await doctor.look()
    nodes = await context.db.read(nodes_alive, now)
    readings = await context.db.scan(operations.readings, now)
    rows, broken = await asyncio.to_thread(examine, settings.database, settings.data_dir)
    return {
        "versions.json": {
            "postwright": __version__,
            "python": sys.version,
            "machine": platform.platform(),
            "processors": os.cpu_count(),
            "packages": {each.name: each.version for each in distributions()},
        },
        "settings.json": shown(settings),
        "doctor.json": [msgspec.to_builtins(line) for line in lines],
        "processes.json": [msgspec.to_builtins(node) for node in nodes],
        "rows.json": {"tables": rows, "broken": broken},
        "metrics.txt": metrics.render(settings.data_dir / "metrics", readings).decode(),
    }


def shown(settings: Settings) -> dict[str, str]:
    """The settings that differ from their defaults, without secrets."""
    told = {}
    for field in msgspec.structs.fields(settings):
        value = getattr(settings, field.name)
        if value == field.default:
            continue
        secret = field.name in SECRET
        told[PREFIX + field.name.upper()] = "(set)" if secret else _IN_URL.sub("", str(value))
    return told
