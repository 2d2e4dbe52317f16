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

from dialer.media.g711 import DECODE, FRAME, MAGNITUDE_BITS, PCMA, PCMU, PEAK_ENERGY
from dialer.media.rtp import HEADER_SIZE, PACKET_SIZE, Placement
from dialer.media.steady import Steady
from dialer.media.vad import BATCH, Endpointer, Found, mean_squares

Bytes = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int64]
Columns = npt.NDArray[np.void]

LOOK: Final = BATCH // FRAME
"""Frames that a listener looks at together."""
BLOCK: Final = 16 * LOOK
"""Frames of received audio kept for each leg before they go to its recording."""
STALE: Final = 2400
"""Samples without a packet after which a leg's time goes on in silence: its own business."""
NEVER: Final = 1 << 62
_HEAD: Final = np.dtype([("first", ">u2"), ("sequence", ">u2"), ("timestamp", ">u4"), ("ssrc", ">u4")])
_WORD: Final = 0xFFFFFFFF
_LOOKED: Final = np.arange(-LOOK, 0)
_OUT: Final = np.dtype([
    ("sequence", "i8"), ("timestamp", "i8"), ("ssrc", "i8"), ("first", "i8"),
    ("frame", "i8"), ("length", "i8"), ("loop", "?"), ("next_tick", "i8"), ("sent", "i8"),
    ("sent_from", "i8"), ("sent_frame", "i8"), ("due", "i8"),
])  # fmt: skip
"""A lane's state of what is sent; a field without a word here is what ``Steady`` says.

first: first 16 bits of what we send · length: of frames · sent_from, sent_frame: position and index of the
first frame that the recording doesn't have yet · due: position at which the recording gives something out
"""
_IN: Final = np.dtype([
    ("awaited", "i8"), ("run", "i8"), ("source", "i8"), ("plain", "i8"), ("newest", "i8"), ("place", "i8"),
    ("transit", "i8"), ("jitter", "f8"), ("heard_at", "f8"), ("fill", "i8"), ("kept", "i8"),
    ("listening", "?"), ("mu_law", "?"), ("floor", "f8"),
])  # fmt: skip
"""And of what is heard. fill: frames in the block · kept: of them in the recording · floor: mean square that
speech is above"""


class Lendable(Protocol):
    """A leg."""

    def hand_over(self, position: int) -> Steady | None: ...

    def take_back(self, steady: Steady) -> None: ...

    def count(self, sent: int, heard: int, awaited: int, jitter: float) -> None: ...

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
        self._listeners: list[Endpointer | None] = []
        self._phase: list[int] = []
        self._free: list[int] = []
        self._members: list[list[int]] = [[] for _ in range(phases)]
        self._index: list[Numbers] = [np.zeros(0, np.int64) for _ in range(phases)]
        self._sends: list[list[Send]] = [[] for _ in range(phases)]
        self._frames: list[list[Sequence[bytes]]] = [[] for _ in range(phases)]
        # A lane's fields lie together: most of the time goes into fetching them into the cache.
        self._out = np.zeros(0, _OUT)
        self._in = np.zeros(0, _IN)
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
        self._listeners[lane] = listener = state.listener
        self._phase[lane] = phase
        self._members[phase].append(lane)
        self._sends[phase].append(send)
        self._frames[phase].append(state.frames)
        self._index[phase] = np.array(self._members[phase], np.int64)
        held = np.frombuffer(state.held, np.uint8).reshape(-1, FRAME)
        due = NEVER if state.recorder is None else state.recorder.due_at
        self._out[lane] = (
            state.sequence, state.timestamp, state.ssrc, 0x8000 | state.kind, state.frame, len(state.frames),
            state.loop, state.next_tick, 0, state.next_tick, state.frame, due,
        )  # fmt: skip
        self._in[lane] = (
            state.awaited, 0, state.source, state.plain, state.newest, state.place,
            state.transit, state.jitter, state.heard_at, len(held), len(held),
            listener is not None, state.codec == PCMU, 0.0 if listener is None else listener.floor,
        )  # fmt: skip
        self._block[lane, : len(held)] = held
        tail = np.frombuffer(state.tail, np.uint8)
        if len(tail) == 2 * FRAME:
            self._block[lane, -2:] = tail.reshape(2, FRAME)
        return lane

    def _grow(self) -> int:
        lane = len(self._legs)
        if lane == len(self._out):
            more = max(32, lane)
            self._out = np.concatenate([self._out, np.zeros(more, _OUT)])
            self._in = np.concatenate([self._in, np.zeros(more, _IN)])
            self._block = np.concatenate([self._block, np.zeros((more, BLOCK, FRAME), np.uint8)])
        self._legs.append(None)
        self._owners.append(None)
        self._states.append(None)
        self._listeners.append(None)
        self._phase.append(0)
        return lane

    def recall(self, lane: int) -> None:
        """Give the leg its state back."""
        leg, owner, state = self._legs[lane], self._owners[lane], self._states[lane]
        if leg is None or owner is None or state is None:
            return
        self._record_sent(lane, state)
        self._record_heard(lane, state)
        sent, heard = self._out[lane], self._in[lane]
        state.sequence, state.frame = int(sent["sequence"]), int(sent["frame"])
        state.next_tick, state.sent = int(sent["next_tick"]), int(sent["sent"])
        state.awaited, state.run = int(heard["awaited"]), int(heard["run"])
        state.newest, state.place = int(heard["newest"]), int(heard["place"])
        state.transit, state.jitter = int(heard["transit"]), float(heard["jitter"])
        state.heard_at, fill = float(heard["heard_at"]), int(heard["fill"])
        first = fill - fill % LOOK
        rows = self._block[lane]
        state.held = rows[first:fill].tobytes() if state.listener is not None else b""
        if state.run or state.heard:
            state.tail = rows[[(first - 2) % BLOCK, (first - 1) % BLOCK]].tobytes()
        self._legs[lane] = self._owners[lane] = self._states[lane] = self._listeners[lane] = None
        phase = self._phase[lane]
        at = self._members[phase].index(lane)
        del self._members[phase][at], self._sends[phase][at], self._frames[phase][at]
        self._index[phase] = np.array(self._members[phase], np.int64)
        self._free.append(lane)
        leg.take_back(state)
        self._left(owner)

    def settle(self, lane: int) -> None:
        """Let the leg know its counts, for a report; it stays lent."""
        leg, state, sent, heard = self._legs[lane], self._states[lane], self._out[lane], self._in[lane]
        if leg is None or state is None:
            return
        leg.count(int(sent["sent"]), int(heard["run"]), int(heard["awaited"]), float(heard["jitter"]))
        state.heard = state.heard or bool(heard["run"])
        sent["sent"] = heard["run"] = 0

    # --- each 20 ms

    def tick(self, phase: int, position: int) -> tuple[list[Send], list[bytes]]:
        """The packets that are due, and how they are sent. Legs that need a look are recalled before."""
        lanes = self._index[phase]
        out, place = self._out.take(lanes), self._in["place"][lanes]
        ended = out["frame"] >= out["length"]
        if ended.any():
            out["frame"][ended & out["loop"]] = 0
            ended &= ~out["loop"]
        away = ended | (place < position - STALE) | (out["next_tick"] != position)
        if away.any():
            for lane in lanes[away].tolist():
                self.recall(lane)
            out, lanes = out[~away], self._index[phase]
        if not len(lanes):
            return [], []
        frame = out["frame"].tolist()
        head = np.empty(len(lanes), _HEAD)
        out["sequence"] += 1
        out["sequence"] &= 0xFFFF
        head["first"], head["sequence"], head["ssrc"] = out["first"], out["sequence"], out["ssrc"]
        head["timestamp"] = (out["timestamp"] + position) & _WORD
        out["frame"] += 1
        out["sent"] += 1
        out["next_tick"] = position + FRAME
        self._out[lanes] = out
        heads = head.tobytes()
        begins = range(0, len(heads), HEADER_SIZE)
        packets = [
            heads[begin : begin + HEADER_SIZE] + frames[at]
            for begin, frames, at in zip(begins, self._frames[phase], frame, strict=True)
        ]
        return self._sends[phase], packets

    def recordings(self, phase: int, position: int) -> list[tuple[K, bytes]]:
        """Audio that recordings give out at ``position``."""
        lanes = self._index[phase]
        given: list[tuple[K, bytes]] = []
        for lane in lanes[self._out["due"][lanes] <= position].tolist():
            state, owner = self._states[lane], self._owners[lane]
            if state is not None and owner is not None and state.recorder is not None:
                self._record_sent(lane, state)
                self._record_heard(lane, state)
                given.append((owner, state.recorder.advance(position)))
                self._out["due"][lane] = state.recorder.due_at
        return given

    def _record_sent(self, lane: int, state: Steady) -> None:
        out = self._out[lane]
        start, first = int(out["sent_from"]), int(out["sent_frame"])
        count, frames = (int(out["next_tick"]) - start) // FRAME, state.frames
        out["sent_from"] = out["next_tick"]
        end = first + count
        out["sent_frame"] = end % len(frames) if state.loop else end
        if state.recorder is not None and count:
            whole = list(frames[first:end])
            while len(whole) < count:  # A loop.
                whole += frames[: count - len(whole)]
            state.recorder.sent.put(start, b"".join(whole))

    def _record_heard(self, lane: int, state: Steady) -> None:
        heard = self._in[lane]
        kept, fill = int(heard["kept"]), int(heard["fill"])
        heard["kept"] = fill
        if state.recorder is not None and fill > kept:
            start = int(heard["place"]) - (fill - kept - 1) * FRAME
            state.recorder.heard.put(start, self._block[lane, kept:fill].tobytes())

    # --- each datagram

    def hear(self, lanes: Sequence[int], rows: Bytes, position: int, now: float) -> list[int]:
        """Packets of 172 bytes, one a row. Gives back the rows that aren't what was awaited."""
        lane = np.array(lanes, np.int64)
        heard = self._in.take(lane)
        head = np.ascontiguousarray(rows[:, :HEADER_SIZE]).view(_HEAD)[:, 0]
        timestamp = head["timestamp"].astype(np.int64)
        start = heard["place"] + FRAME
        late = position - start
        usual = (
            (head["sequence"] == heard["awaited"]) & (head["first"] == heard["plain"])
            & (head["ssrc"] == heard["source"]) & (timestamp == heard["newest"] + FRAME)
            & (late >= -Placement.SLACK) & (late <= Placement.LATE)
        )  # fmt: skip
        unusual: list[int] = []
        if not usual.all():
            unusual = np.flatnonzero(~usual).tolist()
            lane, rows, timestamp, start = lane[usual], rows[usual], timestamp[usual], start[usual]
            heard = heard[usual]
        heard["awaited"] += 1
        heard["run"] += 1
        heard["newest"], heard["place"], heard["heard_at"] = timestamp, start, now
        step = position - timestamp - heard["transit"]
        heard["transit"] += step
        heard["jitter"] += (np.abs(step) - heard["jitter"]) / 16
        fill = heard["fill"].copy()
        self._block[lane, fill] = rows[:, HEADER_SIZE:PACKET_SIZE]
        fill += 1
        heard["fill"] = fill
        self._in[lane] = heard
        ready = (fill % LOOK == 0) & heard["listening"]
        if ready.any():
            self._listen(lane[ready], heard[ready], now)
        for full in lane[fill == BLOCK].tolist():
            state = self._states[full]
            if state is not None:
                self._record_heard(full, state)
            self._in["fill"][full] = self._in["kept"][full] = 0
        return unusual

    def _listen(self, lanes: Numbers, heard: Columns, now: float) -> None:
        """To what each of them heard last: ``LOOK`` frames."""
        mu_law = heard["mu_law"]
        if mu_law.any():
            self._listen_to(PCMU, lanes[mu_law], heard[mu_law], now)
            lanes, heard = lanes[~mu_law], heard[~mu_law]
        if len(lanes):
            self._listen_to(PCMA, lanes, heard, now)

    def _listen_to(self, codec: str, lanes: Numbers, heard: Columns, now: float) -> None:
        law = self._block[lanes[:, None], heard["fill"][:, None] + _LOOKED].reshape(-1, BATCH)
        start = heard["place"] - (LOOK - 1) * FRAME
        # Most of the time nobody speaks: where no sample is above the floor no frame is.
        peak = ((law ^ MAGNITUDE_BITS[codec]) & 0x7F).max(1)
        loud = PEAK_ENERGY[codec].take(peak) > heard["floor"]
        quiet = ~loud
        self._pass_over(lanes[quiet], start[quiet], law[quiet], codec, now)
        self._judge(lanes[loud], start[loud], law[loud], codec, now)

    def _pass_over(self, lanes: Numbers, start: Numbers, law: Bytes, codec: str, now: float) -> None:
        whole, firsts = law.tobytes(), DECODE[codec].take(law[:, :FRAME]).tobytes()
        at = begin = 0
        for lane, position in zip(lanes.tolist(), start.tolist(), strict=True):
            listener = self._listeners[lane]
            if listener is not None:
                found = listener.pass_over(
                    position, whole[at : at + BATCH], firsts[begin : begin + 2 * FRAME]
                )
                if found:
                    self._tell(lane, listener, found, now)
            at += BATCH
            begin += 2 * FRAME

    def _judge(self, lanes: Numbers, start: Numbers, law: Bytes, codec: str, now: float) -> None:
        samples = DECODE[codec].take(law)
        energies = mean_squares(samples).reshape(-1, LOOK).tolist()
        whole, pcm, at = law.tobytes(), samples.tobytes(), 0
        for lane, position, energy in zip(lanes.tolist(), start.tolist(), energies, strict=True):
            listener = self._listeners[lane]
            if listener is not None:
                found = listener.judge(
                    position, whole[at : at + BATCH], pcm[2 * at : 2 * (at + BATCH)], energy
                )
                if found:
                    self._tell(lane, listener, found, now)
            at += BATCH

    def _tell(self, lane: int, listener: Endpointer, found: Sequence[Found], now: float) -> None:
        leg = self._legs[lane]
        if leg is not None:
            leg.found(listener, found, now)
