"""Every operation of the OpenAPI document, called with what the document allows and with what it does not.

No answer is a 5xx, and each has a status, a content type and a body that the document names. Requests are made
by Schemathesis from the document alone, the same ones in each run; `POSTWRIGHT_EXAMPLES=200` asks for more of
them. The things a path names exist (those of `things`) in two of three requests: others end with a 404.
"""

import asyncio
import os
import random
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from schemathesis import checks
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks as conformance

from postwright.kernel.db import Db
from postwright.kernel.http import Front
from postwright.kernel.http.openapi import describe, operations_of
from tests.world import World, world

from .test_strangers import IP, POOLED, SPARE, WARMED, things

EXAMPLES = int(os.environ.get("POSTWRIGHT_EXAMPLES", "2"))
# These answer when something happens, or when time has passed, which stands still here; tests of their own.
WAITING = ("/postwright/v1/capture/wait", "/postwright/v1/stream")
CHECKS = [
    checks.not_a_server_error,
    conformance.status_code_conformance,
    conformance.content_type_conformance,
    conformance.response_schema_conformance,
]


@pytest.fixture
async def api(sqlite_db: Db, tmp_path: Path) -> AsyncIterator[World]:
    """Two accounts; the first has source addresses and one thing of each kind."""
    async with world(
        sqlite_db, tmp_path, source_ips=f"{IP},{POOLED},{WARMED},{SPARE}", rate_limits="off"
    ) as made:
        yield made


async def test_every_answer_is_one_the_document_names(api: World) -> None:
    front = api.client._transport.app  # type: ignore[attr-defined]
    assert isinstance(front, Front)
    schema = schemathesis.openapi.from_dict(describe(operations_of(front.litestar)))
    known = await things(api)
    operations = [found.ok() for found in schema.get_all_operations() if found.ok().path not in WAITING]
    # What deletes comes last, or the rest would find nothing.
    operations.sort(key=lambda each: (each.method.upper() == "DELETE", -each.path.count("/"), each.path))
    assert len(operations) > 250
    loop = asyncio.get_running_loop()
    wrong: list[str] = []
    statuses: dict[int, int] = {}
    for operation in operations:
        await asyncio.to_thread(_exercise, api, operation, known, loop, wrong, statuses)
    print(dict(sorted(statuses.items())), f"{len(operations)} operations")
    assert not wrong, f"{len(wrong)} answers:\n" + "\n".join(wrong)
    assert statuses.get(200, 0) > 50  # the requests get somewhere


def _exercise(
    api: World,
    operation: Any,
    known: dict[str, dict[str, str]],
    loop: asyncio.AbstractEventLoop,
    wrong: list[str],
    statuses: dict[int, int],
) -> None:
    """Send `EXAMPLES` requests of one operation and check the answers."""
    name = f"{operation.method.upper()} {operation.path}"
    chance = random.Random(zlib.crc32(name.encode()))
    seen: set[str] = set()

    @seed(11)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    @given(case=operation.as_strategy())
    def run(case: Any) -> None:
        if chance.random() < 2 / 3:
            case.path_parameters = _existing(api, operation.path, known, case.path_parameters or {})
        asked = requests.Request(**case.as_transport_kwargs(base_url="https://api.test")).prepare()
        try:
            answer = asyncio.run_coroutine_threadsafe(_send(api, asked), loop).result(20)
        except TimeoutError:
            wrong.append(f"{name}: no answer within 20 s")
            return
        statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
        try:
            case.validate_response(answer, checks=CHECKS)
        except FailureGroup as failures:
            for failure in failures.exceptions:
                told = f"{name}: {answer.status_code} {failure.title}: {failure.message[:300]}"  # type: ignore[attr-defined]
                if told not in seen:
                    seen.add(told)
                    wrong.append(f"{told}\n    {asked.url} {asked.body!r:.300}\n    {answer.text[:300]}")

    run()


async def _send(api: World, asked: requests.PreparedRequest) -> httpx.Response:
    headers = {k: v for k, v in asked.headers.items() if k.lower() not in ("authorization", "content-length")}
    body = asked.body.encode() if isinstance(asked.body, str) else asked.body
    return await api.call(asked.method or "", str(asked.url), headers=headers, content=body)


def _existing(
    api: World, path: str, known: dict[str, dict[str, str]], drawn: dict[str, Any]
) -> dict[str, Any]:
    """The drawn parameters of a path, with the names of things that exist."""
    values = {"domain": api.one.domain, "domain_name": api.one.domain, "authority_name": api.one.domain}
    for start, found in known.items():
        if path.startswith(start):
            values |= found
    if "/domains/{name}" in path:
        values["name"] = api.one.domain
    return {name: values.get(name, value) for name, value in drawn.items()}
