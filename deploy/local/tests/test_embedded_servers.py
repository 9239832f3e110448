"""The embedded servers keep what they acknowledged, through stop, kill -9 and a stale PID file."""

import os
import shutil
from pathlib import Path

import asyncpg
import psutil
import pytest

from callstream_local.embedded import postgres
from callstream_local.embedded.nats import EmbeddedNats
from callstream_local.embedded.postgres import EmbeddedPostgres
from callstream_local.embedded.postgres_leftovers import processes_in


async def test_nats_keeps_port_password_and_stream_through_stop_and_kill(tmp_path: Path) -> None:
    server = EmbeddedNats(tmp_path)
    await server.start()
    url = server.url("ivr")
    client = await server.connect()
    await client.jetstream().add_stream(name="EVENTS", subjects=["cs.>"])
    await client.jetstream().publish("cs.t.call.1.arrived", b"1")
    await client.close()
    await server.kill()

    await server.start()
    client = await server.connect()
    await client.jetstream().publish("cs.t.call.1.ended", b"2")
    await client.close()
    await server.stop()

    async with EmbeddedNats(tmp_path) as again:
        assert again.url("ivr") == url
        client = await again.connect()
        assert (await client.jetstream().stream_info("EVENTS")).state.messages == 2
        await client.close()


async def test_nats_listens_on_loopback_only(nats_server: EmbeddedNats) -> None:
    assert nats_server.child is not None
    assert {address for address, _ in listeners(nats_server.child.pid)} == {"127.0.0.1"}


async def test_postgres_listens_on_loopback_tcp_only(postgres_server: EmbeddedPostgres) -> None:
    assert postgres_server.child is not None
    assert listeners(postgres_server.child.pid) == {("127.0.0.1", postgres_server.port)}
    assert not list(postgres_server.data.glob(".s.PGSQL*"))


def listeners(pid: int) -> set[tuple[str, int]]:
    connections = psutil.Process(pid).net_connections("all")
    return {(c.laddr.ip, c.laddr.port) for c in connections if c.status == psutil.CONN_LISTEN}


async def test_postgres_keeps_rows_through_kill(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path)
    await server.start()
    connection = await asyncpg.connect(server.url("reporting"))
    await connection.execute("create table records (id int primary key)")
    await connection.execute("insert into records values (7)")
    await server.kill()

    await server.start()
    connection = await asyncpg.connect(server.url("reporting"))
    assert await connection.fetchval("select id from records") == 7
    await connection.close()
    await server.stop()
    assert processes_in(server.data) == []


async def test_postgres_starts_over_a_pid_file_that_names_a_living_stranger(tmp_path: Path) -> None:
    """After a reboot the PID in the file may be anybody's; PostgreSQL alone would refuse."""
    async with EmbeddedPostgres(tmp_path, durability="fast") as server:
        await server.kill()
        lines = (server.data / "postmaster.pid").read_text().splitlines()
        (server.data / "postmaster.pid").write_text("\n".join([str(os.getppid()), *lines[1:]]))
        await server.start()
        assert server.child is not None
        assert server.child.running


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives PostgreSQL another user")
async def test_postgres_of_root_runs_unprivileged_below_a_folder_that_only_root_may_enter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a clone below /root has it, programs and data alike."""
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o700)
    wheel = postgres.binaries().parent.parent
    programs = shutil.copytree(postgres.binaries().parent, locked / wheel.name / "pginstall18") / "bin"
    shutil.copytree(wheel.with_suffix(".libs"), locked / f"{wheel.name}.libs")
    monkeypatch.setattr(postgres, "binaries", lambda: programs)
    async with EmbeddedPostgres(locked / "data", durability="fast") as server:
        assert server.child is not None
        process = psutil.Process(server.child.pid)
        assert Path(process.exe()).parent == programs
        assert 0 not in process.uids()


async def test_a_first_start_that_was_killed_is_repeated(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path, durability="fast")
    server.data.with_name("fresh").joinpath("base").mkdir(parents=True)
    server.data.with_name("password").write_text("half")
    async with server:
        connection = await asyncpg.connect(server.url("console"))
        await connection.close()
        assert sorted(entry.name for entry in server.data.parent.iterdir()) == ["data"]


@pytest.mark.parametrize("role", ["console", "reporting", "analyst"])
async def test_a_wrong_password_is_refused(postgres_server: EmbeddedPostgres, role: str) -> None:
    url = postgres_server.url(role).replace(postgres_server.password(role), "wrong")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(url)


async def test_a_service_cannot_enter_the_database_of_another(postgres_server: EmbeddedPostgres) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(postgres_server.url("reporting", "console"))


async def test_the_analyst_reads_what_reporting_creates_and_changes_nothing(
    postgres_server: EmbeddedPostgres,
) -> None:
    owner = await asyncpg.connect(postgres_server.url("reporting"))
    await owner.execute("create schema views; create table views.shown as select 5 as calls")
    await owner.close()
    analyst = await asyncpg.connect(postgres_server.url("analyst"))
    assert await analyst.fetchval("select calls from views.shown") == 5
    await analyst.execute("set default_transaction_read_only = off")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await analyst.execute("delete from views.shown")
    await analyst.close()
