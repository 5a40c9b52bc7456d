"""The web application: routes from controllers, behind a thin layer that tames paths."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import lru_cache
from secrets import token_hex
from typing import Any
from urllib.parse import unquote_to_bytes

from litestar import Controller, Litestar, Request
from litestar.exceptions import HTTPException, NotFoundException
from litestar.types import ASGIApp, Guard

from postwright.kernel.http.answers import Raw, answer, header_value
from postwright.kernel.http.errors import NOT_FOUND, on_exception
from postwright.kernel.http.ops import Constant, Operation, Watch, provide

BAD_HOST = Raw(b'{"message":"Invalid host header"}', status=400)
WELCOME = Raw(b"Mailgun Magnificent API", "text/plain; charset=utf-8")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# A slash inside a path segment while Litestar routes. A lone surrogate: no decoded URL can contain it.
_SLASH = "\udc2f"


class _Request(Request[Any, Any, Any]):
    """A request whose path parameters may contain slashes."""

    @property
    def path_params(self) -> dict[str, Any]:
        """The decoded path parameters. A number no database column holds names nothing."""
        found = self.scope["path_params"]
        if any(isinstance(value, int) and not -(2**63) <= value < 2**63 for value in found.values()):
            raise NotFoundException
        if any(isinstance(value, str) and _SLASH in value for value in found.values()):
            return {k: v.replace(_SLASH, "/") if isinstance(v, str) else v for k, v in found.items()}
        return found


def reply_header(connection: Any, name: str, value: str) -> None:
    """Add a header to the answer of this request, whatever it will be."""
    connection.scope["state"]["reply_headers"].append((name.lower().encode("latin-1"), header_value(value)))


def base_url(public_url: str) -> Callable[[Request[Any, Any, Any]], str]:
    """The dependency `base_url`: how links in this answer begin, without a slash at the end.

    The setting wins, then Host (what `proxies` made of it).
    """
    fixed = public_url.rstrip("/")

    def find(request: Request[Any, Any, Any]) -> str:
        if fixed:
            return fixed
        headers: dict[bytes, bytes] = request.scope["state"]["headers"]
        scheme = request.scope["scheme"]
        host = first_host(headers.get(b"host"))
        if not host:
            server = request.scope.get("server") or ("localhost", None)
            host = f"{server[0]}:{server[1]}" if server[1] else str(server[0])
        return f"{'https' if scheme == 'https' else 'http'}://{host}"

    return find


_HOST_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]")


def first_host(header: bytes | None) -> str:
    """The first of a list of hosts; "" when it could not stand in a URL."""
    text = (header or b"").decode("latin-1").partition(",")[0].strip()
    return text if len(text) <= 300 and _HOST_LETTERS.issuperset(text) else ""


def _segments(raw: bytes) -> list[str] | None:
    """The decoded segments of a path, empty ones left out; None when it is not UTF-8 or has a NUL."""
    segments = []
    for part in raw.split(b"/"):
        if part:
            try:
                segment = unquote_to_bytes(part).decode() if b"%" in part else part.decode()
            except UnicodeDecodeError:
                return None
            if "\0" in segment:
                return None
            segments.append(segment.replace("/", _SLASH))
    return segments


@lru_cache(256)  # the names this server is called by are few
def _is_host(header: bytes) -> bool:
    """Whether a Host header could be one; none is fine (HTTP/1.0)."""
    return not header or first_host(header) != ""


class Front:
    """The ASGI application.

    Doubled and trailing slashes do not matter; `%2F` stays inside its segment; HEAD is a GET whose body the server
    drops; OPTIONS lists the methods of a path; every answer has X-Request-Id.
    """

    def __init__(self, litestar: Litestar, operations: Sequence[Operation]) -> None:
        self.litestar = litestar
        self._operations = operations

    def bind(
        self, constants: Mapping[str, object], guards: Sequence[Guard] = (), watch: Watch | None = None
    ) -> None:
        """Serve with other objects of the same names.

        Registering hundreds of operations takes most of a second, which each of a thousand tests would pay.
        """
        for operation in self._operations:
            operation.bind(constants, guards, watch)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection event stream."""
        if scope["type"] != "http":
            await self.litestar(scope, receive, send)
            return
        request_id = token_hex(8)
        extra = [(b"x-request-id", request_id.encode())]

        async def send_with_headers(event: Any) -> None:
            if event["type"] == "http.response.start":
                event = {**event, "headers": [*event["headers"], *extra]}
            await send(event)

        state = {
            **scope.get("state", {}),
            "request_id": request_id,
            "reply_headers": extra,
            "headers": dict(scope["headers"]),
        }
        scope = {**scope, "root_path": "", "state": state, "litestar_app": self.litestar}
        app = await self._answer(scope, receive, send_with_headers)
        await app(scope, receive, send_with_headers)

    async def _answer(self, scope: Any, receive: Any, send: Any) -> ASGIApp:
        """What to say to a request.

        Litestar finds the operation; the rest of its way there (middleware, response classes, an exit stack, a
        second walk over headers) does nothing for operations, which do it themselves, and cost half as much as
        all of ours.
        """
        raw_path: bytes = scope.get("raw_path") or scope["path"].encode("utf-8", "surrogatepass")
        segments = _segments(raw_path.partition(b"?")[0])
        if segments is None:
            return answer(NOT_FOUND)
        method = scope["method"]
        if not segments and method in ("GET", "HEAD"):
            return answer(WELCOME)
        scope["path"] = path = "/" + "/".join(segments)
        if method == "OPTIONS":
            return self._options(path)
        if method == "HEAD":
            scope["method"] = method = "GET"  # the server, which keeps its own scope, leaves out the body
        try:
            if not _is_host(scope["state"]["headers"].get(b"host", b"")):
                return answer(BAD_HOST)
            _, operation, _, parameters, _ = self.litestar.asgi_router.handle_routing(
                path=path, method=method
            )
            assert isinstance(operation, Operation)
            scope["path_params"] = parameters
            request = _Request(scope, receive, send)
            await operation.authorize_connection(request)
            return await operation.run(request)
        except Exception as problem:
            return on_exception(scope, problem)

    def _options(self, path: str) -> ASGIApp:
        allowed = [method for method in METHODS if self._routes(path, method)]
        if not allowed:
            return answer(NOT_FOUND)
        if "GET" in allowed:
            allowed.append("HEAD")
        return answer(Raw(status=204, headers={"allow": ", ".join([*allowed, "OPTIONS"])}))

    def _routes(self, path: str, method: Any) -> bool:
        try:
            self.litestar.asgi_router.handle_routing(path=path, method=method)
        except HTTPException:
            return False
        return True


Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]


def make_app(
    controllers: Sequence[type[Controller]],
    *,
    constants: Mapping[str, object] | None = None,
    dependencies: Mapping[str, Callable[..., Any]] | None = None,
    guards: Sequence[Guard] = (),
    public_url: str = "",
    lifespan: Sequence[Lifespan] = (),
    watch: Watch | None = None,
) -> Front:
    """Build the application.

    `constants` are dependencies that are the same object for each request (`db`, `clock`, `settings`);
    `dependencies` are computed for each; `watch` is asked before each operation that
    changes something. Raises TypeError for an operation that could not be served.
    """
    provided: dict[str, Any] = {name: Constant(value) for name, value in (constants or {}).items()}
    provided["base_url"] = provide(base_url(public_url))
    provided.update((name, provide(function)) for name, function in (dependencies or {}).items())
    litestar = Litestar(
        list(controllers),
        dependencies=provided,
        guards=list(guards),
        request_class=_Request,
        openapi_config=None,
        logging_config=None,
        lifespan=list(lifespan),
    )
    operations: list[Operation] = []
    for route in litestar.routes:
        for handler in getattr(route, "route_handlers", ()):
            if isinstance(handler, Operation):
                operations.append(handler)
            elif handler.http_methods != {"OPTIONS"}:
                raise TypeError(f"{handler}: declare it with the verbs of kernel.http, with id and access")
    front = Front(litestar, operations)
    front.bind({**(constants or {}), "base_url": None}, guards, watch)
    return front
