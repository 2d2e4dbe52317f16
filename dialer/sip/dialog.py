"""Dialogs (RFC 3261 12): who talks to whom, over which route, with which sequence numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

from sipmessage import URI, Request, Response

from dialer.errors import SipParseError
from dialer.sip.address import Addr, is_numeric, parse_address, uri_destination
from dialer.sip.message import MAGIC_COOKIE, Essentials, Message, header_values
from dialer.sip.negotiation import Session

DialogId = tuple[str, str, str]
"""Call-ID, local tag, remote tag."""
_MAX_ROUTES = 16


@dataclass(slots=True)
class Dialog:
    call_id: str
    local_tag: str
    remote_tag: str
    local: str
    """Our From value in this dialog, with the tag."""
    remote: str
    """Our To value in this dialog, with the tag."""
    target: URI
    routes: tuple[str, ...] = ()
    local_seq: int = 0
    remote_seq: int | None = None
    invite_seq: int = 0
    """CSeq of their INVITE that opened it; 0: we opened it."""
    session: Session = field(default_factory=Session)
    """What both sides have agreed about media."""
    reached_at: Addr | None = None
    """Where the far end is reached instead of at its Contact: it is behind a NAT (RFC 3581)."""
    secret: Addr | None = None
    """The TLS connection that the dialog was opened over: nothing of it leaves by another transport."""
    allows: frozenset[str] = frozenset()
    """Methods that the far end takes, as far as it has said."""

    @property
    def id(self) -> DialogId:
        return self.call_id, self.local_tag, self.remote_tag

    @classmethod
    def as_caller(
        cls, invite: Request, response: Response, found: Essentials, *, routed: bool = True
    ) -> Dialog:
        """From a response to our INVITE (12.1.2). Without a usable Contact the INVITE's URI stands in.

        Raises SipParseError for a malformed Record-Route; ``routed`` false doesn't look at it.
        """
        return cls(
            call_id=found.call_id,
            local_tag=found.from_tag,
            remote_tag=found.to_tag,
            local=invite.headers["From"],
            remote=response.headers["To"],
            target=_contact(response) or invite.uri,
            routes=tuple(reversed(_routes(response))) if routed else (),
            local_seq=found.cseq.sequence,
            allows=frozenset(header_values(response, "Allow")),
        )

    @classmethod
    def as_callee(cls, invite: Request, found: Essentials, local_tag: str) -> Dialog:
        """From an INVITE to us (12.1.1). Raises SipParseError where it has no usable Contact."""
        target = _contact(invite)
        if target is None and not found.via.branch.startswith(MAGIC_COOKIE):
            # RFC 2543 made Contact optional: its From is called back.
            target = _sip(parse_address(invite.headers["From"]).uri)
        if target is None:
            raise SipParseError("an INVITE needs one Contact with a SIP URI")
        return cls(
            call_id=found.call_id,
            local_tag=local_tag,
            remote_tag=found.from_tag,
            local=f"{invite.headers['To']};tag={local_tag}",
            remote=invite.headers["From"],
            target=target,
            routes=tuple(_routes(invite)),
            remote_seq=found.cseq.sequence,
            invite_seq=found.cseq.sequence,
            allows=frozenset(header_values(invite, "Allow")),
        )

    def refresh_target(self, message: Message) -> None:
        """A target refresh request or its 2xx may move the far end (12.2.1.2, 12.2.2)."""
        self.target = _contact(message) or self.target
        self.note_allow(message)

    def confirm(self, response: Response, *, routed: bool = True) -> None:
        """The 2xx of an early dialog: its route set counts (13.2.2.4). Raises SipParseError."""
        self.refresh_target(response)
        if routed:
            self.routes = tuple(reversed(_routes(response)))

    def note_allow(self, message: Message) -> None:
        if methods := header_values(message, "Allow"):
            self.allows = frozenset(methods)

    def in_order(self, sequence: int) -> bool:
        """Whether a request of the far end is new enough; remembers it (12.2.2)."""
        if self.remote_seq is not None and sequence < self.remote_seq:
            return False
        self.remote_seq = sequence
        return True

    def next_seq(self) -> int:
        self.local_seq += 1
        return self.local_seq

    def mark_nat(self, private_host: str, reached_at: Addr) -> None:
        """The far end calls itself ``private_host`` and is reached at another address: keep to that one."""
        host = self.target.host.strip("[]")
        if not self.routes and host == private_host != reached_at.host and is_numeric(host):
            self.reached_at = reached_at

    def keep_secret(self, opened_over: Addr) -> None:
        """Opened over TLS it stays on TLS, whatever Contact or Record-Route forget to say: our next SDP
        may hold keys."""
        self.secret = opened_over if opened_over.transport == "tls" else None

    def path(self) -> tuple[URI, tuple[str, ...], Addr]:
        """Request-URI, Route values and where the datagram goes (12.2.1.1)."""
        uri, routes, place = self._path()
        if self.secret is not None and place.transport != "tls":
            place = self.secret
        return uri, routes, place

    def _path(self) -> tuple[URI, tuple[str, ...], Addr]:
        if not self.routes:
            return self.target, (), self.reached_at or uri_destination(self.target)
        first = parse_address(self.routes[0]).uri
        if "lr" in first.parameters:
            return self.target, self.routes, uri_destination(first)
        # A strict router takes its own URI as the request's, and ours last.
        return first, (*self.routes[1:], f"<{self.target}>"), uri_destination(first)


def _contact(message: Message) -> URI | None:
    values = header_values(message, "Contact")
    if len(values) != 1:
        return None
    try:
        return _sip(parse_address(values[0]).uri)
    except SipParseError:
        return None


def _sip(uri: URI) -> URI | None:
    return uri if uri.scheme in ("sip", "sips") else None


def _routes(message: Message) -> list[str]:
    """Record-Route values that can be followed. Raises SipParseError for malformed ones."""
    values = header_values(message, "Record-Route")
    if len(values) > _MAX_ROUTES:
        raise SipParseError(f"more than {_MAX_ROUTES} Record-Route values")
    for value in values:
        if parse_address(value).uri.scheme not in ("sip", "sips"):
            raise SipParseError("a Record-Route value isn't a SIP URI")
    return values
