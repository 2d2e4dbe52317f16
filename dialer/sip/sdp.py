"""Offer and answer (RFC 3264) for one G.711 audio stream: what we offer, answer and have agreed."""

from __future__ import annotations

from dataclasses import replace

from dialer.errors import SdpError
from dialer.ports import RemoteMedia, SrtpKeys
from dialer.sip.description import (
    COMFORT_NOISE,
    PLAIN,
    PTIME_MS,
    SECURE,
    TELEPHONE_EVENT,
    VOICE,
    Codec,
    Direction,
    SessionDescription,
)
from dialer.sip.digest import Randomness
from dialer.sip.sdes import Crypto, SrtpPolicy, new_keys

__all__ = [
    "PTIME_MS", "Codec", "Direction", "SessionDescription", "SrtpPolicy", "make_answer", "make_offer",
    "nowhere", "parse_offer", "remote_media",
]  # fmt: skip

DTMF_PAYLOAD_TYPE = 101
NOISE_PAYLOAD_TYPE = 13


def make_offer(
    host: str,
    port: int,
    session_id: int,
    *,
    comfort_noise: bool = False,
    srtp: SrtpPolicy = SrtpPolicy.OFF,
    randomness: Randomness | None = None,
) -> SessionDescription:
    """PCMA, PCMU, telephone-event and where wanted comfort noise; 20 ms, both ways, RTCP on one port.

    It says too what we can do when the far end offers: ``make_answer`` takes it. SRTP needs ``randomness``
    for its keys.
    """
    codecs = [Codec(8, "PCMA"), Codec(0, "PCMU")]
    if comfort_noise:
        codecs.append(Codec(NOISE_PAYLOAD_TYPE, COMFORT_NOISE))
    codecs.append(Codec(DTMF_PAYLOAD_TYPE, TELEPHONE_EVENT, fmtp="0-16"))
    keys: tuple[Crypto, ...] = ()
    if srtp is not SrtpPolicy.OFF:
        if randomness is None:
            raise SdpError("SRTP needs randomness for its keys")
        keys = new_keys(randomness)
    return SessionDescription(
        host, port, tuple(codecs), session_id=session_id, version=session_id, rtcp_mux=True,
        profile=SECURE if srtp is SrtpPolicy.REQUIRED else PLAIN, crypto=keys,
    )  # fmt: skip


def parse_offer(body: bytes | str, ours: SessionDescription) -> SessionDescription:
    """Their offer; of plain and secure audio the one that suits us. Raises SdpError."""
    return SessionDescription.parse(body, prefer=SECURE if ours.crypto else PLAIN)


def make_answer(offer: SessionDescription, ours: SessionDescription) -> SessionDescription:
    """Our answer: PCMA where it was offered, else PCMU, with the offer's payload types.

    ``ours``: what we would offer; its direction is our wish. Raises SdpError where there is no common
    codec, or one side insists on SRTP and the other can't.
    """
    voice = _voice(offer, prefer_order=True)
    dtmf, noise = _dtmf(offer), _noise(offer) if _noise(ours) else None
    codecs = [voice]
    if noise is not None:
        codecs.append(noise)
    if dtmf is not None:
        codecs.append(replace(dtmf, fmtp="0-16"))
    theirs = Direction.INACTIVE if offer.host == "0.0.0.0" else offer.direction
    mine = ours.direction
    return replace(
        ours,
        codecs=tuple(codecs),
        direction=Direction.of(theirs.receives and mine.sends, theirs.sends and mine.receives),
        before=tuple(_refused(line) for line in offer.before),
        after=tuple(_refused(line) for line in offer.after),
        profile=offer.profile,
        crypto=_answer_key(offer, ours),
        rtcp_mux=offer.rtcp_mux and ours.rtcp_mux,
    )


def _answer_key(offer: SessionDescription, ours: SessionDescription) -> tuple[Crypto, ...]:
    """Our key for the first of their lines that we can use (RFC 4568 5.1.2)."""
    mine = {line.suite: line for line in ours.crypto}
    for line in offer.crypto:
        if line.suite in mine:
            return (replace(mine[line.suite], tag=line.tag),)
    if ours.profile == SECURE:
        raise SdpError("SRTP is required here, and the far end offers none that can be used")
    if offer.profile == SECURE:
        raise SdpError("the far end insists on SRTP with keys that aren't taken here")
    return ()


def remote_media(
    local: SessionDescription, remote: SessionDescription, *, we_answered: bool = False
) -> RemoteMedia:
    """Where to send and how. ``we_answered``: ``remote`` is their offer, so our preference decided.

    Raises SdpError where there is no common codec, or SRTP was required and isn't there.
    """
    voice, dtmf = _voice(remote, prefer_order=we_answered), _dtmf(remote)
    noise = _noise(remote) if _noise(local) else None
    mux = local.rtcp_mux and remote.rtcp_mux
    above = remote.port + 1 if remote.port < 65535 else None
    return RemoteMedia(
        remote.host,
        remote.port,
        voice.name,
        voice.payload_type,
        None if dtmf is None or _dtmf(local) is None else dtmf.payload_type,
        comfort_noise_payload_type=None if noise is None else noise.payload_type,
        srtp=_keys(local, remote),
        rtcp_port=remote.port if mux else remote.rtcp_port or above,
        sending=not remote.held,
    )


def _keys(local: SessionDescription, remote: SessionDescription) -> SrtpKeys | None:
    """Both directions' keys: the lines of one tag, whoever offered."""
    mine = {(line.tag, line.suite): line.key for line in local.crypto}
    for line in remote.crypto:
        if (line.tag, line.suite) in mine:
            return SrtpKeys(line.suite, send=mine[line.tag, line.suite], receive=line.key)
    if SECURE in (local.profile, remote.profile):
        raise SdpError("SRTP is required, and the other side gave no key for it")
    return None


def nowhere(media: RemoteMedia) -> bool:
    """c=0.0.0.0: hold as RFC 2543 had it."""
    return media.host == "0.0.0.0"


def _voice(description: SessionDescription, *, prefer_order: bool) -> Codec:
    voices = [codec for codec in description.codecs if codec.is_voice]
    if not voices:
        raise SdpError("no common codec: PCMA/8000 or PCMU/8000 is needed")
    return min(voices, key=lambda codec: VOICE.index(codec.name)) if prefer_order else voices[0]


def _dtmf(description: SessionDescription) -> Codec | None:
    return next((codec for codec in description.codecs if codec.is_dtmf), None)


def _noise(description: SessionDescription) -> Codec | None:
    return next((codec for codec in description.codecs if codec.is_noise), None)


def _refused(line: str) -> str:
    """The same m= line with port 0 (RFC 3264 6)."""
    kind, _, rest = line.partition(" ")
    return f"{kind} 0 {rest.partition(' ')[2]}"
