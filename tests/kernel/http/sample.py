"""A small API to test the kit with."""

import enum
from typing import Any, ClassVar

import msgspec
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from postwright.kernel.errors import Refused
from postwright.kernel.http import (
    PUBLIC,
    Controller,
    Front,
    Halt,
    KeepEmpty,
    Moment,
    OpenApi,
    Raw,
    Reply,
    Upload,
    delete,
    get,
    make_app,
    paging,
    post,
    provide,
    put,
    reply_header,
)


class Area(enum.Enum):
    MESSAGES = "messages"


class NoSuchDomain(Refused):
    """The domain does not exist."""

    status = 404
    message = "Domain not found"


class TooFast(Refused):
    """Too many requests."""

    status = 429
    message = "Too Many Requests"
    headers: ClassVar[dict[str, str]] = {"retry-after": "7"}


class Send(msgspec.Struct, kw_only=True):
    sender: str = msgspec.field(name="from")
    to: list[str]
    subject: str = ""
    tags: list[str] = msgspec.field(name="o:tag", default_factory=list)
    test: bool = msgspec.field(name="o:testmode", default=False)
    when: Moment | None = msgspec.field(name="o:deliverytime", default=None)
    note: KeepEmpty | None = None
    attachment: list[Upload] = []
    extra: dict[str, list[str]] = {}


class Sent(msgspec.Struct):
    id: str
    message: str
    saw: dict[str, Any]


class Item(msgspec.Struct):
    address: str


class Items(msgspec.Struct):
    items: list[Item]
    paging: paging.Links


class Listed(paging.Pivot, kw_only=True):
    address: str | None = None
    term: str = ""


class Tenant(msgspec.Struct):
    name: str
    db: str


async def tenant(domain: str, db: str) -> Tenant:
    if domain == "unknown.example":
        raise NoSuchDomain
    return Tenant(domain, db)


class Messages(Controller):
    path = "/v3"
    dependencies = {"tenant": provide(tenant)}

    @post(
        "/{domain:str}/messages",
        "/x/{domain:str}/messages",
        id="send",
        access=Area.MESSAGES,
        errors=(NoSuchDomain,),
    )
    async def send(self, tenant: Tenant, fields: Send, base_url: str) -> Sent:
        """Send a message.

        To whom it concerns.
        """
        saw = msgspec.to_builtins(fields)
        saw["attachment"] = [[f.filename, f.content_type, len(f.data)] for f in fields.attachment]
        return Sent(f"{tenant.name}/{tenant.db}", base_url, saw)

    @get("/{domain:str}/bounces", id="bounces.list", access=Area.MESSAGES)
    async def bounces(self, domain: str, base_url: str, fields: Listed) -> Items:
        """List bounces."""
        links = paging.pivot_links(
            paging.url(base_url, "v3", domain, "bounces"), fields.turn(fields.address), "address", []
        )
        return Items([], links)

    @post("/{domain:str}/bounces", id="bounces.add", access=Area.MESSAGES, status=202)
    async def add(self, domain: str, fields: Item | list[Item]) -> Reply[list[Item]]:
        """Add bounces."""
        return Reply(
            fields if isinstance(fields, list) else [fields], status=201, headers={"X-Domain": domain}
        )

    @delete("/{domain:str}/bounces", id="bounces.clear", access=Area.MESSAGES, status=204)
    async def clear(self, domain: str) -> None:
        """Remove all bounces."""

    @put("/{domain:str}/crash", id="crash", access=Area.MESSAGES)
    async def crash(self, domain: str) -> Item:
        """Fail."""
        raise RuntimeError(f"secret of {domain}")

    @post("/{domain:str}/halt", id="halt", access=Area.MESSAGES, reads=True)
    async def halt(self, domain: str) -> Item:
        """Be too fast."""
        raise TooFast

    @get("/{domain:str}/raw", id="raw", access=PUBLIC)
    async def raw(self, domain: str) -> Raw:
        """Say it in text."""
        return Raw(domain.encode(), "text/plain", 203, {"X-Said": "a\r\nSet-Cookie: b=c"})

    @get("/{domain:str}/tags/{tag:str}", id="tag", access=PUBLIC)
    async def tag(self, domain: str, tag: str) -> Item:
        """Show one tag."""
        return Item(f"{domain}|{tag}")


async def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Let in who sends the header `authorization: ok`."""
    assert handler.opt["access"] is Area.MESSAGES
    if connection.headers.get("authorization") != "ok":
        raise Halt(Raw(b"Forbidden", "text/plain", 401, {"www-authenticate": 'Basic realm="MG API"'}))
    reply_header(connection, "X-Reads", str(handler.opt["reads"]))


def sample_app(public_url: str = "") -> Front:
    return make_app([Messages, OpenApi], constants={"db": "the-db"}, guards=[guard], public_url=public_url)
