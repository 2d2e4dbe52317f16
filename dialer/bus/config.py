"""Settings of the MQTT bus."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path


@dataclass(frozen=True, slots=True)
class MqttConfig:
    """The broker that events are published to."""

    host: str = ""
    """Host name or address of the broker; empty: no broker."""
    port: int = 0
    """Its port; 0: 1883, with TLS 8883."""
    tls: bool = False
    """Speak TLS and check the broker's certificate and name."""
    ca_file: Path | None = None
    """PEM file with the authorities that may vouch for the broker; none: those of this machine."""
    certificate_file: Path | None = None
    """PEM file with our own certificate, for a broker that asks for one; none: we show none."""
    key_file: Path | None = None
    """PEM file with its key; none: the key stands in the certificate's file."""
    username: str = ""
    """User name at the broker; empty: none. With a password only over TLS, or on this machine."""
    password: str = field(default="", repr=False)
    """Its password, already read from where it is kept."""
    password_env: str = "DIALER_MQTT_PASSWORD"
    """Environment variable with its password."""
    password_file: Path | None = None
    """File whose first line is its password, used where the variable is unset."""
    topic: str = "huifang"
    """What every topic begins with; may have levels: "acme/huifang"."""
    qos: int = 1
    """Quality of service: 0 at most once, 1 at least once, 2 exactly once between us and the broker."""
    keepalive_s: int = 30
    """A broker that is silent for half as long again has gone."""
    timeout_s: float = 10.0
    """How long the broker has to take a connection or a message."""
    backoff_s: float = 1.0
    """First pause before the next try to connect; each try doubles it."""
    max_backoff_s: float = 60.0
    """Longest pause."""
    give_up_hours: float = 48.0
    """Events that the broker hasn't taken for so long are given up. Signed roots never are."""

    def __post_init__(self) -> None:
        if not _is_host(self.host):
            raise ValueError(f"host: {self.host!r} is no name and no address: write mq.example or 192.0.2.7")
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port: {self.port} is not in 0..65535")
        if self.qos not in (0, 1, 2):
            raise ValueError("qos: write 0, 1 or 2")
        levels = self.topic.split("/")
        if not all(levels) or levels[0].startswith("$") or set(self.topic) & set("+#\0"):
            raise ValueError("topic: write names with / between them, without + and #, no $ in front")
        if not 1 <= self.keepalive_s <= 65535:
            raise ValueError("keepalive_s: write 1 to 65535")
        for name in ("timeout_s", "backoff_s", "give_up_hours"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}: write a number above 0")
        if self.max_backoff_s < self.backoff_s:
            raise ValueError("max_backoff_s: must not be below backoff_s")
        if self.host and not self.tls and (self.ca_file or self.certificate_file):
            raise ValueError("tls: certificates are for TLS: write tls = true")
        if self.host and self.key_file and not self.certificate_file:
            raise ValueError("key_file: goes with certificate_file")

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port or (8883 if self.tls else 1883)}"

    @property
    def in_clear(self) -> bool:
        """What is sent can be read on the way."""
        return not (self.tls or _loopback(self.host))


def _is_host(host: str) -> bool:
    """Whether a resolver can be asked for it: the name server says whether it is there."""
    try:
        host.encode("idna")
    except UnicodeError:  # an empty label, or one that is too long
        return False
    return not set(host) & set("/@ \t\r\n\0")


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
