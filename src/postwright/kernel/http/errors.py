"""Every exception becomes an answer here, and nowhere else."""

import logging
from collections.abc import Mapping
from typing import Any

import msgspec
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


def on_exception(scope: Mapping[str, Any], problem: Exception) -> Answer:
    """The answer to whatever a request ran into; what is a fault of ours goes to the log."""
    said = _said(problem)
    if said.status >= 500 and not isinstance(problem, Refused):
        log.error(
            "request failed",
            exc_info=problem,
            extra={
                "request_id": scope["state"].get("request_id", ""),
                "method": scope["method"],
                "path": scope["path"],
            },
        )
    return said
