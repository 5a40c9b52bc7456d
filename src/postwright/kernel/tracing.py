"""Traces for OpenTelemetry, from a request to the deliveries of what it sent; off unless the setting says where to.

Off, `current` and `span` cost a look at a variable. On, spans go in batches to an OTLP receiver over HTTP; one that is
away costs nothing but its spans.
"""

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

NEEDED = "traces need more packages: pip install 'postwright[otel]'"

_tracer: Any = None
_provider: Any = None
_api: Any = None
_context: Any = None  # W3C Trace Context, as text and back


class TracingMissing(RuntimeError):
    """The packages of the extra are not installed."""


def check() -> None:
    """Raises TracingMissing."""
    try:
        importlib.import_module("opentelemetry.sdk.trace.export")
        importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    except ImportError as missing:
        raise TracingMissing(NEEDED) from missing


def start(endpoint: str, role: str, version: str) -> None:
    """Send this process's spans to the OTLP/HTTP receiver at `endpoint` (as http://127.0.0.1:4318). Threads begin."""
    global _tracer, _provider, _api, _context
    _api = importlib.import_module("opentelemetry.trace")
    sdk = importlib.import_module("opentelemetry.sdk.trace")
    export = importlib.import_module("opentelemetry.sdk.trace.export")
    resources = importlib.import_module("opentelemetry.sdk.resources")
    http = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    _context = importlib.import_module("opentelemetry.trace.propagation.tracecontext")
    about = {"service.name": "postwright", "service.version": version, "postwright.process": role}
    _provider = sdk.TracerProvider(resource=resources.Resource.create(about))
    exporter = http.OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=5)
    _provider.add_span_processor(export.BatchSpanProcessor(exporter, schedule_delay_millis=1000))
    _tracer = _provider.get_tracer("postwright")


def stop() -> None:
    """Send what is left."""
    global _tracer
    if _tracer is not None:
        _tracer = None
        _provider.shutdown()


def on() -> bool:
    """Whether spans are made."""
    return _tracer is not None


def current() -> str:
    """Where we are in a trace, as a `traceparent` header has it; "" when there is none."""
    if _tracer is None:
        return ""
    carrier: dict[str, str] = {}
    _context.TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent", "")


@contextmanager
def span(name: str, parent: str = "", kind: str = "INTERNAL", **about: str | int | bool) -> Iterator[Any]:
    """A step of a trace: of the trace that `parent` (a traceparent) names, else of the one we are in. None: off."""
    if _tracer is None:
        yield None
        return
    found = _context.TraceContextTextMapPropagator().extract({"traceparent": parent}) if parent else None
    attributes: Mapping[str, Any] = {name.replace("__", "."): value for name, value in about.items()}
    with _tracer.start_as_current_span(
        name, context=found, kind=getattr(_api.SpanKind, kind), attributes=attributes
    ) as made:
        yield made


def failed(made: Any, text: str) -> None:
    """Say that what a span is about did not work."""
    if made is not None:
        made.set_status(_api.Status(_api.StatusCode.ERROR, text[:200]))
