"""Settings of the web pages."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path


@dataclass(frozen=True, slots=True)
class WebConfig:
    """Where ``dialer web`` listens."""

    host: str = "127.0.0.1"
    """Address to listen on. Any other than a loopback address needs a certificate."""
    port: int = 8080
    """Port to listen on."""
    certificate_file: Path | None = None
    """PEM file with our certificate and those between it and its authority; none: plain HTTP, on loopback
    alone or behind a proxy on this machine that does TLS."""
    key_file: Path | None = None
    """PEM file with its key; none: the key stands in the certificate's file."""

    def __post_init__(self) -> None:
        try:
            loopback = self.host == "localhost" or ip_address(self.host).is_loopback
        except ValueError:
            raise ValueError(f"host: {self.host!r} is not an IP address") from None
        if not loopback and self.certificate_file is None:
            raise ValueError(
                f"host: {self.host} is reached from outside: set certificate_file, or listen on 127.0.0.1"
                " behind a proxy that does TLS"
            )
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port: {self.port} is not in 0..65535")
