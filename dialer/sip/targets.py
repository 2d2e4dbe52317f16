"""Where a SIP domain's requests may go, in which order, from its DNS records (RFC 3263, RFC 2782).

The records are given; the shell that fetches them is ``resolver``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dialer.sip.digest import Randomness

SPOKEN = ("udp", "tcp", "tls")
"""The transports of this house, the preferred one first."""
MAX_TARGETS = 16
"""More addresses of one domain are never tried."""

_SERVICES = {"SIP+D2U": "udp", "SIP+D2T": "tcp", "SIPS+D2T": "tls"}
_LABELS = {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp"}
_WEIGHT_BITS = 32


@dataclass(frozen=True, slots=True)
class Naptr:
    order: int
    preference: int
    flags: str
    service: str
    replacement: str
    """The name whose SRV records tell more; ends without a dot."""


@dataclass(frozen=True, slots=True)
class Srv:
    priority: int
    weight: int
    port: int
    target: str
    """A host name without the last dot; empty: the service isn't offered here (RFC 2782)."""


@dataclass(frozen=True, slots=True)
class Service:
    """A transport, and the name of its SRV records."""

    transport: str
    name: str


def services_by_naptr(records: Iterable[Naptr], transports: Sequence[str] = SPOKEN) -> list[Service]:
    """What the domain offers and we speak, by the domain's own order (RFC 3263 4.1)."""
    usable = [
        (record.order, record.preference, Service(transport, record.replacement))
        for record in records
        if record.flags.lower() == "s"
        and record.replacement
        and (transport := _SERVICES.get(record.service.upper())) in transports
        and transport is not None
    ]
    usable.sort(key=lambda entry: entry[:2])
    return [service for _, _, service in usable]


def services_by_name(domain: str, transports: Sequence[str] = SPOKEN) -> list[Service]:
    """What to ask for where the domain has no NAPTR records, in our order."""
    return [Service(transport, f"{_LABELS[transport]}.{domain}") for transport in transports]


def in_order(records: Iterable[Srv], randomness: Randomness) -> list[Srv]:
    """Lower priorities first; among equals the next is drawn by weight (RFC 2782).

    An empty list also where the only record says that the service isn't offered.
    """
    found: list[Srv] = []
    offered = [record for record in records if record.target]
    for priority in sorted({record.priority for record in offered}):
        # Those of weight 0 stand first, so that they have a small chance of being drawn.
        rest = sorted((r for r in offered if r.priority == priority), key=lambda r: (r.weight > 0, r.target))
        while rest:
            chosen = _draw(rest, randomness)
            rest.remove(chosen)
            found.append(chosen)
    return found


def _draw(records: Sequence[Srv], randomness: Randomness) -> Srv:
    total = sum(record.weight for record in records)
    mark = randomness.getrandbits(_WEIGHT_BITS) * (total + 1) >> _WEIGHT_BITS
    running = 0
    for record in records:
        running += record.weight
        if running >= mark:
            return record
    return records[-1]
