"""Commands about source addresses."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from typing import Any

from postwright import accounts, alerts, ips
from postwright.kernel.db import Write
from postwright.kernel.db.migrate import migrate
from postwright.kernel.errors import Refused
from postwright.kernel.settings import Settings

from .context import Context, open_context


def add(commands: Any) -> None:
    """Add `postwright ips …` to the command line."""
    group = commands.add_parser("ips", help="source addresses: list, add, remove, band, features, check")
    verbs = group.add_subparsers(required=True, metavar="VERB")
    listed = verbs.add_parser("list", help="list all addresses, whose they are, and their bands")
    listed.set_defaults(run=_command(_list))
    added = verbs.add_parser("add", help="declare an address; the first account's unless shared or free")
    added.add_argument("address")
    added.add_argument("--ehlo", default="", help="the name it introduces itself by")
    added.add_argument("--band", default="")
    whose = added.add_mutually_exclusive_group()
    whose.add_argument("--shared", action="store_true", help="every account may use it")
    whose.add_argument("--free", action="store_true", help="handed out when an account asks for one")
    added.set_defaults(run=_command(_add))
    removed = verbs.add_parser("remove", help="forget an address that was added here")
    removed.add_argument("address")
    removed.set_defaults(run=_command(_remove))
    band = verbs.add_parser("band", help="put an address into a band")
    band.add_argument("address")
    band.add_argument("band")
    band.set_defaults(run=_command(_band))
    features = verbs.add_parser(
        "features", help="what an account may use of addresses; --hide and --show change it"
    )
    features.add_argument("account", help="the account's id")
    names = [str(each) for each in ips.Feature]
    for flag, text in (("--hide", "let the account not use it"), ("--show", "let it use it again")):
        features.add_argument(flag, action="append", default=[], choices=names, help=text)
    features.set_defaults(run=_command(_features))
    checked = verbs.add_parser("check", help="look at PTR record, EHLO name and blocklists of addresses now")
    checked.add_argument("address", nargs="*", help="default: all")
    checked.set_defaults(run=_check)


def _command(work: Any) -> Any:
    def run(settings: Settings, args: argparse.Namespace) -> int:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        migrate(settings.database, settings.data_dir)
        context = open_context(settings, "cli")
        try:
            text: str = context.db.write_now(work, context.clock.now(), args)
        except Refused as no:
            print(f"postwright: {no.text}", file=sys.stderr)
            return 1
        finally:
            context.db.close_now()
        print(text)
        return 0

    return run


def _check(settings: Settings, args: argparse.Namespace) -> int:
    """Look now, and keep what was found like the looks by the clock. Status 1 when anything is wrong."""
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    migrate(settings.database, settings.data_dir)
    context = open_context(settings, "cli")
    try:
        wanted = {ips.parse(text) for text in args.address}
        declared = {each.address: each for each in context.db.read_now(ips.all_ips) if each.enabled}
        if unknown := wanted - declared.keys():
            raise ips.BadIp(f"{unknown.pop()} is not declared")
        chosen = [each for each in declared.values() if not wanted or each.address in wanted]
        return asyncio.run(_look(context, chosen))
    except Refused as no:
        print(f"postwright: {no.text}", file=sys.stderr)
        return 1
    finally:
        context.db.close_now()


async def _look(context: Context, chosen: Sequence[ips.SourceIp]) -> int:
    watch = ips.Watch(context.settings, context.db, context.clock, context.hostname, alerts.announce)
    wrong = 0
    for each in chosen:
        for kind, finding in (await watch.address(each.address, each.ehlo, each.account_id)).items():
            wrong += finding.outcome in ("invalid", "listed")
            shown = finding.detail or ", ".join(finding.found)
            print(f"{each.address:<40} {kind:<34} {finding.outcome:<8} {shown}")
    return 1 if wrong else 0


def _list(tx: Write, now: int, args: argparse.Namespace) -> str:
    lines = []
    for each in ips.all_ips(tx):
        kind = "dedicated" if each.dedicated else "shared"
        owner = each.account_id or ("free" if each.dedicated else "everybody")
        state = "" if each.enabled else "  (not declared any more)"
        lines.append(
            f"{each.address:<40} {kind:<9} {owner:<24} band={each.band or '-'} ehlo={each.ehlo or '-'}{state}"
        )
    return "\n".join(lines) or "no source addresses: the system chooses"


def _add(tx: Write, now: int, args: argparse.Namespace) -> str:
    account_id = accounts.any_account(tx)
    if account_id is None:
        raise ips.BadIp("there is no account yet; `postwright serve` makes the first one")
    address = ips.parse(args.address)
    declared = ips.Declared(address, args.ehlo, not args.shared, args.free, args.band)
    ips.declare(tx, now, account_id, [declared], ips.COMMAND)
    return f"{address} is declared"


def _remove(tx: Write, now: int, args: argparse.Namespace) -> str:
    address = ips.parse(args.address)
    ips.remove(tx, address)
    return f"{address} is forgotten"


def _band(tx: Write, now: int, args: argparse.Namespace) -> str:
    address = ips.parse(args.address)
    ips.put_in_band(tx, address, args.band)
    return f"{address} is in band {args.band}"


def _features(tx: Write, now: int, args: argparse.Namespace) -> str:
    if args.account not in accounts.family(tx, args.account):
        raise ips.BadIp(f"there is no account {args.account}")
    hidden = (ips.hidden(tx, args.account) | set(args.hide)) - set(args.show)
    ips.set_hidden(tx, args.account, [each for each in ips.Feature if each in hidden])
    return "\n".join(f"{each:<26} {'hidden' if each in hidden else 'usable'}" for each in ips.Feature)
