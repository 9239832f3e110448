"""When the notes of calls are written: together, and before anybody is told of what stands in them."""

import asyncio
from typing import Any

import pytest

from callstream.contracts import call_events as call
from callstream.runtime.link import Link
from callstream_media_gateway.app import keep_notes
from callstream_media_gateway.app.keep_notes import KeepNotes

from .house import House


class Story:
    """What a KeepNotes did, in order. Calls are strings here; their notes are their names."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steps: list[str] = []
        self.attached = True
        self.keeps = KeepNotes(self._flush, self)  # type: ignore[arg-type]
        monkeypatch.setattr(keep_notes.note, "write", lambda live, _watch: live.name)

    def _flush(self) -> bool:
        self.steps.append("flush")
        return self.attached

    def put(self, call_id: str, text: Any) -> None:
        if text == "refused":
            raise OSError(28, "no space")
        self.steps.append(f"put {call_id} {text}")

    def forget(self, call_id: str) -> None:
        self.steps.append(f"forget {call_id}")


class Live:
    def __init__(self, call_id: str, name: str = "") -> None:
        self.call, self.name, self.call_id = self, name or call_id, call_id


@pytest.fixture
def story(monkeypatch: pytest.MonkeyPatch) -> Story:
    return Story(monkeypatch)


async def test_the_steps_of_a_turn_are_noted_once_behind_the_orders(story: Story) -> None:
    one, other = Live("one"), Live("other")
    for live in (one, other, one):
        story.keeps.noted(live)  # type: ignore[arg-type]
    assert story.steps == []
    one.name = "one, later"
    await asyncio.sleep(0)
    assert story.steps == ["flush", "put one one, later", "put other other"]
    story.keeps.noted(one)  # type: ignore[arg-type]
    await asyncio.sleep(0)
    assert story.steps[3:] == ["flush", "put one one, later"], "the next turn has notes of its own"


async def test_who_must_not_be_told_before_waits_for_no_turn(story: Story) -> None:
    story.keeps.noted(Live("one"))  # type: ignore[arg-type]
    story.keeps.write()
    assert story.steps == ["flush", "put one one"]
    story.keeps.write()
    await asyncio.sleep(0)
    assert story.steps == ["flush", "put one one"], "and it is not written again"


async def test_a_call_that_is_forgotten_is_not_noted_any_more(story: Story) -> None:
    story.keeps.noted(Live("one"))  # type: ignore[arg-type]
    story.keeps.forgotten("one")
    await asyncio.sleep(0)
    assert story.steps == ["forget one"]


async def test_while_orders_cannot_leave_the_former_notes_stand(story: Story) -> None:
    story.attached = False
    story.keeps.noted(Live("one"))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    assert story.steps == ["flush"]
    story.attached = True
    story.keeps.noted(Live("one"))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    assert story.steps == ["flush", "flush", "put one one"]


async def test_a_disk_that_refuses_one_note_takes_the_others(story: Story) -> None:
    story.keeps.noted(Live("one", "refused"))  # type: ignore[arg-type]
    story.keeps.noted(Live("other"))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    assert story.steps == ["flush", "put other other"]


async def test_nothing_leaves_for_the_broker_before_the_note(open_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the write was due already when the call took its step."""
    caller = await open_house.caller()
    await caller.until("ringing")
    gateway, nc = open_house.gateway, open_house.service.nc
    (live,) = gateway.switchboard.calls.values()
    assert nc._transport is not None
    steps: list[str] = []
    put, write = gateway.note_file.put, nc._transport.write
    monkeypatch.setattr(gateway.note_file, "put", lambda *note: (steps.append("note"), put(*note)))
    monkeypatch.setattr(nc._transport, "write", lambda data: (steps.append("write"), write(data)))
    Link.of(nc).post("_INBOX.media-gateway.nobody", b"unrelated")
    gateway.switchboard.noted(live)
    Link.of(nc).post("_INBOX.media-gateway.nobody", b"what has come of the step")
    async with asyncio.timeout(5):
        while "write" not in steps:
            await asyncio.sleep(0)
    assert steps == ["note", "write"]


async def test_the_worker_forgets_an_event_behind_the_note(open_house: House) -> None:
    """Acknowledgements are collected for a moment; the note of what they stand for is down by then."""
    client, keeps = open_house.gateway.media.client, open_house.gateway.media.before_acknowledging
    told: list[str] = []
    client.before_acknowledging = lambda: told.append("notes") or keeps()  # type: ignore[func-returns-value]
    writer = client._writer
    assert writer is not None

    class Writer:
        def write(self, data: bytes) -> None:
            if b"\xa3ack" in data:
                told.append("ack")
            writer.write(data)

        def __getattr__(self, name: str) -> Any:
            return getattr(writer, name)

    client._writer = Writer()  # type: ignore[assignment]
    caller = await open_house.caller()
    await caller.until("ringing")
    await open_house.answer(await open_house.call_id())
    await caller.until("answered")
    caller.hang_up()
    await open_house.event(call.CallEnded)
    async with asyncio.timeout(5):
        while "ack" not in told:
            await asyncio.sleep(0.01)
    assert told[:2] == ["notes", "ack"]
