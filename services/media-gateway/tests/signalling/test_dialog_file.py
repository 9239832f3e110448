"""What stands on the disk about dialogs: of calls that are not over, whatever the file has suffered."""

from pathlib import Path

import pytest

from callstream_media_gateway.adapters import dialog_file
from callstream_media_gateway.adapters.dialog_file import DialogFile
from callstream_media_gateway.sip.dialog_state import DialogState


def state(call_id: str, port: int = 5060) -> DialogState:
    return DialogState(
        call_id=call_id,
        local="<sip:a@here>;tag=1",
        remote="<sip:b@there>;tag=2",
        remote_target="sip:b@127.0.0.1",
        route_set=(),
        transport="udp",
        host="127.0.0.1",
        port=port,
        hidden=False,
        made_call_id=False,
        local_cseq=1,
        remote_cseq=None,
        local_sdp="",
        remote_sdp=None,
        session_interval=0,
        we_refresh=False,
        peer_allows="",
        started_at=0.0,
    )


def written(path: Path) -> DialogFile:
    """Two calls of two legs, of which the first is over, and a leg that has changed."""
    file = DialogFile(path)
    file.begin()
    for call_id in ("one", "two"):
        for leg in ("a", "b"):
            file.put(call_id, leg, state(f"{call_id}-{leg}"))
    file.over("one")
    file.put("two", "a", state("two-a", 5061))
    return file


def test_calls_that_are_not_over_are_read_with_their_newest_state(tmp_path: Path) -> None:
    written(tmp_path / "dialogs")
    assert DialogFile(tmp_path / "dialogs").read() == {"two": [state("two-a", 5061), state("two-b")]}


def test_without_a_file_there_is_nothing(tmp_path: Path) -> None:
    assert DialogFile(tmp_path / "nowhere" / "dialogs").read() == {}


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_a_file_that_was_cut_is_read_as_far_as_it_goes(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "dialogs"
    written(path)
    path.write_bytes(path.read_bytes()[:-cut])
    assert DialogFile(path).read() == {"two": [state("two-a"), state("two-b")]}


def test_rubbish_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "dialogs").write_bytes(b"\x00\x00\x00\x02\xff\xff" * 3)
    assert DialogFile(tmp_path / "dialogs").read() == {}


def test_a_beginning_forgets_the_run_before(tmp_path: Path) -> None:
    written(tmp_path / "dialogs").close()
    DialogFile(tmp_path / "dialogs").begin()
    assert DialogFile(tmp_path / "dialogs").read() == {}


def test_a_file_that_has_grown_is_written_anew_with_what_is_alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialog_file, "COMPACT_BYTES", 5_000)
    path = tmp_path / "dialogs"
    file = DialogFile(path)
    file.begin()
    file.put("alive", "a", state("alive-a"))
    for number in range(100):
        file.put(f"c{number}", "a", state("x"))
        file.over(f"c{number}")
    assert path.stat().st_size < 10_000
    assert DialogFile(path).read() == {"alive": [state("alive-a")]}
