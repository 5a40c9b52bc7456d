"""Limits hold exactly while processes of their own accept messages at the same time, whatever these look like."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from postwright import accounts, domains
from postwright.accounts import limits
from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db, Read
from postwright.kernel.secrets import Vault
from postwright.queue.tables import queue
from tests.world import _PAIR

SPENDER = Path(__file__).with_name("spender.py")
PROCESSES = 3
MONTHLY = 1000  # the lowest there may be
HOUR = 3600 * SECOND

_names = count()
_sizes = st.lists(st.integers(1, 9), min_size=1, max_size=8)


@asynccontextmanager
async def spender(url: str, folder: Path) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(SPENDER), url, str(folder), stdin=PIPE, stdout=PIPE
    )
    try:
        yield process
    finally:
        process.stdin.close()  # type: ignore[union-attr]
        assert await asyncio.wait_for(process.wait(), 30) == 0


async def ask(process: Process, *words: object) -> list[int]:
    """Let a process accept messages; those that passed."""
    process.stdin.write(json.dumps(words).encode() + b"\n")  # type: ignore[union-attr]
    found: list[int] = json.loads(await asyncio.wait_for(process.stdout.readline(), 60))  # type: ignore[union-attr]
    return found


def test_exactly_what_the_limit_says(db: Db, store_url: str, tmp_path: Path) -> None:
    now, vault = Clock().now(), Vault(bytes(32))

    def account(left: int, hourly: int | None) -> tuple[str, str, str]:
        """An account that may send `left` messages in this month; its id and its domain's."""
        name = f"d{next(_names)}.example"
        account_id = db.write_now(accounts.create_account, now, name, "owner@example.com", vault)
        db.write_now(
            domains.create_first, now, vault, account_id, name, _PAIR, sandbox=False, postmaster_hash=""
        )
        db.write_now(limits.set_limit, now, account_id, MONTHLY, MONTHLY - left)
        if hourly is not None:
            db.write_now(limits.set_hourly, now, account_id, hourly)
        return account_id, db.read_now(domains.ids, account_id)[0], name

    async def spend(running: list[Process], left: int, hourly: int | None, wanted: list[list[int]]) -> None:
        account_id, domain_id, name = account(left, hourly)
        hour = Clock().now() // HOUR
        passed = await asyncio.gather(
            *(
                ask(process, account_id, domain_id, name, sizes)
                for process, sizes in zip(running, wanted, strict=True)
            )
        )
        if Clock().now() // HOUR != hour:
            return  # two hours' worth
        total = sum(map(sum, passed))
        room = min(left, left if hourly is None else hourly) - total
        assert room >= 0
        assert db.read_now(_queued, account_id) == total  # what was let through is there, nothing else
        assert db.read_now(limits.limit_of, now, account_id) == (MONTHLY, MONTHLY - left + total)
        for sizes, through in zip(wanted, passed, strict=True):
            refused = list(sizes)
            for size in through:
                refused.remove(size)
            # Nobody was refused for whom there was room: with messages to one, exactly so many pass.
            assert all(size > room for size in refused)

    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        running = [
            runner.run(stack.enter_async_context(spender(store_url, tmp_path))) for _ in range(PROCESSES)
        ]

        @settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @example(left=17, hourly=11, wanted=[[1] * 9] * PROCESSES)
        @example(left=13, hourly=None, wanted=[[1] * 9] * PROCESSES)
        @given(
            left=st.integers(0, 40),
            hourly=st.one_of(st.none(), st.integers(1, 40)),
            wanted=st.lists(_sizes, min_size=PROCESSES, max_size=PROCESSES),
        )
        def check(left: int, hourly: int | None, wanted: list[list[int]]) -> None:
            runner.run(spend(running, left, hourly, wanted))

        try:
            check()
        finally:
            runner.run(stack.aclose())


def _queued(tx: Read, account_id: str) -> int:
    return int(tx.scalar(select(func.count()).where(queue.c.account_id == account_id)))
