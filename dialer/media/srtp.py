"""SRTP and SRTCP of one stream (RFC 3711) with keys from SDP (RFC 4568), by libsrtp. Free of I/O.

A packet that isn't authentic, or comes a second time, is counted and dropped; nothing that a far end
sends raises. Where a packet of ours can't be protected nothing is returned, so nothing leaves in clear.
"""

from __future__ import annotations

from typing import Final

from pylibsrtp import Error, Policy, Session

from dialer.ports import Srtp, SrtpKeys

KEY_SIZE: Final = 30
"""128 bits of master key and 112 bits of master salt."""
MAX_SOURCES: Final = 64
"""libsrtp keeps a context for each authentic SSRC; a peer that goes through more per key isn't heard."""
_GRACE_PACKETS: Final = 250
"""After new keys, so many packets may still come under the old ones: those that were on their way."""
_PROFILE: Final = {
    Srtp.AES_CM_128_HMAC_SHA1_80: Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    Srtp.AES_CM_128_HMAC_SHA1_32: Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
}
"""SRTCP's tag has 80 bits in both (RFC 3711 5.2)."""


def check_keys(keys: SrtpKeys) -> str:
    """What is wrong with them, or an empty string. Names no key."""
    if len(keys.send) != KEY_SIZE or len(keys.receive) != KEY_SIZE:
        return f"an SRTP key with its salt has {KEY_SIZE} bytes"
    if keys.send == keys.receive:
        # One key for both directions: equal SSRCs would use one key stream twice (RFC 3711 9.1).
        return "both directions have the same SRTP key"
    return ""


class SrtpContext:
    """Both directions of one leg. ``keys`` must have passed ``check_keys``."""

    __slots__ = ("_grace", "_keys", "_old", "_receive", "_send", "_sources", "rejected", "replayed", "unsent")

    def __init__(self, keys: SrtpKeys) -> None:
        self._keys = keys
        self._send = _session(keys.suite, keys.send, Policy.SSRC_ANY_OUTBOUND)
        self._receive = _session(keys.suite, keys.receive, Policy.SSRC_ANY_INBOUND)
        self._old: Session | None = None
        self._grace = 0
        self._sources: set[bytes] = set()
        self.rejected = 0
        """Packets dropped: not authentic, or no SRTP at all."""
        self.replayed = 0
        """Packets dropped: they came before, or are too old to tell."""
        self.unsent = 0
        """Packets of ours that libsrtp refused to protect."""

    def rekey(self, keys: SrtpKeys) -> None:
        """Keys of a later offer and answer. A direction whose key stays goes on with its rollover counter
        and replay window: to begin anew under the same key would repeat its key stream.
        """
        old, self._keys = self._keys, keys
        same = keys.suite == old.suite
        if not same or keys.send != old.send:
            self._send = _session(keys.suite, keys.send, Policy.SSRC_ANY_OUTBOUND)
        if not same or keys.receive != old.receive:
            self._old, self._grace = self._receive, _GRACE_PACKETS
            self._receive = _session(keys.suite, keys.receive, Policy.SSRC_ANY_INBOUND)
            self._sources.clear()

    def protect(self, packet: bytes) -> bytes | None:
        """An RTP packet of ours, ready to leave; None: it must not leave."""
        try:
            return self._send.protect(packet)
        except (Error, ValueError):
            self.unsent += 1
            return None

    def protect_rtcp(self, packet: bytes) -> bytes | None:
        """A compound RTCP packet of ours."""
        try:
            return self._send.protect_rtcp(packet)
        except (Error, ValueError):
            self.unsent += 1
            return None

    def unprotect(self, data: bytes) -> bytes | None:
        """The RTP packet in ``data``; None where it must be dropped."""
        source = data[8:12]
        if source not in self._sources and len(self._sources) >= MAX_SOURCES:
            self.rejected += 1
            return None
        try:
            packet = self._receive.unprotect(data)
        except (Error, ValueError) as error:
            return self._unprotect_old(data, error)
        self._old = None
        self._sources.add(source)
        return packet

    def _unprotect_old(self, data: bytes, error: Error | ValueError) -> bytes | None:
        if self._old is not None:
            self._grace -= 1
            try:
                return self._old.unprotect(data)
            except (Error, ValueError):
                pass
            finally:
                if self._grace <= 0:
                    self._old = None
        self._count(error)
        return None

    def unprotect_rtcp(self, data: bytes) -> bytes | None:
        """The compound RTCP packet in ``data``; None where it must be dropped."""
        source = data[4:8]
        if source not in self._sources and len(self._sources) >= MAX_SOURCES:
            self.rejected += 1
            return None
        try:
            packet = self._receive.unprotect_rtcp(data)
        except (Error, ValueError) as error:
            self._count(error)
            return None
        self._sources.add(source)
        return packet

    def _count(self, error: Error | ValueError) -> None:
        if "replay" in str(error):
            self.replayed += 1
        else:
            self.rejected += 1


def _session(suite: Srtp, key: bytes, direction: int) -> Session:
    return Session(Policy(key=key, ssrc_type=direction, srtp_profile=_PROFILE[suite]))
