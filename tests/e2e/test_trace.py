"""One call is one trace across all services, exported by OTLP when an endpoint is configured."""

from collections import defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from callstream.runtime.trace_context import trace_id
from callstream_local.config import StackOptions
from callstream_local.demo.manifest import demo_manifest
from callstream_local.demo.rehearsal import Rehearsal
from callstream_local.demo.scenario import Scenario
from callstream_local.stack import Stack

from .conftest import PASSWORDS, agent, caller

Traces = dict[str, set[tuple[str, str]]]
"""(service, span name) by trace id."""


@pytest.fixture
def collector() -> Iterator[tuple[str, Traces]]:
    """A real OTLP receiver on loopback."""
    traces: Traces = defaultdict(set)

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                service = next(a.value.string_value for a in resource.resource.attributes if a.key == "service.name")
                for span in (span for scope in resource.scope_spans for span in scope.spans):
                    traces[span.trace_id.hex()].add((service, span.name))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", traces
    server.shutdown()
    server.server_close()


async def test_one_call_is_one_trace_across_all_services(
    collector: tuple[str, Traces], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint, traces = collector
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    scenario = Scenario((caller(),), (agent(0),))
    async with Stack(tmp_path, StackOptions(durability="fast")) as stack:
        async with Rehearsal(stack, scenario, demo_manifest(PASSWORDS)) as centre:
            await centre.prepare()
            await centre.perform()
            evidence = await centre.settle()
        call_id = evidence.records[0].call_id
    spans = traces[trace_id(call_id)]  # what was still held back left with the drain
    assert {service for service, _ in spans} == {"media-gateway", "ivr", "routing", "agent-state"}
    names = {name for _, name in spans}
    expected = {"call.arrived.v1", "ivr.agent-requested.v1", "queue.offer-made.v1", "agent.state-changed.v1", "call.ended.v1"}
    assert expected | {"media-gateway.answer-call", "agent-state.reserve"} <= names
