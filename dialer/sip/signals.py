"""What the user agent tells its shell: past-tense facts, in order (``UserAgent.next_event``)."""

from __future__ import annotations

from dataclasses import dataclass, field

from dialer.sip.address import Addr
from dialer.sip.sdp import SessionDescription


@dataclass(frozen=True, slots=True)
class CallProgress:
    call: int
    code: int
    early_media: bool


@dataclass(frozen=True, slots=True)
class CallAnswered:
    """An outgoing call: 2xx came, ACK has left. An incoming one: its ACK came."""

    call: int
    remote: SessionDescription


@dataclass(frozen=True, slots=True)
class CallAnsweredLate:
    """2xx crossed our CANCEL: ACK and BYE have left, CallEnded follows."""

    call: int


@dataclass(frozen=True, slots=True)
class CallFailed:
    """The INVITE is over without an answer. Meanings as in ports.Failed."""

    call: int
    code: int
    reason: str
    ours: bool = False
    retry_after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class CallEnded:
    call: int
    by_remote: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CallUpdated:
    """A re-INVITE was answered: media goes elsewhere now, is held or resumed."""

    call: int
    remote: SessionDescription


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """``caller`` and ``called``: user parts of From and the Request-URI, empty for none."""

    call: int
    caller: str
    called: str
    source: Addr
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Registered:
    """``expires_s`` 0: taken back."""

    registration: int
    expires_s: float


@dataclass(frozen=True, slots=True)
class RegistrationFailed:
    """Tried again by itself after ``retry_s``. ``code`` 0: no response."""

    registration: int
    code: int
    reason: str
    retry_s: float


@dataclass(frozen=True, slots=True)
class OptionsAnswered:
    """``code`` 0: no response."""

    request: int
    code: int


Signal = (
    CallProgress
    | CallAnswered
    | CallAnsweredLate
    | CallFailed
    | CallEnded
    | CallUpdated
    | IncomingCall
    | Registered
    | RegistrationFailed
    | OptionsAnswered
)
