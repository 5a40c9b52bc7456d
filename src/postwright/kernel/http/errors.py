"""Every exception becomes an answer here, and nowhere else."""

import logging
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException

from postwright.kernel.errors import Refused
from postwright.kernel.http.answers import Answer, Halt, Raw, answer

log = logging.getLogger("postwright.http")

NOT_FOUND = Raw(b'{"error":"not found","message":"not found"}', status=404)
BROKEN = Raw(b'{"message":"Internal Server Error"}', status=500)


def _said(problem: Exception) -> Answer:
    """The answer to a problem. A `Refused` may have `headers`, for example Retry-After."""
    match problem:
        case Refused():
            body = msgspec.json.encode(problem.body(), enc_hook=str)
            return answer(Raw(body, status=problem.status, headers=getattr(problem, "headers", {})))
        case Halt():
            return answer(problem.reply)
        case NotFoundException() | MethodNotAllowedException():
            return answer(NOT_FOUND)
        case HTTPException() if problem.status_code < 500:
            return answer(Raw(msgspec.json.encode({"message": problem.detail}), status=problem.status_code))
    return answer(BROKEN)


class _Ready(Response[None]):
    """Litestar wants a Response of an exception handler; this one hands over an answer made already."""

    def __init__(self, said: Answer) -> None:
        super().__init__(None, status_code=said.status)
        self._said = said

    def to_asgi_response(self, *args: Any, **kwargs: Any) -> Any:
        """The answer."""
        return self._said


def on_exception(request: Request[Any, Any, Any], problem: Exception) -> Response[None]:
    """Litestar's exception handler for everything."""
    said = _said(problem)
    if said.status >= 500 and not isinstance(problem, Refused):
        log.error(
            "request failed",
            exc_info=problem,
            extra={
                "request_id": request.scope["state"].get("request_id", ""),
                "method": request.scope["method"],
                "path": request.scope["path"],
            },
        )
    return _Ready(said)
