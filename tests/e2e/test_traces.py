"""Traces at a real receiver of OpenTelemetry's protocol: one trace from the request to the delivery."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from postwright.kernel import tracing
from postwright.testing.sink import Sink
from tests.conftest import StartServer

from .conftest import Api, wait_for

TRACE = "0af7651916cd43dd8448eb211c80319c"


class Receiver:
    """Takes spans as an OTLP collector does."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, Any]] = []  # the process, and the span
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        wanted = ExportTraceServiceRequest()
        body = await request.read()
        wanted.ParseFromString(body)
        for resource in wanted.resource_spans:
            about = {each.key: each.value.string_value for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans += [(about["postwright.process"], span) for span in scope.spans]
        return web.Response(body=b"", content_type="application/x-protobuf")

    def of(self, trace: str) -> dict[str, tuple[str, Any]]:
        return {span.name: (role, span) for role, span in self.spans if span.trace_id.hex() == trace}


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    app = web.Application()
    app.router.add_post("/v1/traces", found.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield found
    await runner.cleanup()


async def test_one_trace_from_the_request_to_the_delivery(
    start_server: StartServer,
    settings: dict[str, str],
    http: aiohttp.ClientSession,
    sink: Sink,
    receiver: Receiver,
) -> None:
    sink.fail("nobody", 550, "5.1.1 No such user", at="RCPT")
    server = await start_server(**settings, roles="api,delivery,projector", otel=receiver.url)
    api = Api(server, http)
    parent = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
    status, body = await api.call(
        "POST",
        f"/v3/{settings['domain']}/messages",
        headers=parent,
        data={
            "from": f"a@{settings['domain']}",
            "to": "secret-person@example.net",
            "subject": "S4711",
            "text": "T",
        },
    )
    assert status == 200, body

    async def whole() -> Mapping[str, tuple[str, Any]] | None:
        found = receiver.of(TRACE)
        return found if {"POST", "accept", "deliver"} <= found.keys() else None

    found = await wait_for(whole, "the trace", 30)
    (door, request), (_, accept), (sender, deliver) = found["POST"], found["accept"], found["deliver"]
    assert (door, sender) == ("http", "delivery")
    assert request.parent_span_id.hex() == "b7ad6b7169203331"
    assert accept.parent_span_id == request.span_id and deliver.parent_span_id == accept.span_id
    assert deliver.start_time_unix_nano >= accept.start_time_unix_nano
    told = {each.key: each.value for each in deliver.attributes}
    assert told["server.address"].string_value == "example.net" and told["smtp.code"].int_value == 250
    assert b"secret-person" not in deliver.SerializeToString() and b"4711" not in request.SerializeToString()
    assert "/v3/" not in request.name  # few names, whatever is asked
    await api.send(to="nobody@example.net")

    async def refused() -> bool:
        return any(span.name == "deliver" and span.status.code == 2 for _, span in receiver.spans)

    await wait_for(refused, "a failed delivery", 30)


def test_off_it_is_not_even_imported() -> None:
    assert not tracing.on() and tracing.current() == ""
    with tracing.span("accept") as made:
        assert made is None


async def test_a_missing_extra_is_told(
    start_server: StartServer, settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace.export", None)
    with pytest.raises(tracing.TracingMissing, match=r"pip install 'postwright\[otel\]'"):
        tracing.check()
    await asyncio.sleep(0)
