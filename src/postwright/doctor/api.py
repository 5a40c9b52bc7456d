"""The report over HTTP."""

import msgspec

from postwright.accounts import Area, NotAllowed, Principal, any_account
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, get

from .report import Line
from .service import Doctor, verdict


class Report(msgspec.Struct):
    """What was found. `status`: the worst of its lines."""

    status: str
    items: list[Line]


class Examination(Controller):
    """Whether the installation can do its work."""

    @get("/postwright/v1/doctor", id="doctor.look", access=Area.OPERATIONS, errors=(NotAllowed,))
    async def look(self, principal: Principal, db: Db, doctor: Doctor) -> Report:
        """Look at disk, clock, database, processes, certificates, port 25, addresses, blocklists and domains now.

        For an admin key of the installation's first account. Takes as long as DNS does, a minute at most.
        """
        if await db.read(any_account) != principal.account_id:
            raise NotAllowed
        lines = await doctor.look()
        return Report(verdict(lines), lines)


CONTROLLERS = (Examination,)
