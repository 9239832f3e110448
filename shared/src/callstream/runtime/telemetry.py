"""Logs as JSON lines, and traces: one for each call, across all services.

Log lines carry service and instance, and whatever the caller binds (call_id, tenant). Secrets never reach them, telephone
numbers only masked: processors see to both, so that no call site has to remember.

Traces need no state: trace and span ids are computed from the call's, the event's and the command's ids (trace_context), so
each service adds its spans by itself and the causation ids make the tree. The OpenTelemetry SDK costs 20 MB, and is imported
only when OTEL_EXPORTER_OTLP_ENDPOINT is set.
"""

import logging
import re
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

import msgspec
import structlog

from callstream.runtime.settings import Settings
from callstream.runtime.trace_context import span_id, trace_id

_SECRET = re.compile(r"passw|secret|token|authoriz|credential|ha1|cookie", re.IGNORECASE)
_PHONE = re.compile(r"\+\d{7,15}(?!\d)|(?<![\w.:/-])\d{8,15}(?![\w.:-])")
_KEPT = frozenset({"event", "level", "timestamp", "service", "instance", "seq", "position"})


def mask_phone(text: str) -> str:
    """`+8613912345678` → `+86*********78`: enough to tell two callers apart, not to call them."""
    return _PHONE.sub(lambda found: found[0][:3] + "*" * (len(found[0]) - 5) + found[0][-2:], text)


def keep_private(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    """Processor: no secrets, telephone numbers masked."""
    for key, value in event.items():
        if key in _KEPT:
            continue
        if _SECRET.search(key):
            event[key] = "***"
        elif isinstance(value, str):
            event[key] = mask_phone(value)
    event["event"] = mask_phone(str(event["event"]))
    return event


def configure_logging(service: str, instance: str, level: str = "info") -> None:
    """JSON lines on standard output, for structlog and for libraries that use `logging`."""
    number = getattr(logging, level.upper())

    def identify(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
        event["service"], event["instance"] = service, instance
        return event

    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        identify,
        structlog.processors.format_exc_info,
        keep_private,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(serializer=_encode)],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(serializer=_encode),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(number, logging.WARNING))


def _encode(event: dict[str, Any], **_: Any) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a service did for a call."""

    name: str
    call_id: str
    id: str
    """Id of the event or command that this is; others name it as their causation."""
    parent: str
    """Id of the event or command that brought it about; empty for a root."""
    start: datetime
    end: datetime
    attributes: Mapping[str, str] = {}


class Tracer(Protocol):
    """Records what was done for calls."""

    enabled: bool
    """False when `record` does nothing: then no span need be made."""

    def record(self, span: Span) -> None:
        """Add a span to its call's trace. Never blocks, never raises."""
        ...

    def shutdown(self) -> None:
        """Send what waits, bounded, and end."""
        ...


class NoTracer:
    """Records nothing."""

    enabled = False

    def record(self, span: Span) -> None:
        """Nothing."""

    def shutdown(self) -> None:
        """Nothing."""


class OtlpTracer:
    """Sends spans by OTLP over HTTP, in the background and in batches; what cannot be sent is dropped."""

    enabled = True

    def __init__(self, endpoint: str, service: str, instance: str) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace import SpanContext, TraceFlags

        self._span, self._context, self._flags = ReadableSpan, SpanContext, TraceFlags(TraceFlags.SAMPLED)
        self._resource = Resource.create({"service.name": service, "service.instance.id": instance})
        exporter = OTLPSpanExporter(endpoint=endpoint.rstrip("/") + "/v1/traces", timeout=2)
        self._processor = BatchSpanProcessor(exporter, schedule_delay_millis=1000)

    def record(self, span: Span) -> None:
        trace = int(trace_id(span.call_id), 16)
        context, parent = (
            self._context(trace, int(span_id(name), 16), False, self._flags) if name else None for name in (span.id, span.parent)
        )
        self._processor.on_end(
            self._span(
                span.name,
                context=context,
                parent=parent,
                resource=self._resource,
                attributes={"callstream.call_id": span.call_id, **span.attributes},
                start_time=int(span.start.timestamp() * 1e9),
                end_time=int(span.end.timestamp() * 1e9),
            )
        )

    def shutdown(self) -> None:
        shutdown: Callable[[], None] = self._processor.shutdown
        shutdown()


def make_tracer(settings: Settings) -> Tracer:
    """The tracer that the settings ask for."""
    if not settings.otlp_endpoint:
        return NoTracer()
    return OtlpTracer(settings.otlp_endpoint, settings.service, settings.instance)
