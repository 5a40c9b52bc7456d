"""The layer check: this project passes, and each rule has samples that pass and samples that fail."""

from pathlib import Path

import pytest
from tools.check_layers import LAYERS, check, main

ROOT = Path(__file__).parents[2]
Files = dict[str, str]

# A small package in order: every kind of import that is allowed.
GOOD: Files = {
    "__init__.py": "__version__ = '1'",
    "kernel/__init__.py": "",
    "kernel/clock.py": "now = 1",
    "kernel/errors.py": "class Refused(Exception): ...",
    "kernel/db/__init__.py": "from .core import Db\n__all__ = ['Db']",
    "kernel/db/core.py": "import sqlalchemy\nimport psycopg\nclass Db: ...",
    "kernel/http/ops.py": "from litestar import Controller\nfrom postwright.kernel.errors import Refused",
    "mail/__init__.py": "",
    "mail/mime.py": "from .addresses import parse\nimport email",
    "mail/addresses.py": "parse = 1",
    "events/__init__.py": "from .log import append\nfrom . import records",
    "events/log.py": "from .records import Event\nfrom .store import insert\nappend = 1",
    "events/store.py": "from sqlalchemy import select\ninsert = 1",
    "events/records.py": "class Event: ...",
    "accounts/__init__.py": "from .service import Principal as Principal, _private\ndef find(): ...\nLIMIT: int = 1",
    "accounts/service.py": "from postwright.events import append, records\nclass Principal: ...\n_private = 1",
    "accounts/auth.py": "from litestar.connection import ASGIConnection",
    "accounts/tables.py": "import sqlalchemy as sa",
    "domains/__init__.py": "__all__ = ['rule']\nrule = 1\nhidden = 2",
    "domains/scope.py": "from litestar import Request\nfrom postwright.accounts import Principal, LIMIT, find",
    "domains/store/keys.py": "import sqlalchemy",
    "queue/__init__.py": "add = 1",
    "messages/__init__.py": "",
    "messages/api/__init__.py": "from .sending import CONTROLLERS",
    "messages/api/sending.py": "import litestar\nfrom postwright import domains\nCONTROLLERS = domains.rule",
    "messages/accept.py": "from postwright import queue\nfrom postwright.mail.mime import parse\nqueue.add",
    "webhooks/__init__.py": "",
    "webhooks/web.py": "import litestar",
    "apps/__init__.py": "",
    "apps/http.py": "import uvicorn\nfrom postwright.messages.api import C\nfrom postwright.accounts import auth",
    "apps/cli.py": "from postwright import __version__\nfrom .http import build",
    "migrations/env.py": "import alembic\nfrom postwright.kernel.db import Db",
    "testing/__init__.py": "",
    "testing/postgres.py": "import psycopg",
}


def problems(folder: Path, changes: Files) -> list[str]:
    package = folder / "postwright"
    for name, text in (GOOD | changes).items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return [f"{p.path.relative_to(package)}:{p.line}: {p.text}" for p in check(package)]


def test_this_project_is_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0, capsys.readouterr().out


def test_every_folder_of_this_project_is_on_one_line() -> None:
    folders = [folder for line in LAYERS for folder in line]
    assert len(folders) == len(set(folders))


def test_a_package_in_order_passes(tmp_path: Path) -> None:
    assert problems(tmp_path, {}) == []


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        # layers
        ("accounts/x.py", "from postwright.messages import accept", "accounts is below messages"),
        ("accounts/x.py", "\nimport postwright.messages", "x.py:2: accounts is below messages"),
        ("accounts/x.py", "from .. import messages", "accounts is below messages"),
        ("kernel/http/x.py", "from ...accounts import find", "kernel is below accounts"),
        ("logs/x.py", "from postwright.webhooks import send", "on one line"),
        ("capture/x.py", "from postwright.delivery import send", "capture and delivery are on one line"),
        ("mail/x.py", "from postwright.kernel.clock import now", "mail and kernel are on one line"),
        ("mail/x.py", "from postwright import __version__", "nothing called __version__"),
        ("kernel/x.py", "from postwright.mail import mime", "kernel and mail are on one line"),
        ("newcomer/x.py", "", "the folder newcomer has no line"),
        ("stray.py", "", "the folder stray has no line"),
        # exports
        ("messages/x.py", "from postwright.domains import hidden", "domains.hidden is not exported"),
        ("messages/x.py", "from postwright.domains.store import keys", "domains.store.keys is not exported"),
        ("messages/x.py", "from postwright.domains import scope", "domains.scope is not exported"),
        ("messages/x.py", "import postwright.accounts.service", "accounts.service is not exported"),
        ("messages/x.py", "from postwright.accounts import _private", "accounts._private is not exported"),
        ("messages/x.py", "from postwright import domains\ndomains.hidden", "x.py:2: domains.hidden is not"),
        ("messages/x.py", "from postwright import domains as d\nd.hidden", "x.py:2: domains.hidden is not"),
        ("apps/x.py", "from postwright.domains.store.keys import a", "domains.store.keys is not exported"),
        ("apps/x.py", "from postwright.accounts import service", "accounts.service is not exported"),
        # what belongs where
        ("events/x.py", "from sqlalchemy import select", "sqlalchemy may be imported only in"),
        ("kernel/x.py", "import sqlite3", "sqlite3 may be imported only in"),
        ("apps/x.py", "import sqlalchemy.orm", "sqlalchemy may be imported only in"),
        ("messages/x.py", "from litestar import get", "litestar may be imported only in"),
        ("domains/auth.py", "from litestar import Request", "litestar may be imported only in"),
        ("kernel/x.py", "import starlette", "starlette may be imported only in"),
        ("queue/x.py", "def f():\n    def g():\n        import json", "x.py:3: import at the top"),
        (
            "queue/x.py",
            "class A:\n    async def f(self):\n        from json import loads",
            "x.py:3: import at",
        ),
        ("apps/x.py", "from postwright.testing import postgres", "testing and apps|only tests"),
        ("delivery/x.py", "from postwright.testing.postgres import Postgres", "delivery is below|only tests"),
        # cycles
        ("events/records.py", "from .store import insert\nclass Event: ...", ""),
        ("events/store.py", "from .log import append\ninsert = 1", "import cycle: "),
        ("events/store.py", "if TYPE_CHECKING:\n    from .log import append\ninsert = 1", ""),
        (
            "events/store.py",
            "if TYPE_CHECKING:\n    from postwright.queue import add\ninsert = 1",
            "events is below",
        ),
        ("events/records.py", "from postwright.events import append", "import cycle: "),
    ],
)
def test_each_rule_finds_its_breach(tmp_path: Path, name: str, text: str, expected: str) -> None:
    found = problems(tmp_path, {name: text})
    if not expected:
        assert found == []
        return
    assert len(found) == 1 and any(part in found[0] for part in expected.split("|"))
    assert found[0].startswith(name) or "cycle" in expected


def test_it_exits_with_one_and_prints_file_and_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    problems(tmp_path, {"queue/x.py": "\nimport litestar"})
    assert main([str(tmp_path / "postwright")]) == 1
    out = capsys.readouterr().out
    assert "queue/x.py:2: litestar" in out and "layers: 1 problem" in out
