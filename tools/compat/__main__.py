"""Run every client against a server and write `docs/compatibility.md`.

    python -m tools.compat [--check]

`--check` writes nothing and fails when a call fails that the page says works.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from postwright.testing.sandbox import Sandbox

from . import packages, python_clients, replayed
from .calls import Call, Client

PAGE = Path(__file__).parents[2] / "docs" / "compatibility.md"
SCRIPT_SECONDS = 180
# Products of the same company that are not about sending and receiving.
_OTHER_PRODUCTS = re.compile(r"validate|validation|inboxPlacements")

_INTRO = """# Compatibility

Official clients, run against a server in capture mode, call by call. `make compat` runs them and writes this page;
nothing on it is written by hand. A call works when it gave the client what the client's own types promise.

"""


def script(sandbox: Sandbox, name: str, file: str, folder: Path, about: str) -> Client:
    """A client in Node: a program that prints what came of its calls."""
    command = ["node", str(packages.JS / file), sandbox.base_url, sandbox.key, sandbox.domain]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SCRIPT_SECONDS)
    lines = [line for line in done.stdout.splitlines() if line.startswith("[{")]
    if not lines:
        raise SystemExit(f"{file}: {done.stderr[-3000:]}{done.stdout[-1000:]}")
    return Client(name, about, [Call(**each) for each in json.loads(lines[-1])])


def run() -> list[Client]:
    """All clients; those in Node only where it is."""
    clients = []
    with tempfile.TemporaryDirectory() as folder, Sandbox(Path(folder)) as sandbox:
        for kind in ("open", "click", "unsubscribe"):
            path = f"/v3/domains/{sandbox.domain}/tracking/{kind}"
            sandbox.call("PUT", path, {"active": "yes" if kind != "unsubscribe" else "no"})
        clients.append(python_clients.official(sandbox, f"mailgun {version('mailgun')}"))
        clients.append(python_clients.anymail(sandbox, f"django-anymail {version('django-anymail')}"))
        clients += replayed.run(sandbox)
        node = packages.installed()
        for name, file, about in (
            (
                f"mailgun.js {packages.version_of('mailgun.js')}",
                "mailgun.mjs",
                "The official client for JavaScript.",
            ),
            (
                f"nodemailer-mailgun-transport {packages.version_of('nodemailer-mailgun-transport')}",
                "nodemailer.cjs",
                f"With nodemailer {packages.version_of('nodemailer')}.",
            ),
            (
                f"Ghost {packages.GHOST}",
                "ghost.cjs",
                "Ghost's own client from its package: a newsletter, events, suppressions. Its recipients open, bounce "
                "and complain.",
            ),
        ):
            clients.append(script(sandbox, name, file, node, about))
    return clients


def page(clients: list[Client]) -> str:
    """The page."""
    lines = [_INTRO, "| client | calls that work |", "|---|---|"]
    for client in clients:
        good = sum(call.ok for call in client.calls if not _other(call))
        lines.append(f"| {client.name} | {good} of {sum(not _other(call) for call in client.calls)} |")
    for client in clients:
        lines += ["", f"## {client.name}", "", client.about, "", "| call | works | |", "|---|---|---|"]
        for call in client.calls:
            note = call.note.replace("|", "\\|").replace("\n", " ")
            state = "yes" if call.ok else "another product" if _other(call) else "no"
            lines.append(f"| `{call.call}` | {state} | {'' if call.ok or _other(call) else note} |")
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"


def _other(call: Call) -> bool:
    return not call.ok and bool(_OTHER_PRODUCTS.search(call.call))


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    clients = run()
    text = page(clients)
    bad = [
        f"{client.name}: {call.call}: {call.note}"
        for client in clients
        for call in client.calls
        if not call.ok and not _other(call)
    ]
    print("\n".join(bad) or "every call works")
    if args.check:
        known = set(re.findall(r"^\| (`.*`) \| no \|", PAGE.read_text(), re.MULTILINE))
        worse = [line for line in bad if f"`{line.split(': ', 1)[1].rpartition(': ')[0]}`" not in known]
        return 1 if worse else 0
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
