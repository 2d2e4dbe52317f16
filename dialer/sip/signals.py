"""What the user agent tells its shell: past-tense facts, in order (``UserAgent.next_event``)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from dialer.ports import RemoteMedia
from dialer.sip.address import Addr
from dialer.sip.replaces import Replaces


@dataclass(frozen=True, slots=True)
class CallProgress:
    """18x. ``remote``: where its SDP says that early media goes, None where it had none of use."""

    call: int
    code: int
    early_media: bool
    remote: RemoteMedia | None = None


@dataclass(frozen=True, slots=True)
class CallAnswered:
    """An outgoing call: 2xx came, ACK has left. An incoming one: its ACK came."""

    call: int
    remote: RemoteMedia


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
    cause: int = 0


@dataclass(frozen=True, slots=True)
class CallEnded:
    call: int
    by_remote: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CallUpdated:
    """A re-INVITE or UPDATE, before or after the answer: media goes elsewhere now, is held or resumed."""

    call: int
    remote: RemoteMedia


@dataclass(frozen=True, slots=True)
class CallModified:
    """What became of a change that we asked for (hold, resume, another address): a 2xx ``code`` or why not.

    A change that the far end refused leaves the call as it was.
    """

    call: int
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class KeySignalled:
    """The far end sent a key (0-9 * #) by INFO."""

    call: int
    key: str


@dataclass(frozen=True, slots=True)
class KeysSent:
    """Our keys by INFO: how many were taken; ``problem`` is empty where all were."""

    call: int
    sent: int
    problem: str = ""


class TransferOutcome(StrEnum):
    ACCEPTED = "accepted"
    """The far end has called the target, and it was answered; or it promised to and reports nothing."""
    REFUSED = "refused"
    """The far end won't, or the target didn't answer."""
    TIMED_OUT = "timed out"
    """Nobody knows: the call is still ours as long as it isn't over."""


@dataclass(frozen=True, slots=True)
class TransferEnded:
    """A REFER of ours. ``code``: the last status that was reported, 0 for none."""

    transfer: int
    outcome: TransferOutcome
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class ReferReceived:
    """The far end of ``call`` wants us to call ``target``; it was answered 202."""

    call: int
    refer: int
    target: str
    replaces: Replaces | None
    referred_by: str


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """``caller`` and ``called``: user parts of From and the Request-URI, empty for none."""

    call: int
    caller: str
    called: str
    source: Addr
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    replaces: int | None = None
    """The call that this one takes the place of (RFC 3891): answer this one, then end that one."""


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
    | CallModified
    | KeySignalled
    | KeysSent
    | TransferEnded
    | ReferReceived
    | IncomingCall
    | Registered
    | RegistrationFailed
    | OptionsAnswered
)
