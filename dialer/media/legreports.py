"""RTCP of one leg: where its reports go, from whom it takes them. Free of I/O.

Reports go to what SDP named: the port above RTP's, the one of a=rtcp, or RTP's own (rtcp-mux, RFC 5761).
The source rule is that of RTP: a peer behind a NAT is learnt once, from its first report.
"""

from __future__ import annotations

from collections.abc import Callable

from dialer.media.config import MediaConfig
from dialer.media.reports import Reception, RtcpSession, Sent
from dialer.media.srtp import SrtpContext
from dialer.ports import RemoteMedia

Address = tuple[str, int]


class LegReports:
    """``chance`` gives uniform numbers in [0, 1). ``cipher``: the leg's, None where it is in clear."""

    def __init__(self, config: MediaConfig, ssrc: int, cname: str, chance: Callable[[], float]) -> None:
        self._config, self._ssrc, self._cname, self._chance = config, ssrc, cname, chance
        self._remote: Address | None = None
        self._heard_named = False
        self._learnt = False
        self._said = False
        self.session: RtcpSession | None = None
        self.muxed = False
        """Reports go where RTP goes, from RTP's socket."""
        self.to: Address | None = None
        """Else where they go; None: nowhere, or as ``muxed`` says."""

    def connect(self, remote: RemoteMedia, now: float) -> None:
        """What SDP settled; again where it changed."""
        named = None if remote.rtcp_port is None else (remote.host, remote.rtcp_port)
        if not self._config.rtcp or named is None:
            self._remote, self.to, self.muxed = None, None, False
            return
        if named != self._remote:
            self._remote = named
            self._heard_named = self._learnt = False
            self.muxed = remote.rtcp_port == remote.port
            self.to = None if self.muxed else named
        if self.session is None:
            self.session = RtcpSession(
                self._ssrc, self._cname, self._config.rtcp_interval_s, self._chance, now
            )

    @property
    def due_at(self) -> float | None:
        """When the next report is due; None: none."""
        return None if self.session is None or self._remote is None else self.session.next_at

    def report(
        self, now: float, sent: Sent, reception: Reception | None, cipher: SrtpContext | None
    ) -> bytes | None:
        """The datagram that is due; None where it can't be protected."""
        if self.session is None or self._remote is None:
            return None
        self._said = True
        data = self.session.report(now, sent, reception)
        return data if cipher is None else cipher.protect_rtcp(data)

    def farewell(
        self, now: float, sent: Sent, reception: Reception | None, cipher: SrtpContext | None
    ) -> bytes | None:
        """The last one; None where nothing was ever sent (RFC 3550 6.3.7)."""
        if self.session is None or self._remote is None or not (self._said or sent.packets):
            return None
        data = self.session.farewell(now, sent, reception)
        return data if cipher is None else cipher.protect_rtcp(data)

    def receive(self, data: bytes, source: Address | None, now: float, cipher: SrtpContext | None) -> bool:
        """A report. ``source`` None: it came on RTP's port and passed its source rule. False: foreign."""
        session, named = self.session, self._remote
        if session is None or named is None:
            return True
        if source is not None:
            strange = source not in (self.to, named) and (self._heard_named or self._learnt)
            if self.muxed or strange or source[0] != named[0]:
                return False
        plain = data if cipher is None else cipher.unprotect_rtcp(data)
        good = plain is not None and session.receive(plain, now)
        if good and source == named:
            self.to, self._heard_named = named, True
        elif good and source is not None:
            self.to, self._learnt = source, True
        return good or source is None or source == self.to
