"""Operations of the contract that are not built yet: authenticated as all others, then answered with 501."""

import re
import tomllib
from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Any, Literal

import msgspec
from litestar import Router
from litestar.routes import HTTPRoute

from postwright.accounts import Area
from postwright.kernel.errors import Refused
from postwright.kernel.http import Controller, Operation

_PARAMETER = re.compile(r"\{[^}]*\}")


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One operation of `contract/operations.toml`."""

    id: str
    group: str
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    state: Literal["planned", "works"]
    gone: bool = False  # answers 410 whatever is asked

    @property
    def key(self) -> tuple[str, str]:
        """What identifies it: the method, and the path without its parameters' names."""
        return self.method, _PARAMETER.sub("{}", self.path)


class NotBuilt(Refused):
    """The operation is in the contract, and planned."""

    status = 501
    message = "Planned, does not work yet"


def contract() -> list[Entry]:
    """Every operation of the public API, in the order of the file."""
    text = files("postwright").joinpath("contract", "operations.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text)["operation"], list[Entry])


def served_operations(
    controllers: Iterable[type[Controller]],
) -> dict[tuple[str, str], tuple[str, Operation]]:
    """What the controllers serve, by its `Entry.key`: the path as the router writes it, and the operation."""
    found = {}
    for controller in controllers:
        # Litestar declares `path` as a slot, so that a class without a path of its own shows a descriptor.
        path = getattr(controller, "path", None)
        prefix = path.rstrip("/") if isinstance(path, str) else ""
        for name in dir(controller):
            operation = getattr(controller, name)
            if isinstance(operation, Operation):
                for rest in operation.paths:
                    full = (prefix + rest).rstrip("/") or "/"
                    found[operation.method, _PARAMETER.sub("{}", full)] = full, operation
    return found


def planned_controllers(
    served: Sequence[type[Controller]], access: object = Area.OWN_USER
) -> tuple[type[Controller], ...]:
    """Controllers for what the contract has and `served` lacks.

    `access` is an area that every role may read: whoever has a valid key learns that the operation is planned.
    """
    working = served_operations(served)
    # Two names for one parameter would make two paths of it in the OpenAPI document, which forbids that.
    named = {shape: path for (_, shape), (path, _) in working.items()}
    operations = {
        entry.id.replace(".", "_"): _planned(entry, named.get(entry.key[1]) or _routed(entry.path), access)
        for entry in contract()
        if entry.key not in working
    }
    return (type("Planned", (_Planned,), operations),)


class _Planned(Controller):
    """A controller that may share paths with those registered before it."""

    def as_router(self) -> Router:
        """The router without the OPTIONS handler that Litestar adds to each of its routes: two of them would clash."""
        router = super().as_router()
        for route in router.routes:
            if isinstance(route, HTTPRoute):
                route.route_handlers = [h for h in route.route_handlers if isinstance(h, Operation)]
        return router


def _planned(entry: Entry, path: str, access: object) -> Operation:
    async def refuse(self: Any) -> None:
        raise NotBuilt(f"{entry.method} {entry.path} ({entry.id}) is planned and does not work yet")

    # The status of success is 501 too: the OpenAPI document must not promise another.
    made = Operation(
        entry.method,
        [path],
        id=entry.id,
        access=access,
        status=NotBuilt.status,
        errors=(NotBuilt,),
        reads=True,
    )
    return made(refuse)


def _routed(path: str) -> str:
    """The path as the router writes it; its parameters are named as in Python, the contract has `entity-id`."""

    def parameter(found: re.Match[str]) -> str:
        return "{" + re.sub("[^a-z_]", "_", found[0][1:-1].lower()) + ":str}"

    return _PARAMETER.sub(parameter, path)
