"""The call's transition table, its ring clock, and what a SIP failure means for the task.

Nothing here waits or sends: ``Call.apply`` moves the state or raises and changes nothing.
``docs/architecture.md`` draws its diagram from TABLE (``python -m dialer.call``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from dialer.errors import IllegalTransition
from dialer.model import Disposition, Tone


class State(StrEnum):
    READY = "ready"
    DIALLING = "dialling"
    RINGING = "ringing"
    TALKING = "talking"
    TRANSFERRING = "transferring"
    BRIDGED = "bridged"
    CANCELLING = "cancelling"
    ENDING = "ending"
    OVER = "over"


class Event(StrEnum):
    INVITED = "invited"
    PROGRESS = "progress"
    ANSWERED = "answered"
    FAILED = "failed"
    CANCEL = "cancel"
    """Ring time over, window closed or drain."""
    TRANSFER = "transfer"
    AGENT_ACCEPTED = "agent accepted"
    TRANSFER_OVER = "transfer over"
    HANG_UP = "hang up"
    """Ours."""
    ENDED = "ended"
    """BYE from the far end, or ours confirmed."""


TABLE: Mapping[tuple[State, Event], State] = {
    (State.READY, Event.INVITED): State.DIALLING,
    (State.READY, Event.FAILED): State.OVER,
    (State.DIALLING, Event.PROGRESS): State.RINGING,
    (State.DIALLING, Event.ANSWERED): State.TALKING,
    (State.DIALLING, Event.FAILED): State.OVER,
    (State.DIALLING, Event.CANCEL): State.CANCELLING,
    (State.RINGING, Event.PROGRESS): State.RINGING,
    (State.RINGING, Event.ANSWERED): State.TALKING,
    (State.RINGING, Event.FAILED): State.OVER,
    (State.RINGING, Event.CANCEL): State.CANCELLING,
    (State.CANCELLING, Event.PROGRESS): State.CANCELLING,
    (State.CANCELLING, Event.FAILED): State.OVER,
    # 200 crossed our CANCEL: the user agent has sent ACK and BYE already.
    (State.CANCELLING, Event.ANSWERED): State.ENDING,
    (State.CANCELLING, Event.ENDED): State.OVER,
    (State.TALKING, Event.TRANSFER): State.TRANSFERRING,
    (State.TALKING, Event.HANG_UP): State.ENDING,
    (State.TALKING, Event.ENDED): State.OVER,
    (State.TRANSFERRING, Event.AGENT_ACCEPTED): State.BRIDGED,
    (State.TRANSFERRING, Event.TRANSFER_OVER): State.TALKING,
    (State.TRANSFERRING, Event.HANG_UP): State.ENDING,
    (State.TRANSFERRING, Event.ENDED): State.OVER,
    (State.BRIDGED, Event.TRANSFER_OVER): State.TALKING,
    (State.BRIDGED, Event.HANG_UP): State.ENDING,
    (State.BRIDGED, Event.ENDED): State.OVER,
    (State.ENDING, Event.HANG_UP): State.ENDING,
    (State.ENDING, Event.TRANSFER_OVER): State.ENDING,
    (State.ENDING, Event.ENDED): State.OVER,
    (State.ENDING, Event.FAILED): State.OVER,
}


@dataclass(slots=True)
class Call:
    """State and ring clock of one call. Times are loop seconds.

    R41: the phone rings at least ``ring_s``, counted from the first 18x, or from
    ``no_progress_s`` after the INVITE where no 18x comes. A first 180 after other 18x counts anew:
    what a 183 lets hear may be an announcement, and the phone rings only now.
    """

    ring_s: float
    no_progress_s: float
    state: State = State.READY
    invited_at: float = 0.0
    rang_at: float | None = None
    alerted: bool = False
    """A 180 came."""

    def apply(self, event: Event, now: float) -> State:
        """The next state. Raises IllegalTransition, changing nothing."""
        target = TABLE.get((self.state, event))
        if target is None:
            raise IllegalTransition(f"{event} isn't allowed while {self.state}")
        if event is Event.INVITED:
            self.invited_at = now
        if event is Event.PROGRESS and self.rang_at is None:
            self.rang_at = now
        self.state = target
        return target

    def alerting(self, now: float) -> None:
        """A 180 came, after it was applied as progress."""
        if not self.alerted and self.state is State.RINGING:
            self.rang_at, self.alerted = now, True

    def ring_deadline(self) -> float | None:
        """When to CANCEL; None unless the far end may still ring."""
        if self.state is State.RINGING and self.rang_at is not None:
            return self.rang_at + self.ring_s
        if self.state is State.DIALLING:
            return self.invited_at + self.no_progress_s + self.ring_s
        return None


_UNALLOCATED = frozenset({404, 410, 484, 604})
_BUSY = frozenset({486, 600})
_REJECTED = frozenset({603, 607, 608})
_TRUNK = frozenset({401, 403, 407, 415, 420, 421, 423, 488, 606})


def disposition_of(code: int, *, ours: bool, rang: bool, cancelled: bool) -> Disposition:
    """What the end of an unanswered INVITE means (RFC 3261 21; DOMAIN "When a number may ring").

    ``code``: SIP status, 0 for none. ``ours``: nothing reached a callee. ``rang``: an 18x came.
    """
    if cancelled and code in (0, 408, 480, 487):
        return Disposition.NO_ANSWER if rang or code else Disposition.TRUNK_FAILURE
    if code in _UNALLOCATED:
        return Disposition.UNALLOCATED
    if code in _BUSY:
        return Disposition.BUSY
    if code in _REJECTED:
        return Disposition.REJECTED
    if code in _TRUNK or ours or (code >= 500 and code < 600 and not rang):
        return Disposition.TRUNK_FAILURE
    if code in (408, 487) and rang:
        return Disposition.NO_ANSWER
    return Disposition.UNREACHABLE


_CAUSES: Mapping[int, Disposition] = {
    1: Disposition.UNALLOCATED,
    17: Disposition.BUSY,
    18: Disposition.NO_ANSWER,
    19: Disposition.NO_ANSWER,
    20: Disposition.UNREACHABLE,
    21: Disposition.REJECTED,
    22: Disposition.UNALLOCATED,
    27: Disposition.UNREACHABLE,
    28: Disposition.UNALLOCATED,
}
"""What Q.850 says of the callee; the other causes are the network's own affairs."""
_NO_ROUTE = frozenset({2, 3, 34, 38, 41, 42, 44, 47})
"""The network didn't find the way or had no room on it: RFC 3398 writes 2 and 3 as 404, but the number may
be good."""
_SILENT_CODES = frozenset({0, 408, 480, 487, *range(500, 600)})
"""They don't say what became of the callee."""
_TONES: Mapping[Tone, Disposition] = {
    Tone.BUSY: Disposition.BUSY,
    Tone.CONGESTION: Disposition.UNREACHABLE,
    Tone.SIT: Disposition.UNREACHABLE,
    Tone.UNOBTAINABLE: Disposition.UNALLOCATED,
}


def refined(
    outcome: Disposition, code: int, cause: int, tones: Sequence[Tone], *, cancelled: bool
) -> Disposition:
    """``outcome`` of ``disposition_of``, where its code says nothing of the callee and something else does.

    ``cause``: Q.850, 0 for none. ``tones``: of early media, in order. The SIP code comes first, then the
    cause, then the tones; only a 404 for want of a route is no empty number. The cause of a call that we
    cancelled is our own; a tone after ringback is the network's way to end the ringing, and no busy callee.
    """
    if outcome is Disposition.UNALLOCATED and cause in _NO_ROUTE:
        return Disposition.UNREACHABLE
    if code not in _SILENT_CODES:
        return outcome
    if not cancelled and cause in _CAUSES:
        return _CAUSES[cause]
    if outcome not in (Disposition.NO_ANSWER, Disposition.UNREACHABLE) or Tone.RINGBACK in tones:
        return outcome
    return next((_TONES[tone] for tone in tones if tone in _TONES), outcome)


def answered_by(tone: Tone | None) -> Disposition:
    """A call that a machine answered: which one, by the tone that gave it away, if any."""
    return _TONES.get(tone, Disposition.MACHINE) if tone else Disposition.MACHINE


def diagram() -> str:
    """TABLE as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.READY}"]
    lines += [f"    {source} --> {target}: {event}" for (source, event), target in TABLE.items()]
    return "\n".join([*lines, f"    {State.OVER} --> [*]"])


if __name__ == "__main__":
    print(diagram())
