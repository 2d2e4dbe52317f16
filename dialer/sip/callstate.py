"""What is known of one call; the parts of the user agent keep their state of it here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from sipmessage import Request

from dialer.sip.address import Addr
from dialer.sip.dialog import Dialog
from dialer.sip.digest import DigestClient
from dialer.sip.layer import ServerTransaction
from dialer.sip.message import Essentials
from dialer.sip.negotiation import Session
from dialer.sip.transaction import InviteServer, NonInviteClient

_NOWHERE = Addr("", 0)


class Phase(StrEnum):
    INVITING = "inviting"
    """INVITE sent or received, no final response."""
    ANSWERING = "answering"
    """Incoming: our 2xx waits for its ACK."""
    TALKING = "talking"
    ENDING = "ending"
    """Our BYE is on its way."""
    OVER = "over"


@dataclass(slots=True)
class PendingAck:
    """A 2xx of ours that is repeated until its ACK comes (RFC 3261 13.3.1.4)."""

    data: bytes
    peer: Addr
    seq: int
    interval: float
    give_up_at: float


@dataclass(slots=True)
class Reliable:
    """A provisional response of ours that is repeated until its PRACK comes (RFC 3262 3)."""

    data: bytes
    peer: Addr
    rseq: int
    cseq: int
    interval: float
    give_up_at: float


@dataclass(slots=True)
class Early:
    """A dialog that a provisional response to our INVITE has opened."""

    dialog: Dialog
    rseq: int = 0
    """The newest reliable response that has been acknowledged; 0: none."""
    prack: NonInviteClient | None = None


@dataclass(slots=True)
class SessionTimer:
    """What both sides agreed about refreshing the session (RFC 4028)."""

    interval_s: int
    we_refresh: bool


@dataclass(slots=True)
class Change:
    """A re-INVITE or UPDATE of ours that is on its way."""

    method: str
    offering: bool
    """It carries new SDP of ours; else it only refreshes the session."""


@dataclass(slots=True)
class Wanted:
    """What we want of the far end as soon as nothing else is under way."""

    offer: bool = False
    """New SDP of ours: hold, resume, another address."""
    refresh: bool = False
    tries: int = 0
    """How often it was put off by the far end."""

    def __bool__(self) -> bool:
        return self.offer or self.refresh


@dataclass(slots=True)
class Call:
    """State of one call; the roles' own fields are theirs alone."""

    number: int
    local_tag: str
    ours: bool = False
    """We placed it: the Call-ID is ours."""
    dialog: Dialog | None = None
    """An outgoing call has it from the answer on, an incoming one from the start."""
    phase: Phase = Phase.INVITING
    digest: DigestClient | None = None
    contact_user: str = ""
    end_reason: str = ""
    bye_wanted: bool = False
    pending: PendingAck | None = None
    timer: SessionTimer | None = None
    min_se: int = 0
    """The shortest session that the far end takes; 0: it hasn't said."""
    change: Change | None = None
    wanted: Wanted = field(default_factory=Wanted)
    template: Session = field(default_factory=Session)
    """What a new dialog's session starts with."""
    # outgoing only
    invited_at: Addr = _NOWHERE
    """Where our INVITE went."""
    early: dict[str, Early] = field(default_factory=dict)
    """By the remote tag. They stay here after an answer: one that answers, too, is ended, and its numbers
    go on."""
    # incoming only
    request: Request | None = None
    transaction: InviteServer | None = None
    source: Addr = _NOWHERE
    merge_key: tuple[str, str, int] | None = None
    reliable: Reliable | None = None
    rseq: int = 0

    @property
    def dialogs(self) -> list[Dialog]:
        """The confirmed one, or the early ones."""
        early = [found.dialog for found in self.early.values()]
        return early if self.dialog is None else [self.dialog]


@dataclass(frozen=True, slots=True)
class CallTimer:
    """Key of a call's own deadline: ``guard`` (rings too long), ``cancel``, ``bye``, ``ack``, ...

    ``Calls.on_timer`` says what each kind does; ``Calls.over`` cancels every kind."""

    kind: str
    call: int


@dataclass(frozen=True, slots=True)
class Inside:
    """A request of the far end inside a dialog, in sequence, waiting for its response."""

    call: Call
    dialog: Dialog
    transaction: ServerTransaction
    found: Essentials
    source: Addr
    now: float

    @property
    def request(self) -> Request:
        return self.transaction.request


OnInside = Callable[[Inside], None]
OnCallTimer = Callable[[Call, float], None]
