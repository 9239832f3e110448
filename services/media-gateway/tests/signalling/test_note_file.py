"""What the next process finds in the file of notes, whatever has happened to the one before."""

import errno
import os
import random
from pathlib import Path

import pytest

from callstream_media_gateway.adapters.note_file import HEAD_BYTES, SIZES, NoteFile


def left(path: Path) -> dict[str, bytes]:
    file = NoteFile(path)
    file.close()
    return file.left


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "media.notes"


def test_the_newest_note_of_each_call_is_found_and_whose_audio_it_was(path: Path) -> None:
    file = NoteFile(path)
    file.belongs_to("worker-1")
    for note in (b"first", b"second", b"third"):
        for call_id in ("one", "two"):
            file.put(call_id, call_id.encode() + note)
    file.forget("one")
    file.close()
    found = NoteFile(path)
    assert (found.worker_id, found.left) == ("worker-1", {"two": b"twothird"})


def test_a_second_process_goes_on_in_the_same_places(path: Path) -> None:
    first = NoteFile(path)
    first.put("one", b"1")
    first.put("two", b"2")
    first.close()
    second = NoteFile(path)
    second.put("one", b"1 again")
    second.forget("two")
    second.put("three", b"3")
    second.close()
    assert left(path) == {"one": b"1 again", "three": b"3"}
    assert path.stat().st_size < HEAD_BYTES + 3 * 2 * SIZES[0]


def test_what_comes_after_the_close_is_written_nowhere(path: Path) -> None:
    """Not into a file either that has the number of ours by then."""
    file = NoteFile(path)
    file.put("one", b"1")
    number = file._fd
    file.close()
    other = path.with_name("other")
    other.touch()
    opened = os.open(other, os.O_RDWR)
    assert opened == number
    file.put("one", b"1 again")
    file.put("two", b"2")
    file.forget("one")
    os.close(opened)
    assert other.read_bytes() == b""
    assert left(path) == {"one": b"1"}


def test_places_are_used_again(path: Path) -> None:
    file = NoteFile(path)
    for number in range(1000):
        file.put(f"call-{number}", bytes(5000))
        if number >= 3:
            file.forget(f"call-{number - 3}")
    file.close()
    assert path.stat().st_size < HEAD_BYTES + 5 * 2 * SIZES[0]
    assert left(path).keys() == {"call-997", "call-998", "call-999"}


def test_a_note_that_grows_moves_and_one_beyond_all_sizes_leaves_the_one_before(path: Path) -> None:
    file = NoteFile(path)
    for size in (10, SIZES[0], SIZES[1], 100):
        file.put("one", b"x" * size)
        assert left(path) == {"one": b"x" * size}
    with pytest.raises(ValueError, match="too long"):
        file.put("one", b"x" * SIZES[2])
    assert left(path) == {"one": b"x" * 100}


@pytest.mark.parametrize("kept_bytes", [0, 1, 4, 11, 17, 18, 30, 4000, 4017])
def test_killed_in_the_middle_of_a_write_the_note_before_stands(
    path: Path, monkeypatch: pytest.MonkeyPatch, kept_bytes: int
) -> None:
    """Also in a place where another call's notes stood: they do not come back."""
    write = os.pwrite
    file = NoteFile(path)

    def killed(call_id: str, note: bytes) -> dict[str, bytes]:
        monkeypatch.setattr(os, "pwrite", lambda fd, data, at: write(fd, data[:kept_bytes], at))
        with pytest.raises(OSError, match="only the beginning"):
            file.put(call_id, note)
        monkeypatch.undo()
        return left(path)

    file.put("former", b"f" * 4000)
    file.forget("former")
    file.put("one", b"a" * 4000)
    assert killed("one", b"b" * 4000) == {"one": b"a" * 4000}
    file.put("one", b"c" * 4000)
    file.forget("one")
    assert killed("next", b"n" * 4000) == {}


def test_rubbish_stops_nobody(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"\xff" * 50_000)
    assert left(path) == {}
    draw = random.Random(7)
    file = NoteFile(path)
    file.put("one", b"note")
    file.put("two", b"note")
    whole = path.read_bytes()
    for _ in range(300):
        spoilt = bytearray(whole)
        for _ in range(draw.randrange(1, 40)):
            spoilt[draw.randrange(len(spoilt))] = draw.randrange(256)
        path.write_bytes(spoilt[: draw.randrange(len(spoilt))])
        assert left(path).items() <= {"one": b"note", "two": b"note"}.items()


def test_on_a_full_disk_the_notes_before_stand(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = NoteFile(path)
    file.put("one", b"before")

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    for call_id in ("one", "two"):
        with pytest.raises(OSError, match="No space"):
            file.put(call_id, b"lost")
    monkeypatch.undo()
    assert left(path) == {"one": b"before"}
    file.put("two", b"and")
    file.put("one", b"again")
    assert left(path) == {"one": b"again", "two": b"and"}
