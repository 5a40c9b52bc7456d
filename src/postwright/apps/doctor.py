"""`postwright doctor`: can this installation do its work, and what is to be done where it cannot."""

import argparse
import asyncio
import json
import os
import sys
import time
from email.message import EmailMessage
from email.policy import SMTP
from typing import Final

import msgspec

from postwright import accounts, domains, events
from postwright.doctor import Doctor, Line, Status
from postwright.kernel.clock import SECOND
from postwright.kernel.errors import Refused
from postwright.kernel.settings import Settings
from postwright.mail.addresses import AddressError, parse_one

from .context import Context, open_context
from .errors import StartFailed
from .own_mail import post
from .smtp import acceptor

TEST_SECONDS: Final = 90.0  # until a test message counts as late
_COLOURS: Final = {Status.PASS: 32, Status.WARN: 33, Status.FAIL: 31}  # ECMA-48 8.3.117
_MARKS: Final = {Status.PASS: "pass", Status.WARN: "WARN", Status.FAIL: "FAIL"}


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command's arguments."""
    parser = commands.add_parser("doctor", help="look what is wrong, and how to put it right")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument(
        "--send-to", metavar="ADDRESS", help="send a test message there, and wait for its delivery"
    )
    parser.add_argument(
        "--probe", default="gmail.com", metavar="DOMAIN", help="whose mail servers are called"
    )
    parser.add_argument("--probe-port", type=int, default=25, help=argparse.SUPPRESS)
    parser.set_defaults(run=_run)


def _run(settings: Settings, args: argparse.Namespace) -> int:
    """0: nothing fails; 1: something does."""
    if settings.database == "sqlite" and not (settings.data_dir / "state.db").exists():
        raise StartFailed(f"there is no store in {settings.data_dir} yet: `postwright serve` makes it")
    lines = asyncio.run(_look(settings, args))
    if args.json:
        print(json.dumps([msgspec.to_builtins(line) for line in lines], indent=2))
    else:
        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        for line in sorted(lines, key=lambda line: list(Status).index(line.status)):
            print(_shown(line, colour))
    return 1 if any(line.status is Status.FAIL for line in lines) else 0


def _shown(line: Line, colour: bool) -> str:
    mark = _MARKS[line.status]
    if colour:
        mark = f"\x1b[{_COLOURS[line.status]}m{mark}\x1b[0m"
    text = f"{mark}  {line.check}  {line.about}: {line.text}"
    return f"{text}\n      -> {line.fix}" if line.fix else text


async def _look(settings: Settings, args: argparse.Namespace) -> list[Line]:
    context = open_context(settings, "doctor")
    try:
        doctor = Doctor(
            settings=settings,
            db=context.db,
            clock=context.clock,
            hostname=context.hostname,
            installation=context.installation,
            probe=args.probe,
            port=args.probe_port,
        )
        lines = await doctor.look()
        if args.send_to:
            lines.append(await _deliver(context, args.send_to))
        return lines
    finally:
        await context.db.close()


async def _deliver(context: Context, address: str) -> Line:
    """Send a message the way all messages go, and wait for what becomes of it."""
    try:
        parse_one(address)
    except AddressError as wrong:
        return Line("delivery", address, Status.FAIL, str(wrong), "give one address")
    account_id = await context.db.read(accounts.any_account)
    first = await context.db.read(domains.first_active, account_id) if account_id else None
    domain = await context.db.read(domains.by_id, first[0]) if first else None
    if domain is None:
        return Line(
            "delivery", address, Status.FAIL, "no domain of the first account may send", "verify a domain"
        )
    now = context.clock.now()
    raw = _mail(domain.name, address)
    try:
        message_id = await post(context, acceptor(context), domain, address, raw, tag="doctor", now=now)
    except Refused as refused:
        return Line("delivery", address, Status.FAIL, refused.text, "see the text")
    deadline = time.monotonic() + TEST_SECONDS
    while time.monotonic() < deadline:
        found = await context.db.read(
            events.of_message, domain.id, message_id.strip("<>"), names=("delivered", "failed")
        )
        for entry in found:
            told = json.loads(entry.data)
            status = told.get("delivery-status", {})
            said = status.get("message") or status.get("description") or ""
            text = f"{entry.name}: {status.get('code', '')} {said}"
            if entry.name == "delivered":
                took = (entry.at - now) / SECOND
                return Line("delivery", address, Status.PASS, f"{text.strip()} ({took:.1f} s)")
            if entry.severity == "permanent":
                return Line("delivery", address, Status.FAIL, text, "read what the receiver says")
        await asyncio.sleep(0.2)
    fix = "is a process with the role delivery running? `postwright queue show` tells of what waits"
    return Line("delivery", address, Status.FAIL, f"not delivered within {TEST_SECONDS:.0f} s", fix)


def _mail(domain: str, address: str) -> bytes:
    message = EmailMessage(policy=SMTP)
    message["From"] = f"Postwright <postmaster@{domain}>"
    message["To"] = address
    message["Subject"] = "A test of delivery"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5
    message.set_content("This message was sent by `postwright doctor` to see whether mail arrives.\n")
    return message.as_bytes()
