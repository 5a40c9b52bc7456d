"""The application from the outside, and what it refuses to start with."""

import logging
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar import get as litestar_get

from postwright.kernel.http import Controller, Raw, get, make_app, post, provide

from .sample import Area, sample_app

OK = {"authorization": "ok"}
NOT_FOUND = {"error": "not found", "message": "not found"}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(sample_app())
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test", headers=OK) as client:
        yield client


async def test_an_operation(client: httpx.AsyncClient) -> None:
    reply = await client.post("/v3/d.example/messages", data={"from": "a", "to": ["b", "c"], "v:x": "1"})
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    assert len(reply.headers["x-request-id"]) == 16
    got = reply.json()
    assert (got["id"], got["message"]) == ("d.example/the-db", "http://api.test")
    assert (got["saw"]["to"], got["saw"]["extra"]) == (["b", "c"], {"v:x": ["1"]})
    again = await client.post("/v3/x/d.example/messages", data={"from": "a", "to": "b"})
    assert again.json()["id"] == "d.example/the-db"


async def test_replies_with_status_and_headers(client: httpx.AsyncClient) -> None:
    reply = await client.post("/v3/d.example/bounces", json=[{"address": "a"}, {"address": "b"}])
    assert (reply.status_code, reply.json()) == (201, [{"address": "a"}, {"address": "b"}])
    assert reply.headers["x-domain"] == "d.example"
    gone = await client.request("DELETE", "/v3/d.example/bounces", json={"a": 1})
    assert (gone.status_code, gone.content) == (204, b"")
    assert "content-type" not in gone.headers
    raw = await client.get("/v3/d.example/raw")
    assert (raw.status_code, raw.text, raw.headers["content-type"]) == (203, "d.example", "text/plain")
    assert raw.headers["x-said"] == "a  Set-Cookie: b=c"
    assert "set-cookie" not in raw.headers


async def test_get_takes_no_body(client: httpx.AsyncClient) -> None:
    reply = await client.request("GET", "/v3/d.example/bounces?limit=5", json={"limit": "x"})
    assert (reply.status_code, "limit=5" in reply.json()["paging"]["first"]) == (200, True)


async def test_refusals(client: httpx.AsyncClient) -> None:
    missing = await client.post("/v3/d.example/messages", data={"to": "b"})
    assert (missing.status_code, missing.json()) == (400, {"message": "from parameter is missing"})
    unknown = await client.post(
        "/v3/unknown.example/messages", content=b"\xff", headers={"content-type": "x/y"}
    )
    assert (unknown.status_code, unknown.json()) == (404, {"message": "Domain not found"})
    fast = await client.post("/v3/d.example/halt")
    assert (fast.status_code, fast.headers["retry-after"], fast.json()) == (
        429,
        "7",
        {"message": "Too Many Requests"},
    )


async def test_guards_run_before_a_byte_is_read() -> None:
    taken: list[dict[str, Any]] = []

    async def receive() -> Any:
        raise AssertionError("the body was read")

    async def send(event: Any) -> None:
        taken.append(event)

    scope: Any = {
        "type": "http", "method": "POST", "path": "/v3/d.example/messages", "query_string": b"", "headers": [],
        "scheme": "http", "http_version": "1.1", "client": None, "server": None,
    }  # fmt: skip
    await sample_app()(scope, receive, send)
    headers = dict(taken[0]["headers"])
    assert (taken[0]["status"], taken[1]["body"]) == (401, b"Forbidden")
    assert headers[b"www-authenticate"] == b'Basic realm="MG API"'
    assert headers[b"content-type"] == b"text/plain"


async def test_guards_see_what_the_operation_says_and_may_add_headers(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v3/d.example/bounces")).headers["x-reads"] == "True"
    assert (await client.post("/v3/d.example/halt")).headers["x-reads"] == "True"
    assert (await client.delete("/v3/d.example/bounces")).headers["x-reads"] == "False"
    assert "x-reads" not in (await client.get("/v3/d.example/raw")).headers  # public: no guard


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/nothing"), ("GET", "/v3/d.example/messages"), ("PATCH", "/v3/d.example/messages"), ("POST", "/"),
     ("OPTIONS", "/nothing"), ("HEAD", "/nothing"), ("TRACE", "/v3/d.example/bounces"),
     ("GET", "/v3/%ff/raw"), ("GET", "/v3/a%00b/raw")],
)  # fmt: skip
async def test_unknown_paths_and_methods(client: httpx.AsyncClient, method: str, path: str) -> None:
    reply = await client.request(method, path)
    assert reply.status_code == 404
    if method != "HEAD":
        assert reply.json() == NOT_FOUND


@pytest.mark.parametrize("path", ["/", "//", "///"])
async def test_the_root(client: httpx.AsyncClient, path: str) -> None:
    reply = await client.get(f"http://api.test{path}")
    assert (reply.status_code, reply.text) == (200, "Mailgun Magnificent API")
    assert reply.headers["content-type"].startswith("text/plain")


async def test_a_crash_tells_nothing_and_is_logged(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "postwright.http"):
        reply = await client.put("/v3/d.example/crash")
    assert (reply.status_code, reply.json()) == (500, {"message": "Internal Server Error"})
    (record,) = [r for r in caplog.records if r.name == "postwright.http"]
    assert record.__dict__["request_id"] == reply.headers["x-request-id"]
    assert "secret of d.example" in str(record.exc_info)


async def test_head_and_options(client: httpx.AsyncClient) -> None:
    head = await client.head("/v3/d.example/raw")
    assert (head.status_code, head.headers["content-length"], head.content) == (203, "9", b"")
    options = await client.options("/v3/d.example/bounces", headers={"authorization": ""})
    assert (options.status_code, options.headers["allow"]) == (204, "GET, POST, DELETE, HEAD, OPTIONS")


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("//v3//d.example/tags/x//", "d.example|x"),
        ("/v3/d.example/tags/a%40b", "d.example|a@b"),
        ("/v3/d.example/tags/a%2Fb%2f", "d.example|a/b/"),
        ("/v3/d.example/tags/a%20b+c", "d.example|a b+c"),
        ("/v3/d.example/tags/%C3%BC%25", "d.example|ü%"),
        ("/v3/d.example/tags/%3Fx", "d.example|?x"),
    ],
)
async def test_paths(client: httpx.AsyncClient, path: str, meant: str) -> None:
    assert (await client.get(f"http://api.test{path}")).json() == {"address": meant}


@pytest.mark.parametrize(
    ("public_url", "headers", "base"),
    [
        ("", {}, "http://api.test"),
        ("", {"host": "localhost:8025"}, "http://localhost:8025"),
        # What anybody can write means nothing: `proxies` believes those it knows.
        ("", {"x-forwarded-proto": "https", "x-forwarded-host": "mail.example"}, "http://api.test"),
        ("https://mail.example/base/", {"x-forwarded-host": "other"}, "https://mail.example/base"),
    ],
)
async def test_base_url(public_url: str, headers: dict[str, str], base: str) -> None:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(sample_app(public_url)), base_url="http://api.test", headers=OK
    ) as client:
        reply = await client.get("/v3/d.example/bounces", headers=headers)
    links = reply.json()["paging"]
    assert links["first"] == f"{base}/v3/d.example/bounces?limit=100"
    assert len(links) == 4


def controller(*operations: Any, **provided: Any) -> type[Controller]:
    return type(
        "Made", (Controller,), {"dependencies": provided, **{f"op{n}": o for n, o in enumerate(operations)}}
    )


async def plain(self: Controller) -> Raw:
    return Raw()


async def wants(self: Controller, thing: int) -> Raw:
    return Raw()


async def untold(self: Controller):  # type: ignore[no-untyped-def]
    return Raw()


def sync(self: Controller) -> Raw:
    return Raw()


def loop_a(b: int) -> int:
    return b


def loop_b(a: int) -> int:
    return a


async def wants_a(self: Controller, a: int) -> Raw:
    return Raw()


def generator() -> Any:
    yield 1


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (lambda: controller(get("/a", id="a", access=None)(plain)), "access is required"),
        (lambda: controller(get("/a", id="a", access=Area.MESSAGES)(cast("Any", sync))), "coroutine function"),
        (lambda: controller(get("/a", id="a", access=Area.MESSAGES)(untold)), "what does it return"),
        (lambda: controller(get("/a", id="a", access=Area.MESSAGES)(wants)), "nothing provides the parameter thing"),
        (lambda: controller(get("/a/{thing:int}", "/b", id="a", access=Area.MESSAGES)(wants)), "nothing provides"),
        (lambda: controller(get("/a", id="a", access=1)(wants_a), a=provide(loop_a), b=provide(loop_b)), "a <- b <- a"),
        (lambda: controller(get("/a", id="a", access=1)(wants), thing=provide(generator)), "generator"),
    ],
)  # fmt: skip
def test_what_cannot_work_fails_at_start(build: Callable[[], type[Controller]], reason: str) -> None:
    with pytest.raises(Exception, match=reason):
        make_app([build()])


def test_plain_framework_handlers_are_refused() -> None:
    @litestar_get("/a", sync_to_thread=False)
    def handler(self: Controller) -> str:
        return "x"

    with pytest.raises(TypeError, match="declare it with the verbs"):
        make_app([controller(handler)])


def test_access_has_no_default() -> None:
    with pytest.raises(TypeError):
        post("/a", id="a")(plain)  # type: ignore[call-arg]


async def test_dependencies_of_dependencies_run_once() -> None:
    calls: list[str] = []

    async def first() -> int:
        calls.append("first")
        return 1

    def second(first: int, request: Any) -> str:
        calls.append("second")
        return f"{first} {request.method}"

    async def handler(self: Controller, second: str, first: int, number: int) -> Raw:
        return Raw(msgspec.json.encode([second, first, number]))

    made = controller(
        get("/a/{number:int}", id="a", access=1)(handler), first=provide(first), second=provide(second)
    )
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(make_app([made])), base_url="http://t"
    ) as client:
        assert (await client.get("/a/5")).json() == ["1 GET", 1, 5]
        for number in ("x", "9" * 19, "9" * 5_000):
            assert (await client.get(f"/a/{number}")).status_code == 404
    assert calls == ["first", "second"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(
    st.binary(max_size=30),
    st.binary(max_size=20),
    st.binary(max_size=60),
    st.sampled_from(
        ["application/json", "multipart/form-data; boundary=b", "", "text/x", "ü".encode().decode("latin-1")]
    ),
    st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "BREW"]),
)
async def test_garbage_never_breaks_the_server(
    path: bytes, query: bytes, body: bytes, content_type: str, method: str
) -> None:
    events: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(event: Any) -> None:
        events.append(event)

    for prefix in (b"/", b"/v3/d.example/messages/", b"/v3/d.example/tags/"):
        events.clear()
        scope = {
            "type": "http", "method": method, "path": "/", "raw_path": prefix + path, "query_string": query,
            "headers": [(b"authorization", b"ok"), (b"host", b"x"), (b"content-type", content_type.encode("latin-1"))],
            "scheme": "http", "http_version": "1.1", "client": None, "server": None,
        }  # fmt: skip
        await APP(scope, receive, send)
        assert events[0]["status"] < 500


APP = sample_app()
