"""The jitter buffer, told as tables: what arrives before each tick, what is played at it."""

import numpy as np
import pytest

from callstream_media_gateway.media.arrays import FRAME
from callstream_media_gateway.media.g711 import DECODE, PCMA, PCMU, SILENCE
from callstream_media_gateway.media.jitter import CALM_WINDOWS, FIRST_TARGET, MAX_TARGET, WINDOW_TICKS, JitterBuffers

SLOT = np.array([1])


class Line:
    """One leg. Frame n carries code n % 200 in all samples; `tick` tells which frame is played, None for silence."""

    def __init__(self, first_ts: int = 0) -> None:
        self.buffers = JitterBuffers(3)
        self.buffers.reset(1)
        self.first_ts = first_ts
        self.duplicates = 0

    def arrive(self, *frames: int) -> None:
        for frame in frames:
            ts = np.array([(self.first_ts + frame * FRAME) % 2**32], np.uint32)
            payload = np.full((1, FRAME), frame % 200, np.uint8)
            self.duplicates += int(self.buffers.push(SLOT, ts, payload, np.array([PCMU], np.uint8))[0])

    def tick(self) -> int | None:
        codes, laws = self.buffers.pull(SLOT)
        return None if laws[0] == PCMA and codes[0, 0] == SILENCE[PCMA] else int(codes[0, 0])

    def play(self, ticks: int) -> list[int | None]:
        return [self.tick() for _ in range(ticks)]

    def stream(self, frames: range) -> list[int | None]:
        """One frame arrives, one is played."""
        out = []
        for frame in frames:
            self.arrive(frame)
            out.append(self.tick())
        return out

    @property
    def lead(self) -> int:
        """Frames in the buffer beyond the next one to play would be lead - 1."""
        tags = self.buffers.tag[32:64]
        return int(tags.max() - self.buffers.head_index[1]) + 1


def test_a_steady_stream_is_played_whole_with_two_frames_of_delay() -> None:
    line = Line()
    assert line.stream(range(10)) == [None, None, 0, 1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("first_ts", [2**32 - 5 * FRAME, 2**32 - FRAME - 7, 2**31 - 3 * FRAME])
def test_the_timestamp_may_wrap(first_ts: int) -> None:
    line = Line(first_ts)
    assert line.stream(range(40))[2:] == list(range(38))
    assert line.buffers.resyncs[1] == 0


def test_reordered_packets_are_played_in_order() -> None:
    line = Line()
    line.stream(range(3))
    line.arrive(4)
    played = line.play(1)
    line.arrive(3, 5)
    assert played + line.play(3) == [1, 2, 3, 4]


def test_a_duplicate_is_counted_and_played_once() -> None:
    line = Line()
    line.arrive(0, 0, 1, 1, 2)
    assert line.duplicates == 2
    assert line.play(5)[2:] == [0, 1, 2]


def test_lost_frames_are_concealed_softer_each_time_then_silent() -> None:
    line = Line()
    line.stream(range(5))
    assert line.play(2) == [3, 4]
    concealed = [line.buffers.pull(SLOT)[0][0, 0] for _ in range(3)]
    levels = np.abs(DECODE[PCMU][[4, *concealed]].astype(float))
    assert np.allclose(levels[1:] / levels[:-1], 0.5, atol=0.05)
    assert line.play(2) == [None, None]


def test_a_hole_of_one_frame_leaves_the_rest_in_place() -> None:
    line = Line()
    line.arrive(0, 1, 3, 4)
    played = line.play(7)
    assert played[2:4] == [0, 1]
    assert played[5:] == [3, 4]


def test_after_a_stall_in_the_network_the_burst_is_dropped_and_the_delay_stays() -> None:
    line = Line()
    line.stream(range(20))
    line.play(25)  # nothing arrives for half a second
    line.arrive(*range(20, 45))  # then all of it at once
    assert line.stream(range(45, 60))[3:] == list(range(46, 58))
    assert line.lead <= FIRST_TARGET + 1


def test_when_the_path_becomes_longer_for_good_the_buffer_follows() -> None:
    line = Line()
    line.stream(range(20))
    line.play(10)  # from now on each packet is 200 ms later
    out = line.stream(range(20, 60))
    assert line.buffers.resyncs[1] == 1
    assert out[-20:] == list(range(38, 58))


def test_a_burst_after_our_own_stop_does_not_leave_a_delay() -> None:
    line = Line()
    line.stream(range(20))
    line.buffers.skip(SLOT, 50)  # the process stood still for a second
    line.arrive(*range(20, 70))
    assert line.stream(range(70, 90))[3:] == list(range(71, 88))
    assert line.lead <= FIRST_TARGET + 1


def test_a_sender_that_starts_anew_is_followed_at_once() -> None:
    line = Line()
    line.stream(range(20))
    line.first_ts = 3_000_000_000
    out = line.stream(range(100, 110))
    assert out == [None, None, *range(100, 108)]
    assert line.buffers.resyncs[1] == 1


def test_timestamps_that_stood_still_during_a_pause_are_followed() -> None:
    line = Line()
    line.stream(range(20))
    line.play(40)
    out = line.stream(range(20, 40))
    assert out[-10:] == list(range(28, 38))


@pytest.mark.parametrize(("per_10000", "name"), [(10_030, "fast"), (9_970, "slow")])
def test_a_drifting_clock_keeps_the_delay_bounded(per_10000: int, name: str) -> None:
    """0.3 % is thirty times what crystals do: over 200 s it amounts to 30 frames."""
    line = Line()
    sent, worst = 0, 0
    for tick in range(10_000):
        while sent * 10_000 <= tick * per_10000:
            line.arrive(sent)
            sent += 1
        line.tick()
        if (tick + 1) % WINDOW_TICKS == 0:
            line.buffers.adapt(SLOT)
            worst = max(worst, line.lead)
    assert worst <= 8
    assert line.buffers.late[1] < 100


def test_jitter_of_60_ms_raises_the_delay_and_quiet_lowers_it() -> None:
    line = Line()
    rng = np.random.default_rng(7)
    pending: list[tuple[int, int]] = []
    late_at = []
    for tick in range(2_000):
        delay = int(rng.integers(0, 4)) if tick < 1_000 else 0
        pending.append((tick + delay, tick))
        for item in sorted(p for p in pending if p[0] <= tick):
            line.arrive(item[1])
            pending.remove(item)
        line.tick()
        if (tick + 1) % WINDOW_TICKS == 0:
            line.buffers.adapt(SLOT)
            late_at.append(int(line.buffers.late[1]))
    half = len(late_at) // 2
    assert late_at[half - 1] - late_at[2] < 10  # after the first two seconds hardly any is late
    assert line.lead <= 3
    assert late_at[-1] - late_at[half] == 0


def test_calm_windows_take_out_one_frame_at_a_time() -> None:
    line = Line()
    line.stream(range(5))
    line.arrive(5, 6, 7)  # leads by five frames from here on
    lead = line.lead
    for window in range(CALM_WINDOWS):
        line.stream(range(8 + window * WINDOW_TICKS, 8 + (window + 1) * WINDOW_TICKS))
        line.buffers.adapt(SLOT)
    assert line.lead == lead - 1


def test_the_delay_never_grows_beyond_its_limit() -> None:
    line = Line()
    rng = np.random.default_rng(3)
    for tick in range(5_000):
        line.arrive(max(0, tick - int(rng.integers(0, 40))))
        line.tick()
        if tick % WINDOW_TICKS == 0:
            line.buffers.adapt(SLOT)
    assert line.buffers.target[1] <= MAX_TARGET


@pytest.mark.parametrize("samples", [80, 240, 320, 480])
def test_other_packet_lengths_are_cut_along_the_frames(samples: int) -> None:
    line = Line()
    ramp = (np.arange(4800) % 199).astype(np.uint8)
    heard, sent = [], 0
    for tick in range(2 + 15):
        while sent <= tick * FRAME:
            line.buffers.push_samples(1, sent, ramp[sent : sent + samples], PCMU)
            sent += samples
        heard.append(line.buffers.pull(SLOT)[0][0])
    assert np.concatenate(heard[2:]).tolist() == ramp[: 15 * FRAME].tolist()


def test_a_source_whose_frames_lie_between_ours_stays_on_the_fast_path() -> None:
    line = Line()
    line.stream(range(10))
    line.first_ts += 77  # it paused for part of a frame
    assert line.stream(range(10, 20))[3:] == list(range(11, 18))


def test_neighbours_are_not_touched() -> None:
    buffers = JitterBuffers(3)
    for slot in range(3):
        buffers.reset(slot)
    slots = np.array([0, 2])
    ts = np.array([5, 9], np.uint32)
    buffers.push(slots, ts, np.array([[10] * FRAME, [20] * FRAME], np.uint8), np.array([PCMU, PCMA], np.uint8))
    for _ in range(FIRST_TARGET):
        buffers.pull(np.arange(3))
    codes, laws = buffers.pull(np.arange(3))
    assert (codes[:, 0].tolist(), laws.tolist()) == ([10, SILENCE[PCMA], 20], [PCMU, PCMA, PCMA])
