"""Bulk uploads: read as a whole when they come in, added in batches that survive any death."""

import csv
import io
from collections.abc import Sequence
from typing import Any

import msgspec

from postwright import events
from postwright.events import Event
from postwright.kernel.db import Read, Write
from postwright.kernel.errors import Refused
from postwright.kernel.ids import hex_id

from . import service, store
from .errors import BadList, ListNotFound, MemberExists, UploadNotFound
from .service import NewMember

AT_ONCE = 100  # entries; more run in the background (behaviour.md 11)
MAX_JSON = 1000  # entries of members.json
MAX_ENTRIES = 100_000
MAX_CSV = 5 * 1024 * 1024  # bytes
BATCH = 500  # entries a transaction
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[Any]).decode


def of_json(given: Any) -> list[Any]:
    """The entries of members.json. Raises BadList."""
    if isinstance(given, str):
        try:
            given = msgspec.json.decode(given)
        except (msgspec.DecodeError, RecursionError) as wrong:
            raise BadList("'members' parameter is not a valid JSON") from wrong
    if not isinstance(given, list):
        raise BadList("'members' parameter is not valid: a JSON array expected")
    if len(given) > MAX_JSON:
        raise BadList(f"Too many members, max is {MAX_JSON}")
    return given


def of_csv(data: bytes) -> list[Any]:
    """The entries of members.csv. Raises BadList."""
    if len(data) > MAX_CSV:
        raise BadList("CSV file is too big, max allowed size is 5 MB")
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
        names = [name.strip().lower() for name in reader.fieldnames or []]
        if "address" not in names:
            raise BadList("members parameter is not valid: a CSV file with a column 'address' expected")
        reader.fieldnames = names
        entries: list[Any] = []
        for row in reader:
            if len(entries) >= MAX_ENTRIES:
                raise BadList(f"Too many members, max is {MAX_ENTRIES}")
            entries.append(
                {key: value for key, value in row.items() if isinstance(key, str) and value not in (None, "")}
            )
    except UnicodeDecodeError as wrong:
        raise BadList("members parameter is not valid: UTF-8 text expected") from wrong
    except csv.Error as wrong:
        raise BadList(f"members parameter is not valid: {wrong}") from wrong
    return entries


def start(
    tx: Write,
    now: int,
    account_id: str,
    address: str,
    entries: Sequence[Any],
    *,
    kind: str,
    subscribed: bool,
    upsert: bool,
) -> tuple[Any, str]:
    """Take an upload in, and do it when it is small; the list's row and the task's id. Raises ListNotFound."""
    found = service.one(tx, account_id, address, quoted=True)
    task = hex_id()
    store.insert_upload(
        tx,
        {
            "id": task,
            "list_key": found.key,
            "format": kind,
            "subscribed": subscribed,
            "upsert": upsert,
            "data": _pack(list(entries)),
            "total": len(entries),
            "position": 0,
            "upserted": 0,
            "failed": 0,
            "pending": True,
            "created_at": now,
            "finished_at": 0,
        },
    )
    if len(entries) <= AT_ONCE:
        advance(tx, now, task)
    return store.by_key(tx, found.key), task


def progress(tx: Read, account_id: str, address: str, task: str) -> Any:
    """An upload of a list. Raises ListNotFound, UploadNotFound."""
    found = service.one(tx, account_id, address)
    row = store.upload(tx, task)
    if row is None or row.list_key != found.key:
        raise UploadNotFound
    return row


def advance(tx: Write, now: int, task: str) -> bool:
    """Add the next batch of an upload, in one transaction with its events; whether there is more to do."""
    job = store.upload(tx, task)
    if job is None or not job.pending:
        return False
    held = store.lock_list(tx, job.list_key)
    if held is None:
        raise ListNotFound("")
    entries = _unpack(job.data)[job.position : job.position + BATCH]
    position = job.position + len(entries)
    done = position >= job.total
    good: dict[str, NewMember] = {}
    told: list[Event] = []
    failed = 0
    parsed = [_parse(entry, subscribed=job.subscribed) for entry in entries]
    known = store.held(tx, job.list_key, [each.address for each in parsed if isinstance(each, NewMember)])
    for entry, member in zip(entries, parsed, strict=True):
        if (
            isinstance(member, NewMember)
            and not job.upsert
            and (member.address in known or member.address in good)
        ):
            member = MemberExists(member.address)
        if isinstance(member, NewMember):
            good[member.address] = member
            told.append(_event(held, "list_member_uploaded", task, member=_shown(member)))
        else:
            failed += 1
            told.append(
                _event(
                    held,
                    "list_member_upload_error",
                    task,
                    format=job.format,
                    error={"message": member.text},
                    **{"member-description": _described(entry)},
                )
            )
    upserted = job.upserted + len(entries) - failed
    failed += job.failed
    values = {"position": position, "upserted": upserted, "failed": failed, "pending": not done}
    if done:
        values |= {"data": b"", "finished_at": now}
        counts = {"upserted-count": upserted, "failed-count": failed}
        told.append(
            _event(
                held,
                "list_uploaded",
                task,
                format=job.format,
                subscribed=bool(job.subscribed),
                **{"is-upsert": bool(job.upsert), **counts},
            )
        )
    if not store.move_upload(tx, task, job.position, values):
        return not done
    if good:
        service.put(tx, job.list_key, list(good.values()), upsert=True)
    events.append(tx, now, told)
    return not done


def _parse(entry: Any, *, subscribed: bool) -> NewMember | Refused:
    try:
        if isinstance(entry, str):
            entry = {"address": entry}
        if not isinstance(entry, dict) or not isinstance(entry.get("address"), str):
            raise BadList("a member's address expected")
        address = service.parse_address(entry["address"])
        wanted = entry.get("subscribed")
        return NewMember(
            address=address.spec.lower(),
            name=str(entry.get("name") or address.name),
            subscribed=subscribed if wanted is None else str(wanted).strip().lower() in _YES,
            vars=service.parse_vars(entry.get("vars")),
        )
    except Refused as refused:
        return refused


_YES = frozenset(("yes", "true", "1", "on"))


def _event(held: Any, name: str, task: str, **data: Any) -> Event:
    return Event(
        name=name,
        account_id=held.account_id,
        domain_id=held.domain_id,
        data={"task-id": task, "mailing-list": {"address": held.address}, **data},
    )


def _shown(member: NewMember) -> dict[str, Any]:
    return {"name": member.name, "address": member.address, "subscribed": member.subscribed}


def _described(entry: Any) -> str:
    text = entry if isinstance(entry, str) else msgspec.json.encode(entry).decode()
    return text[:1000]
