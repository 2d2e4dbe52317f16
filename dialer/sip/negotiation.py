"""The offer/answer state of one dialog (RFC 3264, RFC 6337): at most one offer is open at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from dialer.errors import SdpError
from dialer.ports import RemoteMedia
from dialer.sip.description import Direction, SessionDescription
from dialer.sip.sdp import make_answer, nowhere, parse_offer, remote_media

NOTHING = SessionDescription("0.0.0.0", 9, ())
"""What a session can do that was told nothing."""


class Open(StrEnum):
    NONE = "none"
    OURS = "ours"
    """We have offered and wait for the answer."""
    THEIRS = "theirs"
    """They have offered and wait for ours."""


@dataclass(slots=True)
class Session:
    """What both sides have said. A refused or unusable offer leaves what was agreed before."""

    ours: SessionDescription = NOTHING
    """What we want: address, keys, codecs and direction of the next offer or answer."""
    open: Open = Open.NONE
    local: SessionDescription | None = None
    """Our last description that counts."""
    remote: SessionDescription | None = None
    media: RemoteMedia | None = None
    """What is agreed now; before the answer, what early media said."""
    rounds: int = 0
    """Exchanges that are complete."""
    offered: SessionDescription | None = None
    """The open offer, whoever made it."""
    asked: SessionDescription | None = None
    """``ours`` as it was when we offered last."""

    # --- ours

    def offer(self, *, unchanged: bool = False) -> SessionDescription:
        """Our next offer, open from now on. ``unchanged``: what stands, to refresh it (RFC 4028 7.4)."""
        if unchanged and self.local is not None:
            self.offered = self.local
        else:
            self.offered = self._numbered(self._in_place(self.ours))
        self.open, self.asked = Open.OURS, self.ours
        return self.offered

    def take_answer(self, body: bytes) -> RemoteMedia:
        """Their answer to our offer. Raises SdpError; then our offer has failed and nothing has changed."""
        offered, self.open, self.offered = self.offered, Open.NONE, None
        if offered is None:
            raise SdpError("an answer without an offer")
        remote = SessionDescription.parse(body, prefer=offered.profile)
        media = remote_media(offered, remote)
        self.local = offered
        return self._agree(remote, media)

    def preview(self, body: bytes) -> RemoteMedia:
        """SDP of a provisional response that isn't an answer yet: early media. Raises SdpError."""
        basis = self.offered if self.open is Open.OURS else self.local
        if basis is None or self.open is Open.THEIRS:
            raise SdpError("no offer of ours is open")
        remote = SessionDescription.parse(body, prefer=basis.profile)
        media = remote_media(basis, remote)
        self.remote, self.media = remote, self._reachable(media)
        return self.media

    def settle(self) -> RemoteMedia:
        """The final answer held no SDP: what its provisional responses said counts. Raises SdpError."""
        if self.media is None or self.remote is None:
            raise SdpError("the answer holds no SDP")
        if self.open is Open.OURS:
            self.local = self.offered
            self._agree(self.remote, self.media)
        return self.media

    def withdraw(self) -> None:
        """Our offer was refused."""
        if self.open is Open.OURS:
            self.open, self.offered = Open.NONE, None

    # --- theirs

    def take_offer(self, body: bytes) -> SessionDescription:
        """Their offer; our answer to it must be sent. Raises SdpError: refuse it, nothing has changed."""
        remote = parse_offer(body, self.ours)
        return self._answer(remote)

    def keep_offer(self, body: bytes) -> None:
        """Their offer, to be answered later by ``answer``. Raises SdpError where it never could be."""
        remote = parse_offer(body, self.ours)
        remote_media(make_answer(remote, self.ours), remote, we_answered=True)
        self.offered, self.open = remote, Open.THEIRS

    def answer(self) -> SessionDescription:
        """Our answer to the offer kept. Raises SdpError."""
        if self.offered is None or self.open is not Open.THEIRS:
            raise SdpError("no offer of theirs is open")
        return self._answer(self.offered)

    def _answer(self, remote: SessionDescription) -> SessionDescription:
        local = self._numbered(make_answer(remote, self.ours))
        media = remote_media(local, remote, we_answered=True)
        self.local, self.open, self.offered = local, Open.NONE, None
        self._agree(remote, media)
        return local

    # --- both

    @property
    def stable(self) -> bool:
        """Agreed, and nothing is open."""
        return self.open is Open.NONE and self.rounds > 0

    @property
    def wishes_more(self) -> bool:
        """What we want has changed since our last offer."""
        return self.asked is not None and self.asked != self.ours

    def wish(self, *, host: str = "", port: int = 0, direction: Direction | None = None) -> None:
        """What our next offer says."""
        ours = self.ours
        self.ours = replace(
            ours, host=host or ours.host, port=port or ours.port, direction=direction or ours.direction
        )

    def _agree(self, remote: SessionDescription, media: RemoteMedia) -> RemoteMedia:
        self.remote, self.media = remote, self._reachable(media)
        self.rounds += 1
        return self.media

    def _reachable(self, media: RemoteMedia) -> RemoteMedia:
        """A hold by 0.0.0.0 keeps the address, so that media stays where it was, silent."""
        if nowhere(media) and self.media is not None:
            return replace(media, host=self.media.host, port=self.media.port, rtcp_port=self.media.rtcp_port)
        return media

    def _in_place(self, description: SessionDescription) -> SessionDescription:
        """Other streams keep their places in every later offer (RFC 3264 8)."""
        if self.local is None:
            return description
        return replace(description, before=self.local.before, after=self.local.after)

    def _numbered(self, description: SessionDescription) -> SessionDescription:
        """The same version for the same words, else the next (RFC 3264 8)."""
        if self.local is None:
            return description
        same = replace(description, version=self.local.version)
        return same if same == self.local else replace(same, version=self.local.version + 1)
