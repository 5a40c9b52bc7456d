"""Declaring operations: the verbs, and how a handler's parameters get their values.

A handler's parameters are matched by name: path parameters, `request`, dependencies (of the app, the
controller or the operation) and `fields`. They are resolved one after the other, `fields` last, so that no
byte of a body is read before guards and dependencies agreed. Litestar does the routing and the guards; its own
injection starts a task group for each batch of dependencies, which cost 110 µs a request where this costs 5.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol, get_type_hints

from litestar import Controller, Litestar, Request
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Guard

from postwright.kernel.errors import Refused
from postwright.kernel.http import forms
from postwright.kernel.http.answers import answer

__all__ = [
    "PUBLIC",
    "Constant",
    "Controller",
    "Operation",
    "delete",
    "get",
    "patch",
    "post",
    "provide",
    "put",
]

Handler = Callable[..., Awaitable[object]]
Decorator = Callable[[Handler], "Operation"]


class Watched(Protocol):
    """Stands for the database of one request, to see what it changes."""

    fields: Any

    async def finish(self) -> None:
        """The operation succeeded."""


Watch = Callable[[Any, Any, Any], Watched | None]  # request, operation and its database

PUBLIC = "public"
"""`access` of an operation everybody may call: no guard runs."""

_PATH_PARAMETER = re.compile(r"\{([a-z_]+)(?::[a-z]+)?\}")


class Dependency(Provide):
    """A dependency; what Litestar sees of it is a function of its own that it never calls."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(lambda: None, sync_to_thread=False)
        self.function = function


class Constant(Dependency):
    """A dependency that is the same object for every request."""

    def __init__(self, value: object) -> None:
        super().__init__(lambda: value)
        self.constant = value


def provide(function: Callable[..., Any]) -> Dependency:
    """A dependency computed for each request by a function or coroutine function.

    Its parameters are resolved by name like those of a handler.
    """
    return Dependency(function)


class Operation(HTTPRouteHandler):
    """One operation of the API: a Litestar handler that knows what it takes, gives, refuses and requires."""

    def __init__(
        self,
        method: str,
        paths: Sequence[str],
        *,
        id: str,
        access: object,
        status: int,
        errors: Sequence[type[Refused]],
        reads: bool,
        gives: Any = None,
    ) -> None:
        if access is None:
            raise TypeError(f"{id}: access is required")
        super().__init__(
            list(paths),
            http_method=method,  # type: ignore[arg-type]  # one of the five literals below
            name=id,
            opt={"access": access, "reads": reads or method == "GET"},
            include_in_schema=False,
            status_code=200,  # ours is put on the answer; Litestar only checks its own guess
        )
        self.id = id
        self.declared = tuple("/" + path.strip("/") for path in paths)
        self.method = method
        self.access = access
        self.status = status
        self.errors = tuple(errors)
        self.takes: Any = None
        self.gives: Any = None
        self._documented = gives
        self.watch: Watch | None = None
        self.summary = ""
        self.wants: tuple[str, ...] = ()

    def __call__(self, fn: Handler) -> "Operation":
        """Take the handler. Litestar is given one function for all operations, and no signature to inspect."""
        if not inspect.iscoroutinefunction(fn):
            raise TypeError(f"{self.id}: a handler is a coroutine function")
        self.handler = fn
        self.summary = (inspect.getdoc(fn) or "").partition("\n")[0]
        self.wants = tuple(inspect.signature(fn).parameters)[1:]
        super().__call__(_never)
        return self

    def on_registration(self, app: Litestar) -> None:
        """Resolve annotations and work out how to call the handler. Raises TypeError for what cannot work."""
        super().on_registration(app)
        hints = get_type_hints(self.handler, include_extras=True)
        if "return" not in hints:
            raise TypeError(f"{self.id}: what does it return?")
        self.takes, self.gives = hints.get("fields"), self._documented or hints["return"]
        self._form = forms.form_of(self.takes) if "fields" in self.wants else None
        self._constants: dict[str, object] = {}
        self._steps: list[tuple[str, Callable[..., Any], tuple[str, ...], bool]] = []
        providers: dict[str, Any] = {}
        for layer in self.ownership_layers:
            providers.update(layer.dependencies or {})
        known = set.intersection(*(set(_PATH_PARAMETER.findall(path)) for path in self.full_paths())) | {
            "request"
        }
        self._wanted = tuple(name for name in self.wants if name != "fields")
        self._fields_at = self.wants.index("fields") if "fields" in self.wants else -1
        self._guards = self.resolve_guards()
        self._bound = partial(self.handler, self.owner)
        for name in self._wanted:
            self._plan(name, known, providers, ())

    def bind(self, constants: Mapping[str, object], guards: Sequence[Guard], watch: Watch | None) -> None:
        """Serve with these objects from now on."""
        self._constants = {name: constants[name] for name in self._constants}
        self._guards = [] if self.access == PUBLIC else list(guards)
        self.watch = None if self.opt["reads"] else watch

    def full_paths(self) -> list[str]:
        """The paths from the root, in the order of declaration."""
        prefix = "".join(getattr(layer, "path", "").rstrip("/") for layer in self.ownership_layers[:-1])
        return [(prefix + path).rstrip("/") or "/" for path in self.declared]

    def _plan(
        self, name: str, known: set[str], providers: Mapping[str, Any], within: tuple[str, ...]
    ) -> None:
        if name in known:
            return
        if name in within or name not in providers:
            trail = " <- ".join((name, *reversed(within)))
            raise TypeError(f"{self.id}: nothing provides the parameter {trail}")
        provider = providers[name]
        known.add(name)
        if isinstance(provider, Constant):
            self._constants[name] = provider.constant
            return
        if not isinstance(provider, Dependency):
            raise TypeError(f"{self.id}: wrap the dependency {name} in provide(…)")
        function = provider.function
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"{self.id}: the dependency {name} is a generator, which is not supported")
        wants = tuple(inspect.signature(function).parameters)
        known.discard(name)
        for wanted in wants:
            self._plan(wanted, known, providers, (*within, name))
        known.add(name)
        self._steps.append((name, function, wants, inspect.iscoroutinefunction(function)))

    def resolve_dependencies(self) -> dict[str, Provide]:
        """None for Litestar: `_plan` looks after them."""
        return {}

    def resolve_guards(self) -> list[Guard]:
        """The guards of all layers; none for a public operation."""
        return [] if self.access == PUBLIC else super().resolve_guards()

    async def authorize_connection(self, connection: ASGIConnection[Any, Any, Any, Any]) -> None:
        """Run the guards, on this handler itself: the inherited method copies it for each guard."""
        for guard in self._guards:
            await guard(connection, self)  # type: ignore[misc]  # Litestar made them coroutine functions

    async def run(self, request: Request[Any, Any, Any]) -> ASGIApp:
        """Call the handler and encode what it gives."""
        values: dict[str, Any] = {**self._constants, **request.path_params, "request": request}
        watched = self.watch(request, self, values.get("db")) if self.watch is not None else None
        if watched is not None:
            values["db"] = watched
        for name, function, wants, is_async in self._steps:
            value = function(*[values[want] for want in wants])
            values[name] = await value if is_async else value
        arguments = [values[name] for name in self._wanted]
        if self._form:
            fields = await forms.read(request.scope, request.receive, self._form)
            arguments.insert(self._fields_at, fields)
            if watched is not None:
                watched.fields = fields
        result = await self._bound(*arguments)
        if watched is not None:
            await watched.finish()
        return answer(result, self.status)


async def _never(self: Controller) -> None:
    """What Litestar takes for the handler of every operation; `Front` calls `run` instead."""


class Verb(Protocol):
    """What `get`, `post`, `put`, `patch` and `delete` take."""

    def __call__(
        self,
        *paths: str,
        id: str,
        access: object,
        status: int = 200,
        errors: Sequence[type[Refused]] = (),
        reads: bool = False,
        gives: Any = None,
    ) -> Decorator:
        """Declare an operation under one or several paths.

        `id` names it for good; `access` is judged by the guards (PUBLIC: by none); `errors` are the refusals
        to document; `reads` says that a method other than GET changes nothing; `gives` describes the answer of
        a handler that returns finished bytes.
        """


def _verb(method: str) -> Verb:
    def verb(
        *paths: str,
        id: str,
        access: object,
        status: int = 200,
        errors: Sequence[type[Refused]] = (),
        reads: bool = False,
        gives: Any = None,
    ) -> Decorator:
        return Operation(
            method,
            paths or ("/",),
            id=id,
            access=access,
            status=status,
            errors=errors,
            reads=reads,
            gives=gives,
        )

    return verb


get = _verb("GET")
post = _verb("POST")
put = _verb("PUT")
patch = _verb("PATCH")
delete = _verb("DELETE")
