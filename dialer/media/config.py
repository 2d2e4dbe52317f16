"""Settings of the media plane."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from dialer.errors import ConfigError


@dataclass(frozen=True, slots=True)
class ProgressConfig:
    """Call progress: tones, and person or machine. Raises ConfigError naming the key.

    The lengths are chosen so that a person is hardly ever taken for a machine (``make bench-progress``).
    """

    use: str = "act"
    """``act``: a busy line or a machine decides how the call ends; ``note``: it is only written beside the
    reason; ``off``: nobody listens for it."""
    tone_floor_dbov: float = -45.0
    """Quieter sound is no tone of the network."""
    tone_purity: float = 0.8
    """Share of the power that one or two frequencies must have to be a tone."""
    speech_floor_dbov: float = -40.0
    """Quieter speech says nothing about who answered: it may be our own prompt's echo."""
    machine_floor_dbov: float = -28.0
    """Talk that goes on is a machine's only at this level: quieter, it may be somebody's television."""
    person_speech_s: float = 2.4
    """Somebody whose greeting isn't longer than this, and who then waits, is a person."""
    person_silence_s: float = 1.2
    """How long that somebody waits."""
    machine_speech_s: float = 12.0
    """Whoever talks so long without a pause is a machine or an announcement."""
    beep_min_s: float = 0.16
    """A machine's beep is at least so long."""
    beep_max_s: float = 2.0
    """And at most so long."""
    beep_wait_s: float = 2.5
    """How long after a longer greeting a beep is waited for; then it is unsure."""
    decide_s: float = 15.0
    """Who hasn't been made out by then is unsure."""

    def __post_init__(self) -> None:
        checks = (
            ("use", self.use in ("act", "note", "off"), "act, note or off"),
            ("tone_floor_dbov", -60 <= self.tone_floor_dbov <= -10, "-60 to -10"),
            ("tone_purity", 0.5 <= self.tone_purity <= 0.98, "0.5 to 0.98"),
            ("speech_floor_dbov", -60 <= self.speech_floor_dbov <= -10, "-60 to -10"),
            ("machine_floor_dbov", -60 <= self.machine_floor_dbov <= -10, "-60 to -10"),
            ("person_speech_s", 0.3 <= self.person_speech_s <= 5, "0.3 to 5 seconds"),
            ("person_silence_s", 0.5 <= self.person_silence_s <= 5, "0.5 to 5 seconds"),
            (
                "machine_speech_s",
                4 <= self.machine_speech_s <= 30,
                "4 to 30: people speak for 4 s, too",
            ),
            ("beep_min_s", 0.1 <= self.beep_min_s < self.beep_max_s, "0.1 or more, under beep_max_s"),
            ("beep_max_s", self.beep_max_s <= 5, "at most 5 seconds"),
            (
                "beep_wait_s",
                self.person_silence_s <= self.beep_wait_s <= 10,
                "person_silence_s to 10 seconds",
            ),
            ("decide_s", 2 <= self.decide_s <= 60, "2 to 60 seconds"),
        )
        for key, good, wanted in checks:
            if not good:
                raise ConfigError(f"progress.{key}: {getattr(self, key)} is out of range, write {wanted}")


@dataclass(frozen=True, slots=True)
class MediaConfig:
    """Every setting of the media plane. Raises ConfigError naming the key and what to write instead."""

    host: str = "127.0.0.1"
    """IPv4 address that RTP sockets are bound to."""
    advertised_host: str = ""
    """IPv4 address that our SDP offers where a static NAT stands before ``host``; empty: ``host``."""
    processes: int = 1
    """Media processes that share the calls; one carries 500 recorded calls. 0: one for each two cores."""
    port_low: int = 20000
    """Lowest RTP port; RTP has the even ports, RTCP the odd ones above (RFC 3550 section 11)."""
    port_high: int = 23999
    """Highest RTP port. The range must hold two calls' ports for each line: customer and agent."""
    port_rest_s: float = 5.0
    """A closed stream's port rests so long, so that stragglers of the old call reach nobody."""
    rtp_timeout_s: float = 30.0
    """No RTP from the far end for so long is reported once as MediaTimeout; 0 turns it off."""
    dscp: int = 46
    """DiffServ code point of the RTP and RTCP that we send (46 = EF, RFC 3246); 0 leaves it unmarked."""
    rtcp: bool = True
    """Send and take RTCP reports: loss, jitter and round trip as the far end sees them."""
    rtcp_interval_s: float = 5.0
    """Mean time between two reports of a call at least, the first after half of it (RFC 3550 6.2)."""
    comfort_noise_s: float = 0.0
    """With nothing to say, a comfort noise packet (RFC 3389) each so often to a peer that takes them; 0:
    silence goes on as audio, which keeps NATs open and every peer content."""
    realtime_priority: int = 10
    """Round-robin real-time priority (SCHED_RR, 1-99) that the media process asks for, so that no other
    program's work is heard; 0, or without the right to it: ``niceness`` alone."""
    niceness: int = -10
    """Scheduling priority that the media process asks for; without the right to it stays at 0."""
    vad_mode: int = 2
    """Aggressiveness of the voice activity detector: 0 (lets noise through) to 3 (may cut soft speech)."""
    speech_floor_dbov: float = -50.0
    """A frame quieter than this is never speech, whatever the detector says."""
    speech_drop_db: float = 10.0
    """Within an utterance a frame so much quieter than its loudest one is background and not speech, so that
    a television doesn't keep an answer from ending; 0 turns it off."""
    pre_roll_s: float = 0.4
    """Audio from before the start of speech that goes along, so that no first consonant is cut."""
    bridge_delay_frames: int = 2
    """20 ms frames that a bridged direction holds back against jitter; beyond twice as many it drops."""
    key_s: float = 0.16
    """Length of a DTMF key that we send."""
    key_gap_s: float = 0.1
    """Pause after it."""
    clip_cache_mb: int = 64
    """Encoded prompt frames kept in memory; the least recently played go first."""
    record_flush_s: float = 1.0
    """Seconds of a recording that are written at once. A crash loses at most this and 0.4 s."""
    start_timeout_s: float = 20.0
    """The media process must be ready by then."""
    reply_timeout_s: float = 5.0
    """A request to the media process fails after this."""
    disk_timeout_s: float = 30.0
    """The same for requests that wait for the disk: starting and closing a recording."""
    watchdog_s: float = 5.0
    """A media process that is silent for so long counts as hung: it is killed, its calls end."""
    progress: ProgressConfig = ProgressConfig()
    """Call progress has a table of its own, ``[progress]``."""

    def __post_init__(self) -> None:
        for key, value in (("host", self.host), ("advertised_host", self.advertised_host or self.host)):
            try:
                ipaddress.IPv4Address(value)
            except ValueError as error:
                raise ConfigError(f"media.{key}: not an IPv4 address, write e.g. 192.0.2.10") from error
        checks = (
            ("processes", 0 <= self.processes <= 64, "1 to 64, or 0 for one for each two cores"),
            ("port_low", 1024 <= self.port_low <= 65534, "a port from 1024 to 65534"),
            ("port_high", self.port_low < self.port_high <= 65535, "a port above port_low, at most 65535"),
            ("port_rest_s", 0 <= self.port_rest_s <= 600, "0 to 600 seconds"),
            ("rtp_timeout_s", self.rtp_timeout_s >= 0, "seconds, 0 turns it off"),
            ("dscp", 0 <= self.dscp <= 63, "0 to 63"),
            ("rtcp_interval_s", 0.5 <= self.rtcp_interval_s <= 60, "0.5 to 60 seconds"),
            ("comfort_noise_s", 0 <= self.comfort_noise_s <= 10, "up to 10 seconds, 0 turns it off"),
            ("realtime_priority", 0 <= self.realtime_priority <= 99, "1 to 99, 0 turns it off"),
            ("niceness", -20 <= self.niceness <= 19, "-20 to 19"),
            ("vad_mode", 0 <= self.vad_mode <= 3, "0 to 3"),
            ("speech_floor_dbov", -90 <= self.speech_floor_dbov <= 0, "-90 to 0"),
            ("speech_drop_db", self.speech_drop_db == 0 or 6 <= self.speech_drop_db <= 60, "0 or 6 to 60"),
            ("pre_roll_s", 0 <= self.pre_roll_s <= 2, "0 to 2 seconds"),
            ("bridge_delay_frames", 1 <= self.bridge_delay_frames <= 25, "1 to 25"),
            ("key_s", 0.04 <= self.key_s <= 5, "0.04 to 5 seconds"),
            ("key_gap_s", 0.04 <= self.key_gap_s <= 5, "0.04 to 5 seconds"),
            ("clip_cache_mb", self.clip_cache_mb >= 1, "at least 1"),
            ("record_flush_s", 0.2 <= self.record_flush_s <= 10, "0.2 to 10 seconds"),
            ("start_timeout_s", self.start_timeout_s > 0, "more than 0 seconds"),
            ("reply_timeout_s", self.reply_timeout_s > 0, "more than 0 seconds"),
            ("disk_timeout_s", self.disk_timeout_s > 0, "more than 0 seconds"),
            ("watchdog_s", self.watchdog_s >= 3, "at least 3 seconds"),
        )
        for key, good, wanted in checks:
            if not good:
                raise ConfigError(f"media.{key}: {getattr(self, key)} is out of range, write {wanted}")
