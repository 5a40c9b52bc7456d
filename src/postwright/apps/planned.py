"""Operations of the contract that are not built yet: authenticated as all others, then answered with 501."""

import re
import tomllib
from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Any, Literal, NoReturn

import msgspec

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

    @property
    def key(self) -> tuple[str, str]:
        """What identifies it: the method, and the path without its parameters' names."""
        return self.method, _PARAMETER.sub("{}", self.path)


class NotBuilt(Refused):
    """The operation is in the contract, and planned."""

    status = 501


def contract() -> list[Entry]:
    """Every operation of the public API, in the order of the file."""
    text = files("postwright").joinpath("contract", "operations.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text)["operation"], list[Entry])


def operation_keys(controllers: Iterable[type[Controller]]) -> set[tuple[str, str]]:
    """The keys (as `Entry.key`) of all operations that the controllers serve."""
    keys = set()
    for controller in controllers:
        # Litestar declares `path` as a slot, so that a class without a path of its own shows a descriptor.
        path = getattr(controller, "path", None)
        prefix = path.rstrip("/") if isinstance(path, str) else ""
        for name in dir(controller):
            operation = getattr(controller, name)
            if isinstance(operation, Operation):
                for rest in operation.paths:
                    full = (prefix + rest).rstrip("/") or "/"
                    keys.add((operation.method, _PARAMETER.sub("{}", full)))
    return keys


def planned_controllers(
    served: Sequence[type[Controller]], access: object = Area.OWN_USER
) -> tuple[type[Controller], ...]:
    """Controllers for what the contract has and `served` lacks.

    `access` is an area that every role may read: whoever has a valid key learns that the operation is planned.
    """
    working = operation_keys(served)
    operations = {
        entry.id.replace(".", "_"): _planned(entry, access)
        for entry in contract()
        if entry.key not in working
    }
    return (type("Planned", (Controller,), operations),)


def _planned(entry: Entry, access: object) -> Operation:
    async def refuse(self: Any) -> NoReturn:
        raise NotBuilt(f"{entry.method} {entry.path} ({entry.id}) is planned and does not work yet")

    operation = Operation(
        entry.method,
        [_PARAMETER.sub(_as_text, entry.path)],
        id=entry.id,
        access=access,
        status=200,
        errors=(NotBuilt,),
        reads=True,
    )
    return operation(refuse)


def _as_text(parameter: re.Match[str]) -> str:
    """The parameter as the router writes it; its names are Python's, the contract has `entity-id`."""
    return "{" + re.sub("[^a-z_]", "_", parameter[0][1:-1].lower()) + ":str}"
