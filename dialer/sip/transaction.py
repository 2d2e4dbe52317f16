"""The four transaction machines of RFC 3261 17, with the Accepted state of RFC 6026.

A machine sends through the callable it is given and holds two deadlines (retransmission, end of
state); whoever owns it calls ``on_timer`` when the earlier one is due. Over a stream nothing is
retransmitted but a 2xx (which its user does), and the states that only absorb repeats end at once.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from sipmessage import Request, Response

from dialer.sip.address import Addr
from dialer.sip.headers import new_request
from dialer.sip.message import to_bytes
from dialer.sip.timers import TimerValues

Send = Callable[[bytes, Addr], None]


class State(StrEnum):
    CALLING = "calling"
    TRYING = "trying"
    PROCEEDING = "proceeding"
    ACCEPTED = "accepted"
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


class Transaction:
    """What the four have in common: a state, a peer and two deadlines."""

    def __init__(self, request: Request, peer: Addr, timers: TimerValues, send: Send, state: State) -> None:
        self.request = request
        self.peer = peer
        self.state = state
        self._timers = timers
        self._send = send
        self._interval = timers.t1
        self._resend_at: float | None = None
        self._ends_at: float | None = None
        self.unsent = False
        """The transport failed before anything had left: the peer can't know of it."""

    @property
    def deadline(self) -> float | None:
        """When ``on_timer`` wants to be called; None: never."""
        due = [at for at in (self._resend_at, self._ends_at) if at is not None]
        return min(due) if due else None

    @property
    def terminated(self) -> bool:
        return self.state is State.TERMINATED

    def _first_resend(self, now: float) -> float | None:
        """Timers A, E and G: never over a stream."""
        return None if self.peer.reliable else now + self._interval

    def _linger(self, seconds: float, now: float) -> float:
        """Timers D, I, J and K: nothing over a stream."""
        return now if self.peer.reliable else now + seconds

    def _become(self, state: State, ends_at: float | None) -> None:
        self.state, self._resend_at, self._ends_at = state, None, ends_at
        if state is State.TERMINATED:
            self._ends_at = None


def ack_for_refusal(request: Request, response: Response) -> Request:
    """The ACK of a non-2xx final response, inside the INVITE transaction (RFC 3261 17.1.1.3)."""
    ack = new_request("ACK", request.uri)
    ack.headers.set("Via", request.headers["Via"])
    if routes := request.headers.getlist("Route"):
        ack.headers.setlist("Route", list(routes))
    ack.headers.set("Max-Forwards", "70")
    ack.headers.set("From", request.headers["From"])
    ack.headers.set("To", response.headers.get("To") or request.headers["To"])
    ack.headers.set("Call-ID", request.headers["Call-ID"])
    ack.headers.set("CSeq", request.headers["CSeq"].split()[0] + " ACK")
    return ack


class ClientSide(Transaction):
    """What both kinds of request share."""

    _data: bytes

    def move(self, peer: Addr, now: float) -> None:
        """Nothing has left yet: send it to another place, after its Via was written anew."""
        self.peer = peer
        self._data = to_bytes(self.request)
        self._interval = self._timers.t1
        self._resend_at = self._first_resend(now)
        self._send(self._data, peer)

    def abandon(self) -> None:
        """The user gives up a transaction whose final response never came."""
        self._become(State.TERMINATED, None)


class InviteClient(ClientSide):
    """Figure 5 of RFC 3261 and RFC 6026 7.2.

    ``no_response_s`` reports silence before timer B would. The machine then listens on until timer B,
    because a late ringing must still be cancelled and a late answer still be ended by the user.
    ``rings`` false: nobody must take a telephone up for it (a re-INVITE), so that provisional
    responses alone don't prolong it. ``data``: the request in bytes, where they are known.
    """

    def __init__(
        self,
        request: Request,
        peer: Addr,
        timers: TimerValues,
        send: Send,
        now: float,
        no_response_s: float | None = None,
        *,
        rings: bool = True,
        data: bytes = b"",
    ) -> None:
        super().__init__(request, peer, timers, send, State.CALLING)
        self._rings = rings
        self._data = data or to_bytes(request)
        self._ack = b""
        self._send(self._data, peer)
        self._resend_at = self._first_resend(now)
        self._timer_b = now + timers.timeout
        self._ends_at = self._timer_b if no_response_s is None else min(self._timer_b, now + no_response_s)
        self._reported = False

    def receive(self, response: Response, now: float) -> bool:
        """Whether the user of the transaction must see the response."""
        open_ = self.state in (State.CALLING, State.PROCEEDING)
        if response.code < 200:
            if open_:
                self._become(State.PROCEEDING, None if self._rings else self._timer_b)
            return open_
        if response.code < 300:
            if open_:
                self._become(State.ACCEPTED, now + self._timers.timeout)
            return self.state is State.ACCEPTED
        if open_:
            self._ack = to_bytes(ack_for_refusal(self.request, response))
            self._send(self._ack, self.peer)
            self._become(State.COMPLETED, self._linger(self._timers.d, now))
        elif self.state is State.COMPLETED:
            self._send(self._ack, self.peer)
        return open_

    def on_timer(self, now: float) -> bool:
        """True where no response, or no final one of a change, came."""
        if self._ends_at is not None and now >= self._ends_at:
            silent = self.state in (State.CALLING, State.PROCEEDING) and not self._reported
            if silent and self._ends_at < self._timer_b:
                self._reported = True
                self._become(State.CALLING, self._timer_b)
            else:
                self._become(State.TERMINATED, None)
            return silent
        if self._resend_at is not None and now >= self._resend_at:
            self._send(self._data, self.peer)
            self._interval *= 2
            self._resend_at = now + self._interval
        return False


class NonInviteClient(ClientSide):
    """Figure 6 of RFC 3261. ``data``: the request in bytes, where they are known."""

    def __init__(
        self,
        request: Request,
        peer: Addr,
        timers: TimerValues,
        send: Send,
        now: float,
        *,
        data: bytes = b"",
    ) -> None:
        super().__init__(request, peer, timers, send, State.TRYING)
        self._data = data or to_bytes(request)
        self._send(self._data, peer)
        self._resend_at = self._first_resend(now)
        self._ends_at = now + timers.timeout

    def receive(self, response: Response, now: float) -> bool:
        """Whether the user of the transaction must see the response."""
        if self.state not in (State.TRYING, State.PROCEEDING):
            return False
        if response.code < 200:
            self.state = State.PROCEEDING
            return True
        self._become(State.COMPLETED, self._linger(self._timers.t4, now))
        return True

    def again(self) -> None:
        """Repeat it now: what it answers has come again, so it or its response was lost."""
        if self.state is not State.TERMINATED:
            self._send(self._data, self.peer)

    def on_timer(self, now: float) -> bool:
        """True where no final response came."""
        if self._ends_at is not None and now >= self._ends_at:
            silent = self.state in (State.TRYING, State.PROCEEDING)
            self._become(State.TERMINATED, None)
            return silent
        if self._resend_at is not None and now >= self._resend_at:
            self._send(self._data, self.peer)
            doubled = min(self._interval * 2, self._timers.t2)
            self._interval = self._timers.t2 if self.state is State.PROCEEDING else doubled
            self._resend_at = now + self._interval
        return False


class InviteServer(Transaction):
    """Figure 7 of RFC 3261 and RFC 6026 7.1. The user retransmits its 2xx itself, until the ACK."""

    def __init__(self, request: Request, peer: Addr, timers: TimerValues, send: Send) -> None:
        super().__init__(request, peer, timers, send, State.PROCEEDING)
        self._last = b""

    def respond(self, response: Response, now: float) -> bytes:
        """Send a response; ignored once a final one has left. What left last, in bytes."""
        if self.state is not State.PROCEEDING:
            return self._last
        self._last = to_bytes(response)
        self._send(self._last, self.peer)
        if 200 <= response.code < 300:
            self._become(State.ACCEPTED, now + self._timers.timeout)
        elif response.code >= 300:
            self._become(State.COMPLETED, now + self._timers.timeout)
            self._resend_at = self._first_resend(now)
        return self._last

    def receive_again(self) -> None:
        """The same INVITE came again."""
        if self._last and self.state in (State.PROCEEDING, State.COMPLETED):
            self._send(self._last, self.peer)

    def receive_ack(self, now: float) -> None:
        if self.state is State.COMPLETED:
            self._become(State.CONFIRMED, self._linger(self._timers.t4, now))

    def on_timer(self, now: float) -> bool:
        """Always False: a missing ACK of a refusal needs nobody's care."""
        if self._ends_at is not None and now >= self._ends_at:
            self._become(State.TERMINATED, None)
        elif self._resend_at is not None and now >= self._resend_at:
            self._send(self._last, self.peer)
            self._interval = min(self._interval * 2, self._timers.t2)
            self._resend_at = now + self._interval
        return False


class NonInviteServer(Transaction):
    """Figure 8 of RFC 3261."""

    def __init__(self, request: Request, peer: Addr, timers: TimerValues, send: Send) -> None:
        super().__init__(request, peer, timers, send, State.TRYING)
        self._last = b""

    def respond(self, response: Response, now: float) -> bytes:
        """Send a response; ignored once a final one has left. What left last, in bytes."""
        if self.state not in (State.TRYING, State.PROCEEDING):
            return self._last
        self._last = to_bytes(response)
        self._send(self._last, self.peer)
        if response.code < 200:
            self.state = State.PROCEEDING
        else:
            self._become(State.COMPLETED, self._linger(self._timers.timeout, now))
        return self._last

    def receive_again(self) -> None:
        if self._last:
            self._send(self._last, self.peer)

    def on_timer(self, now: float) -> bool:
        if self._ends_at is not None and now >= self._ends_at:
            self._become(State.TERMINATED, None)
        return False
