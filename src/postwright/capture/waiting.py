"""Waiting for a message: requests that are answered when it comes."""

import asyncio
from typing import Any

from postwright.kernel.db import Db

from . import store
from .errors import BadSearch, NothingCame, TooManyWait
from .schemas import Wanted

MOST = 200  # requests of one process that wait
MAX_SECONDS = 60.0  # of one request: proxies end what is silent for longer
LOOK_SECONDS = 0.05  # between looks, each of which is one read by an index

_waiting = [0]


async def wait(db: Db, account_id: str, wanted: Wanted) -> Any:
    """The oldest message after `wanted.after` that matches, as soon as there is one.

    Raises NothingCame after `wanted.timeout` seconds, TooManyWait, BadSearch.
    """
    if not 0 <= wanted.timeout <= MAX_SECONDS:
        raise BadSearch(f"timeout is a number of seconds from 0 to {MAX_SECONDS:.0f}")
    exact = {"recipient": wanted.recipient.lower(), "message_id": wanted.message_id.strip("<> ")}
    exact = {name: value for name, value in exact.items() if value}
    if _waiting[0] >= MOST:
        raise TooManyWait
    end = asyncio.get_running_loop().time() + wanted.timeout
    _waiting[0] += 1
    try:
        while True:
            row = await db.read(store.first, account_id, wanted.after, exact, wanted.term, wanted.subject)
            if row is not None:
                return row
            left = end - asyncio.get_running_loop().time()
            if left <= 0:
                asked = f" for {wanted.recipient}" if wanted.recipient else ""
                raise NothingCame(f"No captured message{asked} matched within {wanted.timeout:g} s")
            await asyncio.sleep(min(left, LOOK_SECONDS))
    finally:
        _waiting[0] -= 1
