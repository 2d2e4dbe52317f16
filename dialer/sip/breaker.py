"""A trunk's circuit breaker. Sans-IO: ``now`` is loop time.

Closed: calls leave; ``threshold`` faults in a row open it, or one that leaves no doubt. Open: nothing
leaves until the rest is over: Retry-After, or ``backoff_s`` that doubles with each opening in a row, both
capped. A Retry-After that proves too short is heeded with that doubling as its least. Half open: one call at
a time; the carrier's reaction closes it, a fault opens it again.

An answer to OPTIONS closes it where the carrier had been silent to that or couldn't be reached. Where it had
been silent to a call, the answer only ends the first rest: INVITEs may be lost where OPTIONS aren't (large
ones, by a firewall), and only a call shows that.
"""

from __future__ import annotations

from enum import StrEnum


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    def __init__(self, threshold: int, backoff_s: float, max_backoff_s: float) -> None:
        self._threshold, self._backoff_s, self._max_backoff_s = threshold, backoff_s, max_backoff_s
        self._open = False
        self._silent = self._called = False
        self._rest_until = 0.0
        self._reason = ""
        self._faults = 0
        self._openings = 0
        self._on_trial = False

    def state(self, now: float) -> BreakerState:
        if not self._open:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now < self._rest_until else BreakerState.HALF_OPEN

    @property
    def reason(self) -> str:
        """What opened it; empty while closed."""
        return self._reason if self._open else ""

    @property
    def faults(self) -> int:
        """In a row."""
        return self._faults

    @property
    def rest_until(self) -> float | None:
        """When it becomes half open; None while closed."""
        return self._rest_until if self._open else None

    def may_call(self, now: float) -> bool:
        """Whether a call may leave; half open: whether none is on trial."""
        state = self.state(now)
        return state is BreakerState.CLOSED or (state is BreakerState.HALF_OPEN and not self._on_trial)

    def took(self, now: float) -> bool:
        """A call leaves. True where it is the trial: then tell ``withdrawn``, ``worked`` or ``failed``."""
        if self.state(now) is not BreakerState.HALF_OPEN:
            return False
        self._on_trial = True
        return True

    def withdrawn(self) -> None:
        """The trial ended without the carrier having said anything about itself."""
        self._on_trial = False

    def worked(self, now: float) -> None:
        """The carrier dealt with a call: it rang, was answered, or the callee refused it."""
        self._faults = 0
        if self.state(now) is BreakerState.OPEN:
            return  # a call from before the fault: it says nothing about now
        self._open, self._openings, self._on_trial, self._silent = False, 0, False, False

    def alive(self, now: float) -> None:
        """The carrier answered OPTIONS: enough for one that had been silent, not for one that refuses."""
        if not (self._open and self._silent):
            return
        if self._called:
            if self._openings == 1:
                self._rest_until = min(self._rest_until, now)
        else:
            self._open, self._faults, self._openings, self._on_trial = False, 0, 0, False
            self._silent = False

    def failed(
        self,
        now: float,
        reason: str,
        *,
        retry_after_s: float = 0.0,
        certain: bool = False,
        silent: bool = False,
        called: bool = False,
    ) -> bool:
        """The trunk's fault. ``certain``: one is enough; ``silent``: nothing came, ``called``: to an INVITE.

        True where it opened.
        """
        self._faults += 1
        trial, self._on_trial = self._on_trial, False
        state = self.state(now)
        if state is BreakerState.OPEN:
            # Calls that were under way report late; only a longer Retry-After changes something, and
            # OPTIONS that are lost, too.
            self._called = self._called and (called or not silent)
            self._rest_until = max(self._rest_until, now + min(retry_after_s, self._max_backoff_s))
            return False
        if not (certain or trial or state is BreakerState.HALF_OPEN or self._faults >= self._threshold):
            return False
        doubled = self._backoff_s * 2 ** min(self._openings, 20)
        least = doubled / 2 if self._openings else 0.0
        rest = max(retry_after_s, least) if retry_after_s else doubled
        self._rest_until = now + min(rest, self._max_backoff_s)
        self._openings += 1
        self._open, self._silent, self._called, self._reason = True, silent, called, reason
        return True
