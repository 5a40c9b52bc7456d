"""Requests as steps of traces."""

from typing import Any

from postwright.kernel import tracing


class Traced:
    """An ASGI layer that makes a span of each request, of the trace that its `traceparent` names when it has one."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request. Its path is not told: there are addresses and names in paths."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        parent = dict(scope["headers"]).get(b"traceparent", b"").decode("latin-1")
        with tracing.span(scope["method"], parent, "SERVER", http__request__method=scope["method"]) as made:

            async def tell(event: Any) -> None:
                if event["type"] == "http.response.start":
                    made.set_attribute("http.response.status_code", event["status"])
                    if event["status"] >= 500:
                        tracing.failed(made, str(event["status"]))
                await send(event)

            await self._app(scope, receive, tell if made is not None else send)
