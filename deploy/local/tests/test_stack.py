"""A whole copy with dummy services: start, kill, restart, stop, and the command line that looks at it."""

import asyncio
import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import asyncpg
import psutil
import pytest
from typer.testing import CliRunner

from callstream_local import state
from callstream_local.cli import app
from callstream_local.config import StackOptions
from callstream_local.folder import DataFolder
from callstream_local.lock import FolderInUseError, holder
from callstream_local.ports import PortError
from callstream_local.services import SERVICES as ALL_SERVICES
from callstream_local.services import Service, media_socket
from callstream_local.stack import Stack, StackError

TESTS = Path(__file__).parent
FAST = StackOptions(durability="fast")


def dummy(name: str, **more: object) -> Service:
    return Service(name, "dummy_service", **more)  # type: ignore[arg-type]


SERVICES = (
    dummy("media-gateway", sip=True),
    dummy("routing", nats_user="routing"),
    dummy("console", nats_user="console", database="console", signs_tokens=True, verifies_tokens=True),
)


@pytest.fixture(autouse=True)
def _dummies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not for the services")
    monkeypatch.setenv("CALLSTREAM_SIP_TLS_CERT_FILE", "/etc/cert.pem")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")


def told(stack: Stack, name: str) -> dict[str, str]:
    """The environment that a dummy was given."""
    with urlopen(stack.http(name) + "/environment") as answer:
        content: dict[str, str] = json.load(answer)
    return content


async def until_gone(pids: list[int]) -> None:
    async with asyncio.timeout(15):
        while any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids):
            await asyncio.sleep(0.01)


async def test_a_day_in_the_life_of_a_copy(tmp_path: Path) -> None:
    async with Stack(tmp_path, FAST, services=SERVICES) as stack:
        pids = stack.pids()
        assert set(pids) == {"nats", "postgres", "media-gateway", "routing", "console"}
        assert holder(stack.folder) == os.getpid()

        # a second one on the same folder is refused and disturbs nothing
        with pytest.raises(FolderInUseError, match=str(os.getpid())):
            await Stack(tmp_path, FAST, services=SERVICES).start()
        assert stack.pids() == pids

        # kill -9 of a service: another process at the same address
        address = stack.http("routing")
        assert await stack.kill("routing") == pids["routing"]
        await stack.ready("routing")
        assert stack.http("routing") == address
        assert stack.pids()["routing"] != pids["routing"]
        assert stack.restarts() == {"nats": 0, "postgres": 0, "media-gateway": 0, "routing": 1, "console": 0}

        # kill -9 of the servers: what they acknowledged is there
        database = await asyncpg.connect(stack.database_url("console"))
        await database.execute("create table kept as select 1 as one")
        await stack.kill("postgres")
        await stack.ready("postgres")
        database = await asyncpg.connect(stack.database_url("console"))
        assert await database.fetchval("select one from kept") == 1
        await database.close()
        client = await stack.nats.connect()
        await client.jetstream().publish("cs.acme.call.1.arrived", b"{}")
        await client.close()
        await stack.kill("nats")
        await stack.ready("nats")
        client = await stack.nats.connect()
        assert (await client.jetstream().stream_info("EVENTS")).state.messages == 1
        await client.close()
        everything = list(stack.pids().values())
        postgres_data = str(stack.place.postgres.data)

    await until_gone(everything)
    assert not [p for p in psutil.process_iter(["cmdline"]) if postgres_data in (p.info["cmdline"] or [])]
    assert holder(stack.folder) is None

    async with Stack(tmp_path, FAST, services=SERVICES) as again:
        assert again.http("routing") == address


async def test_services_are_told_what_they_need_and_nothing_else(tmp_path: Path) -> None:
    async with Stack(tmp_path, FAST, services=SERVICES) as stack:
        routing, console, gateway = (told(stack, name) for name in ("routing", "console", "media-gateway"))
        environments = [psutil.Process(pid).environ() for name, pid in stack.pids().items() if name not in ("nats", "postgres")]
        listening = {
            connection.laddr.ip
            for pid in stack.pids().values()
            for connection in psutil.Process(pid).net_connections()
            if not connection.raddr
        }
    assert routing["CALLSTREAM_INSTANCE"] == "routing-0"
    assert routing["CALLSTREAM_NATS_USER"] == "routing"
    assert "CALLSTREAM_DATABASE_URL" not in routing
    assert not [name for name in routing if "JWT" in name or "ADMIN" in name]
    assert console["CALLSTREAM_DATABASE_URL"] == stack.database_url("console")
    assert (console["CALLSTREAM_ADMIN_EMAIL"], console["CALLSTREAM_ADMIN_PASSWORD"]) == stack.admin
    assert console["CALLSTREAM_JWT_PRIVATE_KEY_FILE"].endswith("jwt-private.pem")
    assert "CALLSTREAM_NATS_PASSWORD" not in gateway
    assert gateway["CALLSTREAM_SIP_PORT"] == str(stack.sip_addr[1])
    doors = {name: gateway[f"CALLSTREAM_SIP_{name.upper()}_PORT"] for name in ("tls", "wss")}
    assert stack.sip_doors == {"tls": f"127.0.0.1:{doors['tls']}", "wss": f"wss://127.0.0.1:{doors['wss']}"}
    assert "CALLSTREAM_SIP_WS_PORT" not in gateway
    assert gateway["CALLSTREAM_SIP_TLS_CERT_FILE"] == "/etc/cert.pem"
    assert not [name for name in console if "CALLSTREAM_SIP" in name]
    assert len(gateway["CALLSTREAM_MEDIA_SOCKET"]) < 108
    assert all("AWS_SECRET_ACCESS_KEY" not in environment for environment in environments)
    assert all(environment["OTEL_EXPORTER_OTLP_ENDPOINT"] for environment in environments)
    assert listening == {"127.0.0.1"}


async def test_a_full_disk_does_not_end_the_keeping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with Stack(tmp_path, FAST, services=[dummy("routing")]) as stack:
        monkeypatch.setattr(state, "write", full)
        for _ in range(2):
            await stack.kill("routing")
            await stack.ready("routing")
        assert stack.restarts()["routing"] == 2


async def test_two_copies_run_side_by_side(tmp_path: Path) -> None:
    async with (
        Stack(tmp_path / "one", FAST, services=SERVICES) as one,
        Stack(tmp_path / "two", FAST, services=SERVICES) as two,
    ):
        assert one.place.rtp_ports != two.place.rtp_ports
        assert one.sip_addr != two.sip_addr
        assert told(one, "routing")["CALLSTREAM_NATS_URL"] != told(two, "routing")["CALLSTREAM_NATS_URL"]


async def test_a_service_that_cannot_start_ends_the_start_and_says_why(tmp_path: Path) -> None:
    stack = Stack(tmp_path, FAST, services=(*SERVICES, dummy("crasher")))
    with pytest.raises(StackError, match=r"(?s)crasher .*status 7.*the crasher crashes"):
        await stack.start()
    assert stack.pids() == {}
    assert holder(stack.folder) is None


async def test_a_port_that_is_taken_ends_the_start(tmp_path: Path) -> None:
    async with Stack(tmp_path / "one", FAST, services=SERVICES) as one:
        taken = StackOptions(durability="fast", ports={"sip": one.place.http_ports["console"]})
        two = Stack(tmp_path / "two", taken, services=SERVICES)
        with pytest.raises(PortError, match=str(taken.ports["sip"])):
            await two.start()
        assert two.pids() == {}
        assert holder(two.folder) is None


SUPERVISOR = """
import asyncio, sys
from pathlib import Path
from test_stack import FAST, SERVICES, dummy
from callstream_local.commands.up import run
from callstream_local.stack import Stack
asyncio.run(run(Stack(Path(sys.argv[1]), FAST, services=(*SERVICES, *map(dummy, sys.argv[2:])))))
"""


def start_supervisor(folder: Path, *extra: str) -> "subprocess.Popen[str]":
    argv = [sys.executable, "-c", SUPERVISOR, str(folder), *extra]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while not process.stdout.readline().startswith("  data"):
        assert process.poll() is None
    return process


def test_nothing_survives_a_killed_supervisor_and_the_folder_starts_again(tmp_path: Path) -> None:
    with start_supervisor(tmp_path, "stubborn") as process:
        family = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
        assert len(family) > 6
        process.send_signal(signal.SIGKILL)
    asyncio.run(until_gone(family))
    result = CliRunner().invoke(app, ["status", "--data", str(tmp_path)])
    assert (result.exit_code, "nothing runs" in result.output) == (1, True)
    with start_supervisor(tmp_path) as process:
        process.send_signal(signal.SIGKILL)


def test_the_command_line_sees_and_stops_a_running_copy(tmp_path: Path) -> None:
    cli, data = CliRunner(), ["--data", str(tmp_path)]
    with start_supervisor(tmp_path) as process:
        family = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
        status = cli.invoke(app, ["status", *data])
        assert status.exit_code == 0, status.output
        assert f"supervisor {process.pid}" in status.output
        assert "routing" in status.output

        refused = cli.invoke(app, ["up", *data])
        assert refused.exit_code == 1
        assert str(process.pid) in refused.output

        logs = cli.invoke(app, ["logs", "nats", *data])
        assert "Server is ready" in logs.output
        unknown = cli.invoke(app, ["logs", "ghost", *data])
        assert unknown.exit_code == 2

        down = cli.invoke(app, ["down", *data])
        assert down.output == "stopped\n"
        assert process.wait(timeout=30) == 0
    asyncio.run(until_gone(family))
    again = cli.invoke(app, ["down", *data])
    assert (again.exit_code, "nothing runs" in again.output) == (0, True)


@pytest.mark.parametrize("address", ["0.0.0.0", "localhost", "224.0.0.1", "::1", ""])
def test_phones_must_be_told_one_address(address: str) -> None:
    with pytest.raises(ValueError, match="listen"):
        StackOptions(listen=address)


def test_an_unknown_port_name_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no port 'sips'"):
        StackOptions(ports={"sips": 5061})


@pytest.mark.parametrize("pair", ["sip", "sip=", "=5060", "sip=x", "sip=70000", "sip=0"])
def test_a_malformed_port_is_named(tmp_path: Path, pair: str) -> None:
    result = CliRunner().invoke(app, ["up", "--data", str(tmp_path), "--port", pair])
    assert result.exit_code == 2
    assert repr(pair) in result.output


async def test_the_media_worker_is_ready_by_its_socket_and_comes_back(tmp_path: Path) -> None:
    worker = next(service for service in ALL_SERVICES if service.media_worker)
    async with Stack(tmp_path, FAST, services=[worker]) as stack:
        socket_path = media_socket(stack.folder)
        killed = await stack.kill("media-worker")
        await stack.ready("media-worker")
        assert stack.pids()["media-worker"] != killed
        _, writer = await asyncio.open_unix_connection(socket_path)
        writer.close()
    assert not socket_path.exists()


def test_a_socket_below_a_long_path_moves_to_a_short_one(tmp_path: Path) -> None:
    one, two = (media_socket(DataFolder(tmp_path / ("long" * 20) / name)) for name in ("one", "two"))
    assert len(str(one)) < 108
    assert one != two
    assert one.parent.stat().st_mode & 0o077 == 0
    one.parent.chmod(0o777)
    with pytest.raises(PermissionError, match=str(one.parent)):
        media_socket(DataFolder(tmp_path / ("long" * 20) / "one"))
    one.parent.rmdir()
    two.parent.rmdir()


async def test_several_copies_of_a_service_are_parts_of_their_own(tmp_path: Path) -> None:
    options = StackOptions(durability="fast", replicas={"routing": 2})
    async with Stack(tmp_path, options, services=SERVICES) as stack:
        assert {"routing-0", "routing-1", "console"} <= set(stack.pids())
        first, second = told(stack, "routing-0"), told(stack, "routing-1")
        assert [(one["CALLSTREAM_INSTANCE"], one["CALLSTREAM_COPY"]) for one in (first, second)] == [
            ("routing-0", "0/2"),
            ("routing-1", "1/2"),
        ]
        assert first["CALLSTREAM_SERVICE"] == second["CALLSTREAM_SERVICE"] == "routing"
        assert first["CALLSTREAM_NATS_USER"] == second["CALLSTREAM_NATS_USER"] == "routing"
        other = stack.pids()["routing-1"]
        await stack.kill("routing-0")
        await stack.ready("routing-0")
        assert stack.pids()["routing-1"] == other
        assert {"routing-0", "routing-1"} <= set(state.read(DataFolder(tmp_path)).parts)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"replicas": {"console": 2}}, "replicas"),
        ({"replicas": {"routing": 0}}, "replicas"),
        ({"ports": {"routing-0": 1}}, "ports"),
    ],
)
def test_wrong_copies_are_refused_by_name(wrong: dict[str, dict[str, int]], field: str) -> None:
    with pytest.raises(ValueError, match=field):
        StackOptions(**wrong)  # type: ignore[arg-type]


def test_copies_on_the_command_line_need_a_number(tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, ["up", "--data", str(tmp_path), "--copies", "routing"])
    assert answer.exit_code == 2
    assert "routing=2" in answer.output
    answer = CliRunner().invoke(app, ["up", "--data", str(tmp_path), "--copies", "console=2"])
    assert answer.exit_code == 1
    assert "replicas: 'console' runs once" in answer.output
