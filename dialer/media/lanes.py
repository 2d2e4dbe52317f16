"""Many legs in their usual state, as columns of numbers that numpy works through at once. Free of I/O.

Almost always a call plays a prompt or silence, and hears 20 ms packets in order. Then nothing about it needs
a decision of its own, and what Python costs is mostly the fetching of each leg's many objects into the
cache. So such a leg is lent: its state moves into the arrays here. Whatever isn't usual (another packet
than the awaited one, the prompt's end, a command, a report) takes it back first, and the leg itself goes
on as if it had never been away. Nobody may touch a lent leg but through here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from dialer.media.g711 import DECODE, FRAME
from dialer.media.rtp import HEADER_SIZE, PACKET_SIZE, Placement
from dialer.media.steady import Steady
from dialer.media.vad import BATCH, Endpointer, Found

Bytes = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int64]

LOOK: Final = BATCH // FRAME
"""Frames that a listener looks at together."""
BLOCK: Final = 16 * LOOK
"""Frames of received audio kept for each leg before they go to its recording."""
STALE: Final = 2400
"""Samples without a packet after which a leg's time goes on in silence: its own business."""
NEVER: Final = 1 << 62
_HEAD: Final = np.dtype([("first", ">u2"), ("sequence", ">u2"), ("timestamp", ">u4"), ("ssrc", ">u4")])
_WORD: Final = 0xFFFFFFFF
_INTEGERS: Final = (
    "sequence", "timestamp", "ssrc", "first", "frame", "length", "loop", "next_tick", "sent_from",
    "sent_frame", "sent", "awaited", "source", "plain", "newest", "place", "transit", "run", "fill", "kept",
    "listening", "due", "mu_law",
)  # fmt: skip
"""Columns of whole numbers; those without a word here are what ``Steady`` says.

first: first 16 bits of what we send · length: of frames · sent_from, sent_frame: position and index of the
first frame that the recording doesn't have yet · fill: frames in the block · kept: of them in the recording ·
listening: 0, 1 · due: position at which the recording gives something out · mu_law: 0, 1
"""


class Lendable(Protocol):
    """A leg."""

    def hand_over(self, position: int) -> Steady | None: ...

    def take_back(self, steady: Steady) -> None: ...

    def found(self, listener: Endpointer, found: Sequence[Found], now: float) -> None: ...


K = TypeVar("K")
Send = Callable[[bytes], object]


class Lanes(Generic[K]):
    """``K``: whose leg it is. ``left(owner)`` is called whenever a leg has been taken back."""

    def __init__(self, phases: int, left: Callable[[K], None]) -> None:
        self._left = left
        self._legs: list[Lendable | None] = []
        self._owners: list[K | None] = []
        self._states: list[Steady | None] = []
        self._phase: list[int] = []
        self._free: list[int] = []
        self._members: list[list[int]] = [[] for _ in range(phases)]
        self._index: list[Numbers] = [np.zeros(0, np.int64) for _ in range(phases)]
        self._sends: list[list[Send]] = [[] for _ in range(phases)]
        self._frames: list[list[Sequence[bytes]]] = [[] for _ in range(phases)]
        self._of: dict[str, Numbers] = {name: np.zeros(0, np.int64) for name in _INTEGERS}
        self._jitter = np.zeros(0)
        self._heard_at = np.zeros(0)
        self._block: Bytes = np.zeros((0, BLOCK, FRAME), np.uint8)

    def members(self, phase: int) -> int:
        return len(self._members[phase])

    # --- lending

    def lend(self, leg: Lendable, owner: K, send: Send, phase: int, position: int) -> int | None:
        """Take a leg over before the tick at ``position``; its lane, or None: it isn't as usual."""
        state = leg.hand_over(position)
        if state is None:
            return None
        lane = self._free.pop() if self._free else self._grow()
        self._legs[lane], self._owners[lane], self._states[lane] = leg, owner, state
        self._phase[lane] = phase
        self._members[phase].append(lane)
        self._sends[phase].append(send)
        self._frames[phase].append(state.frames)
        self._index[phase] = np.array(self._members[phase], np.int64)
        held = np.frombuffer(state.held, np.uint8).reshape(-1, FRAME)
        values = {
            "sequence": state.sequence, "timestamp": state.timestamp, "ssrc": state.ssrc,
            "first": 0x8000 | state.kind, "frame": state.frame, "length": len(state.frames),
            "loop": state.loop, "next_tick": state.next_tick, "sent_from": state.next_tick,
            "sent_frame": state.frame, "sent": 0, "awaited": state.awaited, "source": state.source,
            "plain": state.plain, "newest": state.newest, "place": state.place, "transit": state.transit,
            "run": 0, "fill": len(held), "kept": len(held), "listening": state.listener is not None,
            "due": NEVER if state.recorder is None else state.recorder.due_at,
            "mu_law": state.codec == "PCMU",
        }  # fmt: skip
        for name, value in values.items():
            self._of[name][lane] = value
        self._jitter[lane], self._heard_at[lane] = state.jitter, state.heard_at
        self._block[lane, : len(held)] = held
        tail = np.frombuffer(state.tail, np.uint8)
        if len(tail) == 2 * FRAME:
            self._block[lane, -2:] = tail.reshape(2, FRAME)
        return lane

    def _grow(self) -> int:
        lane = len(self._legs)
        if lane == len(self._jitter):
            more = max(32, lane)
            for name, column in self._of.items():
                self._of[name] = np.concatenate([column, np.zeros(more, np.int64)])
            self._jitter = np.concatenate([self._jitter, np.zeros(more)])
            self._heard_at = np.concatenate([self._heard_at, np.zeros(more)])
            self._block = np.concatenate([self._block, np.zeros((more, BLOCK, FRAME), np.uint8)])
        self._legs.append(None)
        self._owners.append(None)
        self._states.append(None)
        self._phase.append(0)
        return lane

    def recall(self, lane: int) -> None:
        """Give the leg its state back."""
        leg, owner, state = self._legs[lane], self._owners[lane], self._states[lane]
        if leg is None or owner is None or state is None:
            return
        self._record_sent(lane, state)
        self._record_heard(lane, state)
        of = {name: int(column[lane]) for name, column in self._of.items()}
        state.sequence, state.frame, state.next_tick = of["sequence"], of["frame"], of["next_tick"]
        state.sent, state.awaited, state.run = of["sent"], of["awaited"], of["run"]
        state.newest, state.place, state.transit = of["newest"], of["place"], of["transit"]
        state.jitter, state.heard_at = float(self._jitter[lane]), float(self._heard_at[lane])
        fill = of["fill"]
        first = fill - fill % LOOK
        rows = self._block[lane]
        state.held = rows[first:fill].tobytes() if state.listener is not None else b""
        if state.run:
            state.tail = rows[[(first - 2) % BLOCK, (first - 1) % BLOCK]].tobytes()
        self._legs[lane] = self._owners[lane] = self._states[lane] = None
        phase = self._phase[lane]
        at = self._members[phase].index(lane)
        del self._members[phase][at], self._sends[phase][at], self._frames[phase][at]
        self._index[phase] = np.array(self._members[phase], np.int64)
        self._free.append(lane)
        leg.take_back(state)
        self._left(owner)

    # --- each 20 ms

    def tick(self, phase: int, position: int) -> tuple[list[Send], list[bytes]]:
        """The packets that are due, and how they are sent. Legs that need a look are recalled before."""
        of = self._of
        lanes = self._index[phase]
        frame, length = of["frame"][lanes], of["length"][lanes]
        ended = frame >= length
        if ended.any():
            of["frame"][lanes[ended & (of["loop"][lanes] == 1)]] = 0
            ended &= of["loop"][lanes] == 0
        away = ended | (of["place"][lanes] < position - STALE) | (of["next_tick"][lanes] != position)
        if away.any():
            for lane in lanes[away].tolist():
                self.recall(lane)
            lanes = self._index[phase]
        if not len(lanes):
            return [], []
        frame = of["frame"][lanes]
        sequence = (of["sequence"][lanes] + 1) & 0xFFFF
        head = np.empty(len(lanes), _HEAD)
        head["first"], head["sequence"], head["ssrc"] = of["first"][lanes], sequence, of["ssrc"][lanes]
        head["timestamp"] = (of["timestamp"][lanes] + position) & _WORD
        of["sequence"][lanes] = sequence
        of["frame"][lanes] = frame + 1
        of["next_tick"][lanes] = position + FRAME
        of["sent"][lanes] += 1
        heads = head.tobytes()
        begins = range(0, len(heads), HEADER_SIZE)
        packets = [
            heads[begin : begin + HEADER_SIZE] + frames[at]
            for begin, frames, at in zip(begins, self._frames[phase], frame.tolist(), strict=True)
        ]
        return self._sends[phase], packets

    def recordings(self, phase: int, position: int) -> list[tuple[K, bytes]]:
        """Audio that recordings give out at ``position``."""
        lanes = self._index[phase]
        given: list[tuple[K, bytes]] = []
        for lane in lanes[self._of["due"][lanes] <= position].tolist():
            state, owner = self._states[lane], self._owners[lane]
            if state is not None and owner is not None and state.recorder is not None:
                self._record_sent(lane, state)
                self._record_heard(lane, state)
                given.append((owner, state.recorder.advance(position)))
                self._of["due"][lane] = state.recorder.due_at
        return given

    def _record_sent(self, lane: int, state: Steady) -> None:
        of = self._of
        start, end, first = (
            int(of["sent_from"][lane]),
            int(of["next_tick"][lane]),
            int(of["sent_frame"][lane]),
        )
        count, frames = (end - start) // FRAME, state.frames
        of["sent_from"][lane] = end
        of["sent_frame"][lane] = (first + count) % len(frames) if state.loop else first + count
        if state.recorder is not None and count:
            whole = b"".join(frames[(first + number) % len(frames)] for number in range(count))
            state.recorder.sent.put(start, whole)

    def _record_heard(self, lane: int, state: Steady) -> None:
        of = self._of
        kept, fill = int(of["kept"][lane]), int(of["fill"][lane])
        of["kept"][lane] = fill
        if state.recorder is not None and fill > kept:
            start = int(of["place"][lane]) - (fill - kept - 1) * FRAME
            state.recorder.heard.put(start, self._block[lane, kept:fill].tobytes())

    # --- each datagram

    def hear(self, lanes: Sequence[int], rows: Bytes, position: int, now: float) -> list[int]:
        """Packets of 172 bytes, one a row. Gives back the rows that aren't what was awaited."""
        of, lane = self._of, np.array(lanes, np.int64)
        head = np.ascontiguousarray(rows[:, :HEADER_SIZE]).view(_HEAD)[:, 0]
        timestamp = head["timestamp"].astype(np.int64)
        start = of["place"][lane] + FRAME
        late = position - start
        usual = (
            (head["sequence"] == of["awaited"][lane]) & (head["first"] == of["plain"][lane])
            & (head["ssrc"] == of["source"][lane]) & (timestamp == of["newest"][lane] + FRAME)
            & (late >= -Placement.SLACK) & (late <= Placement.LATE)
        )  # fmt: skip
        if not usual.all():
            unusual = np.flatnonzero(~usual).tolist()
            lane, rows, timestamp, start = lane[usual], rows[usual], timestamp[usual], start[usual]
        else:
            unusual = []
        of["awaited"][lane] += 1
        of["run"][lane] += 1
        of["newest"][lane] = timestamp
        of["place"][lane] = start
        step = position - timestamp - of["transit"][lane]
        of["transit"][lane] += step
        jitter = self._jitter[lane]
        self._jitter[lane] = jitter + (np.abs(step) - jitter) / 16
        self._heard_at[lane] = now
        fill = of["fill"][lane]
        self._block[lane, fill] = rows[:, HEADER_SIZE:PACKET_SIZE]
        fill += 1
        of["fill"][lane] = fill
        ready = lane[(fill % LOOK == 0) & (of["listening"][lane] == 1)]
        if len(ready):
            self._listen(ready, now)
        for full in lane[fill == BLOCK].tolist():
            state = self._states[full]
            if state is not None:
                self._record_heard(full, state)
            of["fill"][full] = of["kept"][full] = 0
        return unusual

    def _listen(self, lanes: Numbers, now: float) -> None:
        mu_law = self._of["mu_law"][lanes] == 1
        for codec, some in (("PCMA", lanes[~mu_law]), ("PCMU", lanes[mu_law])):
            if not len(some):
                continue
            fill = self._of["fill"][some]
            law = self._block[some[:, None], fill[:, None] + np.arange(-LOOK, 0)]
            samples = DECODE[codec].take(law)
            squares = samples.astype(np.float32)
            squares *= squares
            energies = squares.mean(2).tolist()
            starts = (self._of["place"][some] - (LOOK - 1) * FRAME).tolist()
            whole, pcm = law.tobytes(), samples.tobytes()
            for number, lane in enumerate(some.tolist()):
                state, leg = self._states[lane], self._legs[lane]
                if state is not None and leg is not None and state.listener is not None:
                    at = number * BATCH
                    found = state.listener.judge(
                        starts[number],
                        whole[at : at + BATCH],
                        pcm[2 * at : 2 * (at + BATCH)],
                        energies[number],
                    )
                    if found:
                        leg.found(state.listener, found, now)
