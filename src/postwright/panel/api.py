"""What changed, as a stream over HTTP."""

from postwright.accounts import Area, Principal
from postwright.kernel.http import Controller, Stream, get

from .changes import Changes
from .errors import TooManyStreams


class Live(Controller):
    """News for pages that are open."""

    @get("/postwright/v1/stream", id="stream.listen", access=Area.SESSION, errors=(TooManyStreams,))
    async def listen(self, principal: Principal, changes: Changes) -> Stream:
        """Tell what changes in the account as it happens (server-sent events), for two minutes; then connect anew.

        Each `change` counts events by name, and changes by action, since the last one. What they are is for the
        operations to say.
        """
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return Stream(changes.listen(principal.account_id), "text/event-stream", headers)


CONTROLLERS = (Live,)
