"""A limit holds exactly while processes of their own spend it at the same time."""

import asyncio
import sys
from pathlib import Path

import pytest

from postwright import accounts
from postwright.accounts import limits
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db
from postwright.kernel.secrets import Vault

SPENDER = Path(__file__).with_name("spender.py")


@pytest.mark.parametrize("sizes", [(1, 1, 1), (7, 3, 1)])
async def test_parallel_processes(db: Db, store_url: str, tmp_path: Path, sizes: tuple[int, ...]) -> None:
    now, vault = Clock().now(), Vault(bytes(32))
    account_id = db.write_now(accounts.create_account, now, "Acme", "owner@example.com", vault)
    db.write_now(limits.set_limit, now, account_id, 1000, 400)

    async def spend(size: int) -> int:
        command = [str(SPENDER), store_url, str(tmp_path), account_id, str(now), str(size)]
        running = await asyncio.create_subprocess_exec(
            sys.executable, *command, stdout=asyncio.subprocess.PIPE
        )
        said, _ = await running.communicate()
        assert running.returncode == 0
        return int(said)

    counts = await asyncio.gather(*map(spend, sizes))
    assert sum(counts) == 600  # whoever spends one at a time takes the rest
    assert db.read_now(limits.limit_of, now, account_id) == (1000, 1000)
