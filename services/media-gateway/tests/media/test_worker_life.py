"""The worker outlives signalling, drains, refuses clearly, and rests when there is nothing to do."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from tests.plugins.ports import rtp_range

from callstream_media_gateway.media.client import MediaClient, MediaRefusedError, MediaUnavailableError
from callstream_media_gateway.media.peer import RtpPeers
from callstream_media_gateway.media.worker_commands import (
    AnyCommand,
    Connect,
    CreateLeg,
    DestroyLeg,
    Drain,
    Edge,
    Play,
    Silence,
    StartRecording,
    UpdateLeg,
)
from callstream_media_gateway.media.worker_events import Digit, Drained, Draining, FirstRtp, LegStats, RecordingStopped

from .rig import Rig, start_worker

LOW, HIGH = 400, 1100


async def exited(process: subprocess.Popen[bytes], timeout_s: float = 10.0) -> int:
    return await asyncio.to_thread(process.wait, timeout_s)


async def test_audio_flows_on_without_signalling_which_then_finds_everything(rig: Rig) -> None:
    a, b = await rig.phone("a", LOW), await rig.phone("b", HIGH)
    await rig.client.bridge("a", "b")
    await rig.do(StartRecording("call", "r1", "a", "b", "r1.wav"), Play("b", "p1", (Silence(60_000),), over=True))
    await asyncio.gather(a.until_hears(HIGH), b.until_hears(LOW))
    before = rig.client.snapshot
    await rig.client.close()
    rig.events.clear()

    b.forget()
    a.press("7")
    await b.until(lambda phone: len(phone.heard()) >= 8000)
    assert b.heard_tone((LOW, HIGH), 400) == LOW

    await rig.attach()
    after = rig.client.snapshot
    assert before is not None
    assert after is not None
    assert after.worker_id == before.worker_id
    assert {(leg.leg_id, leg.latched, leg.play_id) for leg in after.legs} == {
        ("a", a.address, None),
        ("b", b.address, "p1"),
    }
    assert set(after.edges) == {Edge("a", "b"), Edge("b", "a")}
    assert [recording.recording_id for recording in after.recordings] == ["r1"]
    assert (await rig.event(Digit)).digit == "7"
    await rig.do(DestroyLeg("a"), DestroyLeg("b"))
    await rig.event(RecordingStopped)


async def test_an_event_is_delivered_again_until_it_was_dealt_with(rig: Rig) -> None:
    """Signalling killed while it deals with an event: the next one gets it under the same id, and not the ones
    before.
    """
    await rig.client.close()
    script = Path(__file__).with_name("dying_master.py")
    dying = await asyncio.create_subprocess_exec(*(sys.executable, script, rig.directory / "media.sock"), stdout=subprocess.PIPE)
    async with asyncio.timeout(20):
        printed, _ = await dying.communicate()
    assert dying.returncode == -signal.SIGKILL
    await rig.attach()
    await rig.event(LegStats, leg_id="c")
    assert [event.leg_id for event in rig.kinds(LegStats)] == ["b", "c"]
    assert rig.events[0].event_id == printed.decode().split()[1]


async def test_a_new_master_takes_over_and_the_old_one_stays_away(rig: Rig) -> None:
    old = rig.client
    new = await rig.attach()
    async with asyncio.timeout(5):
        await old.replaced.wait()
    await new.create_leg(CreateLeg("a", "call"))
    with pytest.raises(MediaUnavailableError):
        await old.request(DestroyLeg("a"), timeout_s=0.2)
    assert (await new.stats()).legs == 1
    await old.close()


async def test_the_client_comes_back_by_itself_and_repeats_what_was_not_answered(tmp_path: Path) -> None:
    first = start_worker(tmp_path)
    client = await MediaClient.connect(str(tmp_path / "media.sock"), lambda _: None)
    assert client.snapshot is not None
    former = client.snapshot.worker_id
    first.kill()
    await exited(first)
    asked = asyncio.create_task(client.request(CreateLeg("a", "call"), timeout_s=20))
    second = start_worker(tmp_path)
    try:
        await asked
        assert client.snapshot.worker_id != former
        assert client.snapshot.legs == ()  # signalling learns here that its legs are gone
        assert (await client.stats()).legs == 1
    finally:
        await client.close()
        second.kill()
        second.wait()


async def test_commands_may_be_repeated(rig: Rig) -> None:
    create = CreateLeg("a", "call")
    assert await rig.client.create_leg(create) == await rig.client.create_leg(create)
    await rig.client.create_leg(CreateLeg("b", "call"))
    record = StartRecording("call", "r1", "a", "b", "r1.wav")
    await rig.do(record, record, Connect((Edge("a", "b"),)), Connect((Edge("a", "b"),)))
    stats = await rig.client.stats()
    assert (stats.legs, stats.recordings) == (2, 1)
    await rig.do(DestroyLeg("a"), DestroyLeg("a"), DestroyLeg("b"))
    assert (await rig.client.stats()).legs == 0


REFUSED: dict[str, AnyCommand] = {
    "leg_id: no leg 'x'": UpdateLeg("x", codec="PCMA"),
    r"edges\.source: no leg 'x'": Connect((Edge("a", "x"),)),
    r"edges\.listener: no leg 'x'": Connect((Edge("x", "a"),)),
    r"edges\.gain: -1": Connect((Edge("a", "a", -1.0),)),
    "remote: 'example.org'": CreateLeg("b", "call", remote=("example.org", 4000)),
    "remote: port 0": CreateLeg("b", "call", remote=("127.0.0.1", 0)),
    "event_pt_in: 8": CreateLeg("b", "call", event_pt_in=8),
    "left_leg: no leg 'x'": StartRecording("call", "r", "x", None, "r.wav"),
}


@pytest.mark.parametrize("complaint", REFUSED)
async def test_a_bad_command_names_its_field_and_changes_nothing(rig: Rig, complaint: str) -> None:
    await rig.client.create_leg(CreateLeg("a", "call"))
    with pytest.raises(MediaRefusedError, match=complaint):
        await rig.do(REFUSED[complaint])
    stats = await rig.client.stats()
    assert (stats.legs, stats.recordings) == (1, 0)


async def test_messages_that_cannot_be_read_are_answered_or_end_the_connection_only(rig: Rig) -> None:
    phone = await rig.phone("a", LOW)
    await rig.event(FirstRtp)
    await rig.client.close()
    path = str(rig.directory / "media.sock")

    def frame(body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + body

    reader, writer = await asyncio.open_unix_connection(path)
    bad_field = {"type": "request", "request_id": 9, "command": {"type": "destroy_leg", "leg_id": 5}}
    writer.write(frame(b"\xc1 garbage") + frame(msgspec.msgpack.encode(bad_field)))
    answer = b""
    async with asyncio.timeout(5):
        while b"leg_id" not in answer or b"bad-argument" not in answer:
            answer += await reader.read(4096)
    writer.write(b"\xff\xff\xff\xff")
    async with asyncio.timeout(5):
        while await reader.read(4096):
            pass
    writer.close()
    heard = phone.packets_in
    await phone.until(lambda p: p.packets_in > heard + 5)
    await rig.attach()
    assert (await rig.client.stats()).legs == 1


async def test_when_the_ports_are_used_up_the_next_leg_is_refused_and_no_one_else(tmp_path: Path, phones: RtpPeers) -> None:
    process = start_worker(tmp_path, rtp_range(6))
    rig = Rig(tmp_path, process, phones)
    client = await rig.attach()
    try:
        answers = await asyncio.gather(
            *(client.create_leg(CreateLeg(str(number), "call")) for number in range(5)), return_exceptions=True
        )
        ports = [answer for answer in answers if isinstance(answer, int)]
        refusals = [answer.refusal for answer in answers if isinstance(answer, MediaRefusedError)]
        assert 0 < len(set(ports)) <= 3
        assert refusals == ["no-ports"] * (5 - len(ports))
        await client.request(DestroyLeg("0"))
        await client.create_leg(CreateLeg("again", "call"))
    finally:
        await client.close()
        process.kill()
        process.wait()


async def test_two_workers_on_one_range_never_share_a_port(tmp_path: Path, phones: RtpPeers) -> None:
    ports = rtp_range(40)
    rigs = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        rigs.append(Rig(tmp_path / name, start_worker(tmp_path / name, ports), phones))
    try:
        taken = []
        for rig in rigs:
            await rig.attach()
        for number in range(5):
            taken += [await rig.client.create_leg(CreateLeg(str(number), "call")) for rig in rigs]
        assert len(set(taken)) == len(taken)
        for rig in rigs:
            await rig.client.close()
    finally:
        for rig in rigs:
            rig.process.kill()
            rig.process.wait()


async def test_behind_a_translated_address_it_announces_the_outer_one(tmp_path: Path, phones: RtpPeers) -> None:
    process = start_worker(tmp_path, "", "--announced-host", "198.51.100.7")
    rig = Rig(tmp_path, process, phones)
    try:
        client = await rig.attach()
        assert client.snapshot is not None
        assert client.snapshot.rtp_host == "198.51.100.7"
        phone = await rig.phone("leg", LOW)  # and is there under its own
        await rig.event(FirstRtp, source=phone.address)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("address", ["0.0.0.0", "gateway.example", "224.0.0.1", "::1"])
def test_an_address_that_nobody_can_send_to_is_not_announced(tmp_path: Path, address: str) -> None:
    process = start_worker(tmp_path, "", "--announced-host", address)
    assert process.wait(20) == 2


async def test_a_second_worker_on_the_same_socket_is_refused(rig: Rig) -> None:
    second = start_worker(rig.directory)
    assert await exited(second) == 1
    assert (await rig.client.stats()).legs == 0


async def test_a_stale_socket_file_of_a_killed_worker_is_no_obstacle(tmp_path: Path, phones: RtpPeers) -> None:
    first = start_worker(tmp_path)
    rig = Rig(tmp_path, first, phones)
    await rig.attach()
    await rig.client.close()
    first.kill()
    await exited(first)
    second = start_worker(tmp_path)
    try:
        await rig.attach()
        await rig.client.close()
    finally:
        second.kill()
        second.wait()


async def test_stopped_as_soon_as_it_can_be_found_it_leaves_no_socket(tmp_path: Path) -> None:
    worker = start_worker(tmp_path)
    while not (tmp_path / "media.sock").exists():
        assert worker.poll() is None
    worker.send_signal(signal.SIGTERM)
    assert await exited(worker) == 0
    assert not (tmp_path / "media.sock").exists()


async def test_drained_it_takes_no_new_leg_and_leaves_after_the_last(rig: Rig) -> None:
    a, b = await rig.phone("a", LOW), await rig.phone("b", HIGH)
    await rig.client.bridge("a", "b")
    rig.process.send_signal(signal.SIGTERM)
    assert (await rig.event(Draining)).legs == 2
    with pytest.raises(MediaRefusedError) as refused:
        await rig.client.create_leg(CreateLeg("c", "call"))
    assert refused.value.refusal == "draining"
    await asyncio.gather(a.until_hears(HIGH), b.until_hears(LOW))
    await rig.do(StartRecording("call", "r1", "a", "b", "r1.wav"), DestroyLeg("a"), DestroyLeg("b"))
    assert (await rig.event(Drained)).legs == 0
    assert rig.kinds(RecordingStopped)
    assert await exited(rig.process) == 0


async def test_when_the_grace_is_over_the_rest_is_cut_off_and_recordings_are_whole(rig: Rig) -> None:
    a = await rig.phone("a", LOW)
    await a.until(lambda phone: phone.packets_in > 3)
    await rig.do(StartRecording("call", "r1", "a", None, "r1.wav"), Drain(grace_ms=300))
    assert (await rig.event(Drained)).legs == 1
    assert (await rig.event(RecordingStopped)).error == ""
    assert (await rig.event(LegStats)).leg_id == "a"
    assert await exited(rig.process) == 0


async def test_an_idle_worker_does_not_tick(rig: Rig) -> None:
    phone = await rig.phone("a", LOW)
    await phone.until(lambda p: p.packets_in > 5)
    await rig.do(DestroyLeg("a"))

    def wakeups() -> int:
        status = Path(f"/proc/{rig.process.pid}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("voluntary_ctxt")))

    ticks = (await rig.client.stats()).ticks
    before = wakeups()
    sent = phone.packets_out
    await phone.until(lambda p: p.packets_out >= sent + 50)  # a second, in which the phone still sends to the closed port
    assert wakeups() - before <= 2
    assert (await rig.client.stats()).ticks == ticks


async def test_a_stopped_process_goes_on_where_time_is_and_counts_what_it_missed(rig: Rig) -> None:
    a, b = await rig.phone("a", LOW), await rig.phone("b", HIGH)
    await rig.client.bridge("a", "b")
    await b.until_hears(LOW)
    rig.process.send_signal(signal.SIGSTOP)
    sent = a.packets_out
    await a.until(lambda phone: phone.packets_out >= sent + 40)
    rig.process.send_signal(signal.SIGCONT)
    b.forget()
    await b.until_hears(LOW)
    stats = await rig.client.stats()
    assert stats.late_frames >= 2 * 20
    # It did not send the missed 800 ms as a burst.
    received = b.packets_in
    assert received <= b.packets_out - 20


@pytest.mark.parametrize("noise", [b"", b"\x00" * 4, b"GET / HTTP/1.1\r\n\r\n", os.urandom(4096)])
async def test_noise_on_the_control_socket_does_no_harm(rig: Rig, noise: bytes) -> None:
    await rig.client.close()
    with socket.socket(socket.AF_UNIX) as sock, contextlib.suppress(OSError):
        sock.connect(str(rig.directory / "media.sock"))
        sock.sendall(noise)
    await rig.attach()
    assert (await rig.client.stats()).legs == 0


async def test_caught_up_waits_for_the_events_of_the_time_without_signalling(rig: Rig) -> None:
    await rig.client.create_leg(CreateLeg("a", "call"))
    await rig.client.close()
    client = await MediaClient.connect(str(rig.directory / "media.sock"), rig._on_event)
    for _ in range(50):
        client.post(DestroyLeg("a"), lambda _: None)
    await client.caught_up()
    assert [event.leg_id for event in rig.kinds(LegStats)] == ["a"]
    await client.close()
