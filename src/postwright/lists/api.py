"""Mailing lists over HTTP."""

import asyncio
from typing import Any

import msgspec

from postwright.accounts import Area, Principal
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, Upload, delete, get, post, put
from postwright.kernel.http.paging import pivot_links, url

from . import schemas, service, uploads
from .errors import BadList, DuplicateList, ListNotFound, MemberExists, MemberNotFound, UploadNotFound
from .schemas import (
    AddCsv,
    AddJson,
    AddMember,
    ChangeList,
    ChangeMember,
    CreateList,
    ListDone,
    ListOffset,
    ListPage,
    ListRemoved,
    Lists,
    ListShown,
    ListsPage,
    MemberDone,
    MemberOffset,
    MemberPage,
    MemberRemoved,
    Members,
    MemberShown,
    MembersPage,
    Named,
    Progress,
    Uploaded,
)
from .service import NewMember

_LISTS = "/v3/lists"
_ONE = f"{_LISTS}/{{list_address:str}}"
_MEMBERS = f"{_ONE}/members"
_MEMBER = f"{_MEMBERS}/{{member_address:str}}"
_UPDATED = "Mailing list has been updated"


class Collection(Controller):
    """All lists of the account."""

    @get(_LISTS, id="lists.list", access=Area.LISTS)
    async def list_(self, principal: Principal, db: Db, fields: ListOffset) -> Lists:
        """List the mailing lists."""
        rows, total = await db.scan(
            service.offset, principal.account_id, fields.address.strip().lower(), fields.skip, fields.limit
        )
        return Lists([schemas.list_info(row) for row in rows], total)

    @get(f"{_LISTS}/pages", id="lists.pages", access=Area.LISTS)
    async def pages(self, principal: Principal, db: Db, base_url: str, fields: ListPage) -> ListsPage:
        """List the mailing lists by address, in pages."""
        turn = fields.turn(fields.address.lower() or None)
        rows = await db.scan(service.page, principal.account_id, turn)
        address = url(base_url, "v3", "lists", "pages")
        links = pivot_links(address, turn, "address", [row.address for row in rows])
        return ListsPage([schemas.list_info(row) for row in rows], links)

    @post(_LISTS, id="lists.create", access=Area.LISTS, errors=(BadList, DuplicateList))
    async def create(self, principal: Principal, db: Db, clock: Clock, fields: CreateList) -> ListDone:
        """Make a mailing list at an address of one of the account's domains."""
        row = await db.write(
            service.create,
            clock.now(),
            principal.account_id,
            service.parse_address(fields.address),
            name=fields.name[: service.MAX_TEXT],
            description=fields.description,
            access_level=service.parse_access(fields.access_level),
            reply_preference=service.parse_reply(fields.reply_preference),
        )
        return ListDone(schemas.list_info(row), "Mailing list has been created")


class One(Controller):
    """One list."""

    @get(_ONE, id="lists.get", access=Area.LISTS, errors=(ListNotFound,))
    async def show(self, principal: Principal, list_address: str, db: Db) -> ListShown:
        """Show a mailing list."""
        return ListShown(schemas.list_info(await db.read(service.one, principal.account_id, list_address)))

    @put(_ONE, id="lists.update", access=Area.LISTS, errors=(ListNotFound, BadList, DuplicateList))
    async def change(self, principal: Principal, list_address: str, db: Db, fields: ChangeList) -> ListDone:
        """Change a mailing list."""
        values: dict[str, Any] = {}
        if fields.name is not None:
            values["name"] = fields.name[: service.MAX_TEXT]
        if fields.description is not None:
            values["description"] = fields.description[: service.MAX_TEXT]
        if fields.access_level is not None:
            values["access_level"] = service.parse_access(fields.access_level)
        reply = fields.reply_preference or fields.reply_reference
        if reply:
            values["reply_preference"] = service.parse_reply(reply)
        list_id = fields.list_id if fields.list_id is not None else fields.list_id_dashed
        if list_id is not None:
            values["list_id"] = service.parse_list_id(list_id)
        to = service.parse_address(fields.address) if fields.address else None
        row = await db.write(service.change, principal.account_id, list_address, values, to)
        return ListDone(schemas.list_info(row), _UPDATED)

    @delete(_ONE, id="lists.delete", access=Area.LISTS, errors=(ListNotFound,))
    async def remove(self, principal: Principal, list_address: str, db: Db) -> ListRemoved:
        """Delete a mailing list with its members."""
        row = await db.read(service.one, principal.account_id, list_address)
        while await db.write(service.empty, row.key):
            pass
        await db.write(service.remove, row.key)
        return ListRemoved(row.address, "Mailing list has been removed")


class MemberCollection(Controller):
    """A list's members."""

    @get(_MEMBERS, id="lists.members.list", access=Area.LISTS, errors=(ListNotFound,))
    async def list_(self, principal: Principal, list_address: str, db: Db, fields: MemberOffset) -> Members:
        """List members, all or only those who are (or are not) subscribed."""
        held = await db.read(service.one, principal.account_id, list_address)
        rows, total = await db.scan(
            service.members_offset,
            held.key,
            fields.subscribed,
            fields.address.strip().lower(),
            fields.skip,
            fields.limit,
        )
        return Members([schemas.member_info(row) for row in rows], total)

    @get(f"{_MEMBERS}/pages", id="lists.members.pages", access=Area.LISTS, errors=(ListNotFound,))
    async def pages(
        self, principal: Principal, list_address: str, db: Db, base_url: str, fields: MemberPage
    ) -> MembersPage:
        """List members by address, in pages."""
        held = await db.read(service.one, principal.account_id, list_address)
        turn = fields.turn(fields.address.lower() or None)
        rows = await db.scan(service.members_page, held.key, fields.subscribed, turn)
        address = url(base_url, "v3", "lists", held.address, "members", "pages")
        query = {} if fields.subscribed is None else {"subscribed": "yes" if fields.subscribed else "no"}
        links = pivot_links(address, turn, "address", [row.address for row in rows], query)
        return MembersPage([schemas.member_info(row) for row in rows], links)

    @post(_MEMBERS, id="lists.members.add", access=Area.LISTS, errors=(ListNotFound, BadList, MemberExists))
    async def add(self, principal: Principal, list_address: str, db: Db, fields: AddMember) -> MemberDone:
        """Add a member, or (upsert) bring one up to date."""
        address = service.parse_address(fields.address)
        member = NewMember(
            address=address.spec.lower(),
            name=fields.name or address.name,
            subscribed=fields.subscribed,
            vars=service.parse_vars(fields.vars),
        )
        row = await db.write(
            service.add_member, principal.account_id, list_address, member, upsert=fields.upsert
        )
        return MemberDone(schemas.member_info(row), "Mailing list member has been created")

    @post(f"{_MEMBERS}.json", id="lists.members.add_json", access=Area.LISTS, errors=(ListNotFound, BadList))
    async def add_json(
        self, principal: Principal, list_address: str, db: Db, clock: Clock, fields: AddJson
    ) -> Uploaded:
        """Add up to a thousand members in a JSON array; more than a hundred in the background."""
        given: Any = fields.members
        if len(given) == 1 and isinstance(given[0], str) and given[0].lstrip()[:1] in ("[", "{"):
            given = given[0]
        entries = uploads.of_json(given)
        return await _upload(principal, list_address, db, clock, entries, "json", fields)

    @post(f"{_MEMBERS}.csv", id="lists.members.add_csv", access=Area.LISTS, errors=(ListNotFound, BadList))
    async def add_csv(
        self, principal: Principal, list_address: str, db: Db, clock: Clock, fields: AddCsv
    ) -> Uploaded:
        """Add the members of a CSV file (5 MB); more than a hundred in the background."""
        given = fields.members
        data = given.data if isinstance(given, Upload) else (given or "").encode()
        if not data:
            raise BadList("members parameter is missing")
        entries = await asyncio.to_thread(uploads.of_csv, data)
        return await _upload(principal, list_address, db, clock, entries, "csv", fields)


async def _upload(
    principal: Principal,
    list_address: str,
    db: Db,
    clock: Clock,
    entries: list[Any],
    kind: str,
    fields: AddJson | AddCsv,
) -> Uploaded:
    row, task = await db.write(
        uploads.start,
        clock.now(),
        principal.account_id,
        list_address,
        entries,
        kind=kind,
        subscribed=fields.subscribed,
        upsert=fields.upsert,
    )
    message = _UPDATED if len(entries) <= uploads.AT_ONCE else "Mailing list upload started in background"
    return Uploaded(schemas.list_info(row), message, task)


class OneMember(Controller):
    """One member of a list."""

    @get(_MEMBER, id="lists.members.get", access=Area.LISTS, errors=(ListNotFound, MemberNotFound))
    async def show(self, principal: Principal, list_address: str, member_address: str, db: Db) -> MemberShown:
        """Show a member."""
        row = await db.read(service.show_member, principal.account_id, list_address, member_address)
        return MemberShown(schemas.member_info(row))

    @put(
        _MEMBER,
        id="lists.members.update",
        access=Area.LISTS,
        errors=(ListNotFound, MemberNotFound, BadList, MemberExists),
    )
    async def change(
        self, principal: Principal, list_address: str, member_address: str, db: Db, fields: ChangeMember
    ) -> MemberDone:
        """Change a member's address, name, variables or subscription."""
        values: dict[str, Any] = {}
        if fields.address:
            values["address"] = service.parse_address(fields.address).spec.lower()
        if fields.name is not None:
            values["name"] = fields.name[: service.MAX_TEXT]
        if fields.vars is not None:
            values["vars"] = msgspec.json.encode(service.parse_vars(fields.vars)).decode()
        if fields.subscribed is not None:
            values["subscribed"] = fields.subscribed
        row = await db.write(
            service.change_member, principal.account_id, list_address, member_address, values
        )
        return MemberDone(schemas.member_info(row), "Mailing list member has been updated")

    @delete(_MEMBER, id="lists.members.delete", access=Area.LISTS, errors=(ListNotFound, MemberNotFound))
    async def remove(
        self, principal: Principal, list_address: str, member_address: str, db: Db
    ) -> MemberRemoved:
        """Delete a member."""
        address = await db.write(service.remove_member, principal.account_id, list_address, member_address)
        return MemberRemoved(Named(address), "Mailing list member has been deleted")


class UploadProgress(Controller):
    """Uploads under way."""

    @get(
        "/postwright/v1/lists/{list_address:str}/uploads/{task_id:str}",
        id="lists.uploads.get",
        access=Area.LISTS,
        errors=(ListNotFound, UploadNotFound),
    )
    async def show(self, principal: Principal, list_address: str, task_id: str, db: Db) -> Progress:
        """Show how far an upload of members is."""
        row = await db.read(uploads.progress, principal.account_id, list_address, task_id)
        return schemas.progress(row)


CONTROLLERS = (Collection, One, MemberCollection, OneMember, UploadProgress)
