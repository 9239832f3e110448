import asyncio
import io
import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from threading import Thread

import pytest
import structlog
from nats.aio.client import Client
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan

from callstream.contracts.agent_events import AgentSignedIn
from callstream.contracts.commands import ReserveAgent
from callstream.contracts.envelope import NewEvent
from callstream.runtime.command_handlers import CommandHandlers
from callstream.runtime.commands import Commands
from callstream.runtime.jetstream_store import JetStreamStore
from callstream.runtime.settings import Settings
from callstream.runtime.telemetry import configure_logging, make_tracer, mask_phone
from callstream.runtime.trace_context import trace_id, traceparent
from callstream.testing.store_contract import AT, arrived

from .nats_server import Server

CALL = "01J0000000000000000000CALL"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("+8613912345678", "+86*********78"),
        ("call from 13912345678 to +861088880000", "call from 139******78 to +86********00"),
        ("sip:+8613912345678@10.0.0.1", "sip:+86*********78@10.0.0.1"),
        ("agent 7001 waits 12000 ms", "agent 7001 waits 12000 ms"),
        ("2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.000Z"),
        ("01J8ZQ3V5N8Y2K7XW4M6R9T0AB", "01J8ZQ3V5N8Y2K7XW4M6R9T0AB"),
    ],
)
def test_telephone_numbers_are_masked(text: str, masked: str) -> None:
    assert mask_phone(text) == masked


def test_a_log_line_is_json_with_service_and_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    before = structlog.get_config()
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        configure_logging("routing", "routing-1", "info")
        log = structlog.get_logger("test")
        log.info("offer made", call_id=CALL, caller="+8613912345678", nats_password="hush", seq=123456789012)
        log.debug("not told")
        try:
            raise ValueError("about +8613912345678")
        except ValueError:
            log.exception("failed")
        logging.getLogger("library").error("called %s", "+8613912345678")
    finally:
        structlog.configure(**before)
        logging.getLogger().handlers[:] = handlers
        logging.getLogger().setLevel(level)
    offer, failed, library = [json.loads(line) for line in out.getvalue().splitlines()]
    assert (offer["service"], offer["instance"], offer["call_id"]) == ("routing", "routing-1", CALL)
    assert (offer["caller"], offer["nats_password"], offer["seq"]) == ("+86*********78", "***", 123456789012)
    assert "ValueError: about +86*********78" in failed["exception"]
    assert (library["event"], library["level"]) == ("called +86*********78", "error")
    assert "13912345678" not in out.getvalue()


def test_a_trace_needs_no_state() -> None:
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", traceparent(CALL, "e1"))
    assert traceparent(CALL, "e1")[3:35] == traceparent(CALL, "e2")[3:35] == trace_id(CALL) != trace_id("another")


def test_the_sdk_is_not_imported_without_an_endpoint() -> None:
    code = (
        "import sys; import callstream.runtime.service as s; from callstream.runtime.telemetry import make_tracer; "
        "from callstream.runtime.settings import read_settings; make_tracer(read_settings('x', {})); "
        "print([m for m in sys.modules if m.startswith(('opentelemetry.sdk', 'opentelemetry.exporter', 'fastapi'))])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"[]\n"


@pytest.fixture
def collector() -> Iterator[tuple[str, "Queue[tuple[str, ProtoSpan]]"]]:
    """An OTLP receiver: (address, queue of (service, span))."""
    received: Queue[tuple[str, ProtoSpan]] = Queue()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                names = {a.key: a.value.string_value for a in resource.resource.attributes}
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        received.put((names["service.name"], span))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    http = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = Thread(target=http.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{http.server_address[1]}", received
    http.shutdown()
    http.server_close()


async def test_a_call_through_two_services_is_one_trace(
    server: Server, nc: Client, collector: tuple[str, "Queue[tuple[str, ProtoSpan]]"]
) -> None:
    endpoint, received = collector
    gateway, agents = (
        make_tracer(Settings(service=name, instance=name, otlp_endpoint=endpoint)) for name in ("media-gateway", "agent-state")
    )
    handlers = CommandHandlers(tracer=agents)

    async def reserve(command: ReserveAgent, tenant: str) -> None:
        event = NewEvent(
            id="e2", tenant=tenant, aggregate_id="7001", time=AT, event=AgentSignedIn(terminal="x", actor="a"),
            correlation_id=command.call_id, causation_id=command.command_id,
        )  # fmt: skip
        await JetStreamStore(nc, "agent-state", tracer=agents).append("agent", "7001", tenant, [event], None)

    handlers.on(ReserveAgent, reserve)
    await handlers.start(nc)
    first = NewEvent(id="e1", tenant="acme", aggregate_id=CALL, time=AT, event=arrived(), correlation_id=CALL)
    await JetStreamStore(nc, "media-gateway", tracer=gateway).append("call", CALL, "acme", [first], 0)
    command = ReserveAgent(command_id="cmd-1", agent_id="7001", offer_id="o", request_id="r", call_id=CALL)
    assert (await Commands(nc).send(command, "acme", call_id=CALL)).accepted
    for tracer in (gateway, agents):
        await asyncio.get_running_loop().run_in_executor(None, tracer.shutdown)
    spans = {span.name: (service, span) for service, span in [received.get(timeout=10) for _ in range(3)]}
    assert {name: service for name, (service, _) in spans.items()} == {
        "call.arrived.v1": "media-gateway",
        "agent-state.reserve": "agent-state",
        "agent.signed-in.v1": "agent-state",
    }
    assert {span.trace_id.hex() for _, span in spans.values()} == {trace_id(CALL)}
    reserved, signed_in = spans["agent-state.reserve"][1], spans["agent.signed-in.v1"][1]
    assert signed_in.parent_span_id == reserved.span_id, "the event hangs below the command that brought it about"
