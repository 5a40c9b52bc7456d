"""The commands that move an account here: `postwright import mailgun` and `postwright shadow`."""

import argparse
import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from postwright.kernel.settings import Settings, SettingsError, host_port
from postwright.movein import KINDS, Account, Copier, Failed, Journal, OtherMove, Report, Shadow

_THEIRS = "https://api.mailgun.net"


def add(commands: Any) -> None:
    """Add the commands to the parser."""
    importing = commands.add_parser("import", help="copy what an account elsewhere holds into this one")
    sources = importing.add_subparsers(required=True, metavar="FROM")
    move = sources.add_parser(
        "mailgun",
        help="domains, suppressions, templates, routes, lists, webhooks, tags and settings, by their API",
        description="Copies through the API; the source is only read. Keys come from the environment: "
        "MAILGUN_API_KEY is theirs, POSTWRIGHT_API_KEY is ours. Stop it when you like: it goes on where it was.",
    )
    _sides(move)
    move.add_argument(
        "--dry-run", action="store_true", help="read everything, write nothing, say what would be"
    )
    move.add_argument(
        "--journal", type=Path, default=Path("import-mailgun.jsonl"), help="what is done so far"
    )
    move.add_argument("--report", type=Path, help="also write the report here, as JSON")
    move.add_argument("--domain", action="append", default=[], help="this domain only (may be repeated)")
    move.add_argument(
        "--kind", action="append", choices=KINDS, default=[], help="this only (may be repeated)"
    )
    move.add_argument("--rate", type=float, default=5.0, help="calls a second to the source, at most (5)")
    move.set_defaults(run=_import)
    shadow = commands.add_parser(
        "shadow",
        help="answer from here and compare with theirs: a proxy for the time before you cut over",
        description="Answers every request from our server. What only reads is asked of theirs too, and differences "
        "of status and shape go into the report. Nothing is sent twice.",
    )
    _sides(shadow)
    shadow.add_argument("--listen", default="127.0.0.1:8026", help="where to listen (127.0.0.1:8026)")
    shadow.add_argument("--report", type=Path, default=Path("shadow.jsonl"), help="where differences go")
    shadow.set_defaults(run=_shadow)


def _sides(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="source", default=_THEIRS, help=f"their API ({_THEIRS})")
    parser.add_argument("--into", default="", help="our API (the address of the setting http)")


def _import(settings: Settings, args: argparse.Namespace) -> int:
    if not 0 < args.rate <= 1000:
        raise SettingsError("--rate is a number of calls a second, up to 1000")
    try:
        return asyncio.run(_moved(settings, args))
    except (OtherMove, Failed, OSError) as no:
        print(f"postwright: {no}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from here", file=sys.stderr)
        return 130


async def _moved(settings: Settings, args: argparse.Namespace) -> int:
    into = args.into or settings.local_url
    theirs = _key("MAILGUN_API_KEY")
    ours = settings.api_key or _key("POSTWRIGHT_API_KEY")
    report = Report(lambda line: print(line, file=sys.stderr, flush=True))
    journal = Journal(None if args.dry_run else args.journal, args.source, into)
    try:
        async with Account(args.source, theirs, args.rate) as source, Account(into, ours, 1000) as target:
            kinds = args.kind or KINDS
            move = Copier(source, target, journal, report, dry=args.dry_run, kinds=kinds, only=args.domain)
            await move.run()
            if source.waited:
                print(f"waited {source.waited:.0f} s because the source asked for it", file=sys.stderr)
    finally:
        journal.close()
        if args.report:
            await asyncio.to_thread(args.report.write_text, json.dumps(report.summary(), indent=1) + "\n")
    print("\n".join(report.lines()))
    return 1 if report.failures else 0


def _shadow(settings: Settings, args: argparse.Namespace) -> int:
    host, port = host_port(args.listen, "--listen")
    proxy = Shadow(
        ours=args.into or settings.local_url,
        theirs=args.source,
        their_key=_key("MAILGUN_API_KEY"),
        report=args.report,
    )
    asyncio.run(_served(proxy, host, port))
    print(f"{proxy.compared:,} answers compared, {proxy.different:,} different: {args.report}")
    return 0


async def _served(proxy: Shadow, host: str, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    ready = asyncio.Event()
    serving = asyncio.create_task(proxy.serve(host, port, stop, ready))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait((serving, waiting), return_when=asyncio.FIRST_COMPLETED)
    if ready.is_set():
        print(f"listening on http://{host}:{port}; stop with Ctrl-C", flush=True)
    await serving


def _key(name: str) -> str:
    key = os.environ.get(name, "")
    if not key:
        raise SettingsError(
            f"put the key into the environment: {name}=… (it does not belong into a command line)"
        )
    return key
