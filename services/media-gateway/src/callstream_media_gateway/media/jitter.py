"""Jitter buffers of all legs in one set of arrays.

Each leg has a ring of `DEPTH` frames of codes and a play head. The head is one moment told in two scales: `head_index`
counts frames since the leg began and addresses the ring; `head_ts` is the sender's RTP timestamp of the same moment,
modulo 2**32, so that wraps need no care. A packet's place is its distance from the head. A frame in the ring is valid
only if `tag` holds its index: nothing is ever cleared.

A tick takes the frame under each head and moves the heads on, whether something was there or not. So a leg's delay is
the distance at which packets arrive ("lead"), and it adapts by moving the head against the ring:
  packet far from the head (new clock, > FAR) .......... start anew, `target` frames behind the packet
  packet too early (burst after a stall, faster clock) . head forward, so that the packet leads by `target` frames
  packets late at LATE_RUN ticks, none in time ........ head back (path has become longer, timestamps stood still)
  several late within a window ......................... head back by the worst of them, target grows
  every packet earlier than needed for CALM windows .... head forward by one frame, target shrinks
"""

import numpy as np

from callstream_media_gateway.media.arrays import FRAME, I64, U8, U32, Flags
from callstream_media_gateway.media.g711 import PCMA, PCMU, SILENCE, SOFTER

DEPTH = 32
FAR = 50
BURST = 5
LATE_RUN = 3
MIN_TARGET, FIRST_TARGET, MAX_TARGET = 1, 2, 12
LEAD_KEPT = 1
WINDOW_TICKS = 50
CALM_WINDOWS = 5
CONCEALED = 3
"""Lost frames in a row that repeat the last one, 6 dB softer each time; after that silence."""
_NO_LEAD = 1 << 20
NOISE = 13
"""Law of a frame of comfort noise (its RTP payload type)."""
NO_NOISE = 255


class JitterBuffers:
    """capacity: number of slots. All `slots` arguments are index arrays in which a slot occurs once."""

    def __init__(self, capacity: int) -> None:
        self.ring = np.zeros((capacity * DEPTH, FRAME), np.uint8)
        self.law = np.zeros(capacity * DEPTH, np.uint8)
        self.tag = np.full(capacity * DEPTH, -1, np.int64)
        self.head_index = np.zeros(capacity, np.int64)
        self.head_ts = np.zeros(capacity, np.uint32)
        self.started = np.zeros(capacity, np.bool_)
        self.target = np.zeros(capacity, np.int64)
        self.gap_run = np.zeros(capacity, np.int64)
        self.late = np.zeros(capacity, np.int64)
        self.resyncs = np.zeros(capacity, np.int64)
        self.noise = np.full(capacity, NO_NOISE, np.uint8)
        """Level of the comfort noise that a leg's silence is filled with, -dBov."""
        self.noisy = False
        self._late_run = np.zeros(capacity, np.int64)
        self._late_at = np.zeros(capacity, np.int64)
        self._window_late = np.zeros(capacity, np.int64)
        self._window_worst = np.zeros(capacity, np.int64)
        self._window_lead = np.full(capacity, _NO_LEAD, np.int64)
        self._calm = np.zeros(capacity, np.int64)

    def reset(self, slot: int) -> None:
        """A slot gets a new leg."""
        self.tag[slot * DEPTH : (slot + 1) * DEPTH] = -1
        self.law[slot * DEPTH : (slot + 1) * DEPTH] = PCMU
        self.noise[slot] = NO_NOISE
        self.head_index[slot] = 0
        self.target[slot] = FIRST_TARGET
        self.gap_run[slot] = CONCEALED
        for counter in (self.late, self.resyncs, self._late_run, self._window_late, self._window_worst, self._calm):
            counter[slot] = 0
        self._window_lead[slot] = _NO_LEAD
        self.restart(slot)

    def restart(self, slot: int) -> None:
        """The next packet begins a new time scale (the source changed)."""
        self.started[slot] = False

    def push(self, slots: I64, timestamps: U32, payloads: U8, laws: U8) -> Flags:
        """Store one whole frame per slot. payloads: (n, FRAME). Returns which were there already (duplicates)."""
        lead = self._place(slots, timestamps, snap=True)
        here = lead >= 0
        index = self.head_index[slots] + lead
        at = slots * DEPTH + (index & (DEPTH - 1))
        duplicate: Flags = here & (self.tag[at] == index)
        if here.all():
            self.ring[at], self.tag[at], self.law[at] = payloads, index, laws
        else:
            at = at[here]
            self.ring[at], self.tag[at], self.law[at] = payloads[here], index[here], laws[here]
        return duplicate

    def push_samples(self, slot: int, timestamp: int, codes: U8, law: int) -> None:
        """Store a packet of any length, cut along the leg's frames (ptime other than 20 ms)."""
        slots = np.array([slot])
        lead = int(self._place(slots, np.array([timestamp], np.uint32), snap=False)[0])
        offset = (timestamp - int(self.head_ts[slot]) - lead * FRAME) & 0xFFFFFFFF
        index = int(self.head_index[slot]) + lead
        while len(codes):
            part = codes[: FRAME - offset]
            if lead >= 0:
                at = slot * DEPTH + (index & (DEPTH - 1))
                if self.tag[at] != index:
                    self.ring[at], self.tag[at], self.law[at] = SILENCE[law], index, law
                self.ring[at, offset : offset + len(part)] = part
            codes, offset, index, lead = codes[FRAME - offset :], 0, index + 1, lead + 1

    def place(self, slots: I64, timestamps: U32, *, snap: bool) -> tuple[I64, U32]:
        """Where packets begin that are kept elsewhere: indexes, offsets in samples. One is late when index < head_index."""
        lead = self._place(slots, timestamps, snap=snap)
        return self.head_index[slots] + lead, timestamps - self.head_ts[slots] - (lead * FRAME).astype(np.uint32)

    def reserve(self, slot: int, index: int, frames: int, law: int) -> None:
        """These frames are there, although their speech is not kept in the ring."""
        for number in range(index, index + min(frames, DEPTH)):
            at = slot * DEPTH + (number & (DEPTH - 1))
            self.tag[at], self.law[at] = number, law

    def played_law(self, slot: int) -> int | None:
        """Of the frame that `pull` has just passed; None: it was lost."""
        index = int(self.head_index[slot]) - 1
        at = slot * DEPTH + (index & (DEPTH - 1))
        return int(self.law[at]) if self.tag[at] == index else None

    def _place(self, slots: I64, timestamps: U32, *, snap: bool) -> I64:
        """Lead of each packet in frames, after the head was moved where it must; negative: late, not to be stored.

        snap: a packet between two frames moves the leg's grid onto itself instead of being cut in two.
        """
        distance = (timestamps - self.head_ts[slots]).view(np.int32).astype(np.int64)
        if snap:
            skew = (distance + FRAME // 2) % FRAME - FRAME // 2
            if skew.any():
                self.head_ts[slots] += skew.astype(np.uint32)
                distance -= skew
        lead = distance // FRAME
        started, target = self.started[slots], self.target[slots]
        late = lead < 0
        # A burst counts as one: whatever delayed it is over, and its last packets are on time again.
        head, run = self.head_index[slots], self._late_run[slots]
        run = np.where(late, run + (self._late_at[slots] != head), 0)
        self._late_at[slots] = np.where(late, head, -1)
        anew = ~started | (lead < -FAR) | (lead > FAR)
        moved = anew | (lead > target + BURST) | (run >= LATE_RUN)
        if moved.any():
            run[moved] = 0
            self._move(slots[moved], timestamps[moved], lead[moved], anew[moved])
            self.resyncs[slots[moved & started]] += 1
            lead, late = np.where(moved, target, lead), late & ~moved
        self._late_run[slots] = run
        self._window_lead[slots] = np.minimum(self._window_lead[slots], lead)
        if late.any():
            behind = slots[late]
            self.late[behind] += 1
            self._window_late[behind] += 1
            self._window_worst[behind] = np.maximum(self._window_worst[behind], -lead[late])
        return lead

    def _move(self, slots: I64, timestamps: U32, lead: I64, anew: Flags) -> None:
        shift = lead - self.target[slots]
        self.head_index[slots] += np.where(anew, 2 * DEPTH, shift)
        moved_ts = self.head_ts[slots] + (shift * FRAME).astype(np.uint32)
        fresh_ts = timestamps - (self.target[slots] * FRAME).astype(np.uint32)
        self.head_ts[slots] = np.where(anew, fresh_ts, moved_ts)
        self.started[slots] = True
        self.gap_run[slots[anew]] = CONCEALED

    def push_noise(self, slot: int, timestamp: int, level: int) -> None:
        """From this frame on, until speech comes again, there is noise of -level dBov (RFC 3389 §3.1)."""
        indexes, _ = self.place(np.array([slot]), np.array([timestamp], np.uint32), snap=False)
        index = int(indexes[0])
        if index >= self.head_index[slot]:
            self.reserve(slot, index, 1, NOISE)
            self.ring[slot * DEPTH + (index & (DEPTH - 1)), 0] = level
            self.noisy = True

    def pull(self, slots: I64) -> tuple[U8, U8]:
        """The frame under each head: codes (n, FRAME) and their laws (n); law NOISE: the level stands in the first code.
        Heads move on by one frame.
        """
        index = self.head_index[slots]
        at = slots * DEPTH + (index & (DEPTH - 1))
        there = self.tag[at] == index
        codes = self.ring.take(at, axis=0)
        laws = self.law.take(at)
        if there.all():
            self.gap_run[slots] = 0
        else:
            self._conceal(slots, index, at, there, codes, laws)
        if self.noisy:
            self._continue_noise(slots, there, codes, laws)
        self.head_index[slots] = index + 1
        self.head_ts[slots] += np.uint32(FRAME)
        return codes, laws

    def _conceal(self, slots: I64, index: I64, at: I64, there: Flags, codes: U8, laws: U8) -> None:
        run = np.where(there, 0, self.gap_run[slots] + 1)
        self.gap_run[slots] = run
        silent = np.flatnonzero(run > CONCEALED)
        codes[silent], laws[silent] = SILENCE[PCMA], PCMA
        repeated = np.flatnonzero((run > 0) & (run <= CONCEALED))
        if not len(repeated):
            return
        before = slots[repeated] * DEPTH + ((index[repeated] - 1) & (DEPTH - 1))
        for law in (PCMU, PCMA):
            chosen = self.law[before] == law
            rows = repeated[chosen]
            codes[rows], laws[rows] = SOFTER[law][self.ring[before[chosen]]], law
        # What was played stays in the ring, so that the next lost frame repeats it softer still.
        kept = at[repeated]
        self.ring[kept], self.law[kept], self.tag[kept] = codes[repeated], laws[repeated], -1

    def _continue_noise(self, slots: I64, there: Flags, codes: U8, laws: U8) -> None:
        begins = np.flatnonzero(there & (laws == NOISE))
        self.noise[slots[there]] = NO_NOISE
        self.noise[slots[begins]] = codes[begins, 0]
        on = np.flatnonzero(self.noise[slots] != NO_NOISE)
        codes[on, 0], laws[on] = self.noise[slots[on]], NOISE
        self.noisy = bool(len(on)) or bool((self.law == NOISE).any())

    def skip(self, slots: I64, frames: int) -> None:
        """Time passed in which nothing was played (the process was stopped)."""
        self.head_index[slots] += frames
        self.head_ts[slots] += np.uint32(frames * FRAME)

    def adapt(self, slots: I64) -> None:
        """Once per WINDOW_TICKS: change the delay where the last window asks for it."""
        worst, lead, late = self._window_worst[slots], self._window_lead[slots], self._window_late[slots]
        grow = late >= 2
        calm = np.where((late == 0) & (lead > LEAD_KEPT) & (lead < _NO_LEAD), self._calm[slots] + 1, 0)
        shrink = calm >= CALM_WINDOWS
        shift = np.where(grow, -np.minimum(worst, LATE_RUN), np.where(shrink, 1, 0))
        if shift.any():
            self.head_index[slots] += shift
            self.head_ts[slots] += (shift * FRAME).astype(np.uint32)
            self.target[slots] = np.clip(self.target[slots] - shift, MIN_TARGET, MAX_TARGET)
            calm[shrink] = 0
        self._calm[slots] = calm
        self._window_late[slots] = 0
        self._window_worst[slots] = 0
        self._window_lead[slots] = _NO_LEAD
