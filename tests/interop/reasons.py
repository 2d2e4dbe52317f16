"""Why a cell isn't there, and why one fails."""

from __future__ import annotations

from tests.interop.matrix import Feature, Key

_SIPP_BUILD = "Debian 12 builds SIPp without TLS: `sipp -v` names SCTP, PCAP and RTPSTREAM only"
_BARESIP_RFCS = "not in the list of RFCs of baresip 1.0.0's README"

LACKING: dict[Key, str] = {
    ("SIPp", Feature.TLS): _SIPP_BUILD,
    ("SIPp", Feature.SRTP): _SIPP_BUILD + "; its SRTP needs TLS's library",
    ("baresip", Feature.SESSION_TIMER): f"RFC 4028 is {_BARESIP_RFCS}",
    ("baresip", Feature.PRACK): f"RFC 3262 is {_BARESIP_RFCS}",
}
"""Ruled out by the peer's own documentation."""

KNOWN: dict[Key, str] = {}
"""Cells that fail, and are understood."""
