"""The demo's parts that need no running copy: the mix of callers, the configuration, the board, the ears for recordings."""

import io
from collections import Counter
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest

from callstream_console.domain.holdings import Holdings
from callstream_console.domain.manifest import Manifest
from callstream_console.domain.plan import plan
from callstream_local.demo.board import Board
from callstream_local.demo.manifest import GUEST, agent_ids, demo_manifest
from callstream_local.demo.music import write_music
from callstream_local.demo.recordings import listen_to
from callstream_local.demo.scenario import ORDINARY, SHARES, scenario
from callstream_local.phones.ear import Ear, loud_ms
from callstream_local.phones.plans import LetRing, Reject
from callstream_media_gateway.media.audiofile import load
from callstream_media_gateway.media.tone import sines

from .test_verdict import log_of_the_day

PASSWORDS = dict.fromkeys(agent_ids(60), "secret")


@pytest.mark.parametrize(("calls", "agents"), [(1, 1), (9, 3), (10, 1), (20, 5), (40, 8), (200, 60)])
def test_every_kind_of_caller_comes_once_there_are_ten(calls: int, agents: int) -> None:
    made = scenario(calls, agents, PASSWORDS)
    kinds = Counter(caller.name for caller in made.callers)
    assert (len(made.callers), len(made.agents)) == (calls, agents)
    assert kinds[ORDINARY] > 0
    if calls >= 10:
        assert set(kinds) == {ORDINARY, *SHARES}
    assert len({caller.caller for caller in made.callers}) == len({caller.tone_hz for caller in made.callers}) == calls
    assert len({agent.tone_hz for agent in made.agents}) == agents
    first = [agent.reactions[0] for agent in made.agents]
    assert sum(isinstance(reaction, Reject) for reaction in first) == (1 if agents > 1 else 0)
    assert any(isinstance(reaction, LetRing) for reaction in first) == (agents > 2)
    assert scenario(calls, agents, PASSWORDS) == made
    assert scenario(calls, agents, PASSWORDS, seed=2) != made


@pytest.mark.parametrize("agents", [1, 8])
def test_console_takes_the_demos_configuration(agents: int) -> None:
    manifest = demo_manifest(dict.fromkeys([*agent_ids(agents), GUEST], "secret"))
    sounds = manifest.pop("audio")
    assert [sound["id"] for sound in sounds] == ["music"]
    for flow in manifest["flows"]:  # a sound is uploaded before; here nothing can be
        for node in flow["nodes"]:
            node["queue_prompts"] = [p for p in node.pop("queue_prompts", ()) if p["kind"] != "audio"]
            if node["kind"] != "transfer-to-agent":
                del node["queue_prompts"]
    changes = plan(Holdings(), msgspec.convert(manifest, Manifest))
    kinds = Counter(change.after.KIND for change in changes)
    assert (kinds["agent"], kinds["group"], kinds["flow"], kinds["number"]) == (agents + 1, 2, 1, 1)


def test_the_board_counts_calls_by_phase_and_agents_by_state() -> None:
    board = Board()
    seen = []
    for recorded in log_of_the_day():
        board.take([recorded])
        seen.append({phase: n for phase, n in board.calls().items() if n})
    assert {"in the menu": 1} in seen
    assert {"waiting": 1} in seen
    assert {"ringing": 1} in seen
    assert {"talking": 1} in seen
    assert seen[-1] == {"answered": 1, "queue-abandoned": 1, "ivr-ended": 1}
    assert (board.events, dict(board.states())) == (len(seen), {"ringing": 1})


def test_music_is_heard_and_is_nobodys_tone(tmp_path: Path) -> None:
    write_music(tmp_path / "music.wav")
    samples = load(str(tmp_path / "music.wav"))
    assert loud_ms(samples) > 3000
    assert Ear().heard(samples).ms == 0


def mp3(left: int, right: int | None) -> bytes:
    """Two seconds of MP3 with a tone a channel; mono without a right one."""
    channels = [sines((left,), 16_000), *([] if right is None else [sines((right,), 16_000)])]
    out = io.BytesIO()
    with av.open(out, "w", format="mp3") as container:
        layout = "mono" if right is None else "stereo"
        stream = container.add_stream("mp3", rate=8000, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.stack(channels), format="s16p", layout=layout)
        frame.sample_rate = 8000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return out.getvalue()


def test_a_recording_tells_its_channels() -> None:
    heard = listen_to(mp3(1000, 400), Ear())
    assert (heard.left.tone_hz, heard.right.tone_hz, heard.problem) == (1000, 400, "")
    assert min(heard.left.ms, heard.right.ms) > 1500


@pytest.mark.parametrize(("content", "said"), [(b"no sound at all", "Error"), (b"", "Error"), (mp3(1000, None), "1 channels")])
def test_a_recording_that_is_none_says_why(content: bytes, said: str) -> None:
    assert said in listen_to(content, Ear()).problem
