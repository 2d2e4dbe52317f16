"""SRTP keys in SDP: ``a=crypto`` (RFC 4568), and when it is offered.

``required`` offers RTP/SAVP and takes nothing else. ``optional`` offers RTP/AVP with ``a=crypto``
(opportunistic SRTP, RFC 8643): a peer that knows it answers with a key, any other sees a plain offer.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from enum import StrEnum

from dialer.errors import SdpError
from dialer.ports import Srtp
from dialer.sip.digest import Randomness

KEY_BYTES = 30
"""AES-128 master key (16) and salt (14) of both suites."""
_CRYPTO = re.compile(
    r"([0-9]{1,9})\s+(\S+)\s+inline:([A-Za-z0-9+/=]+)((?:\|[^\s|;]+)*)((?:\s+\S+)*)", re.ASCII
)
_LIFETIME = re.compile(r"\|(?:2\^)?[0-9]+", re.ASCII)


class SrtpPolicy(StrEnum):
    OFF = "off"
    """Plain RTP; an offer that insists on SRTP is refused."""
    OPTIONAL = "optional"
    """SRTP where the peer takes it, else plain RTP."""
    REQUIRED = "required"
    """SRTP or no call."""


@dataclass(frozen=True, slots=True)
class Crypto:
    """One ``a=crypto`` line that can be used."""

    tag: int
    suite: Srtp
    key: bytes = field(repr=False)

    def __str__(self) -> str:
        return f"{self.tag} {self.suite} inline:{base64.b64encode(self.key).decode()}"

    @classmethod
    def parse(cls, text: str) -> Crypto | None:
        """None where it asks for something that isn't done here: another suite, MKI, a session parameter
        that may not be ignored (RFC 4568 6.3.7)."""
        match = _CRYPTO.fullmatch(text.strip())
        if match is None:
            return None
        tag, suite, key, more, parameters = match.groups()
        if more and not _LIFETIME.fullmatch(more):
            return None
        if any(not (p.startswith("-") or p.upper().startswith("WSH=")) for p in parameters.split()):
            return None
        try:
            found = cls(int(tag), Srtp(suite), base64.b64decode(key + "=" * (-len(key) % 4), validate=True))
        except (ValueError, binascii.Error):
            return None
        return found if len(found.key) == KEY_BYTES else None


def new_keys(randomness: Randomness) -> tuple[Crypto, ...]:
    """A line per suite, each with its own key, the longer authentication tag first."""
    return tuple(
        Crypto(tag, suite, randomness.getrandbits(8 * KEY_BYTES).to_bytes(KEY_BYTES, "big"))
        for tag, suite in enumerate(Srtp, 1)
    )


def policy_for(policy: SrtpPolicy, *, encrypted: bool, anyway: bool = False) -> SrtpPolicy:
    """What a policy comes to over this signalling: keys aren't shown to whoever reads plain SIP.

    ``encrypted``: the signalling is TLS. ``anyway``: a setting says that the network is trusted.
    Raises SdpError where SRTP is required and its keys would be readable.
    """
    if encrypted or anyway or policy is SrtpPolicy.OFF:
        return policy
    if policy is SrtpPolicy.REQUIRED:
        raise SdpError("SRTP is required, but its keys would be readable: use transport tls")
    return SrtpPolicy.OFF
