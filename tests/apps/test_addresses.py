"""`postwright ips …` on the command line."""

import asyncio
from pathlib import Path

import pytest

from postwright import accounts, ips
from postwright.apps.cli import main
from postwright.kernel.db import Db
from postwright.kernel.secrets import Vault
from postwright.testing.dns import FakeDns


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], sqlite_db: Db
) -> "Run":
    """Runs a command on a store with one account; what it printed."""
    monkeypatch.setenv("POSTWRIGHT_DATA", str(tmp_path))
    return Run(tmp_path, sqlite_db, capsys)


class Run:
    """The command line."""

    def __init__(self, folder: Path, db: Db, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys
        vault = Vault.from_file(folder / "secret.key")
        self.account = db.write_now(accounts.create_account, 1, "one", "owner@one.test", vault)
        self.db = db

    def __call__(self, *words: str, status: int = 0) -> str:
        assert main(["ips", *words]) == status
        told = self.capsys.readouterr()
        return told.err if status else told.out


def test_addresses_come_and_go(run: Run) -> None:
    assert "the system chooses" in run("list")
    assert run("add", "192.0.2.12", "--ehlo", "out4.example.com", "--band", "gold")
    assert run("add", "192.0.2.13", "--free")
    assert "not a valid IP address" in run("add", "nonsense", status=1)
    lines = run("list").splitlines()
    assert run.account in lines[0] and "band=gold ehlo=out4.example.com" in lines[0]
    assert "free" in lines[1]
    run("band", "192.0.2.12", "silver")
    assert "band=silver" in run("list")
    run("remove", "192.0.2.13")
    assert "192.0.2.13" not in run("list")


def test_features_are_hidden_and_shown(run: Run) -> None:
    assert run("features", run.account).count("usable") == len(ips.Feature)
    shown = run("features", run.account, "--hide", "dynamic_ip_pools", "--hide", "dedicated_ip_bands")
    assert shown.count("hidden") == 2
    assert run.db.read_now(ips.hidden, run.account) == {"dynamic_ip_pools", "dedicated_ip_bands"}
    assert run("features", run.account, "--show", "dynamic_ip_pools").count("hidden") == 1
    assert "no account" in run("features", "nobody", status=1)
    with pytest.raises(SystemExit):
        main(["ips", "features", run.account, "--hide", "everything"])


async def test_addresses_are_looked_at_when_asked(
    run: Run, fake_dns: FakeDns, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("add", "192.0.2.12", "--ehlo", "out.example.com")
    monkeypatch.setenv("POSTWRIGHT_DNS", fake_dns.address)
    monkeypatch.setenv("POSTWRIGHT_BLOCKLISTS", "bl.test")
    fake_dns.set_ptr("192.0.2.12", "out.example.com")
    fake_dns.set("out.example.com", "A", "192.0.2.12")
    told = await asyncio.to_thread(run, "check")
    assert [line.split()[1:3] for line in told.splitlines()] == [
        ["ptr", "valid"],
        ["ehlo", "valid"],
        ["blocklist:bl.test", "clear"],
    ]
    fake_dns.set("12.2.0.192.bl.test", "A", "127.0.0.2")
    assert await asyncio.to_thread(main, ["ips", "check", "192.0.2.12"]) == 1
    assert "listed by bl.test" in run.capsys.readouterr().out
    assert "not declared" in await asyncio.to_thread(run, "check", "192.0.2.99", status=1)
