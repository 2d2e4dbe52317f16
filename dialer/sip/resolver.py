"""SIP servers of a host by DNS: NAPTR, SRV, then addresses (RFC 3263), cached as long as DNS says.

A DNS server that is gone doesn't take the trunk with it: what was known is used on for a day, and
asked for again meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import dns.asyncresolver
import dns.exception
import dns.nameserver
import dns.resolver
from dns.rdtypes.IN.NAPTR import NAPTR
from dns.rdtypes.IN.SRV import SRV

from dialer.errors import TrunkError
from dialer.sip.address import Addr, default_port, is_numeric, split_address
from dialer.sip.digest import Randomness
from dialer.sip.shared import observe, result_of
from dialer.sip.targets import (
    MAX_TARGETS,
    SPOKEN,
    Naptr,
    Service,
    Srv,
    in_order,
    services_by_name,
    services_by_naptr,
)

logger = logging.getLogger("dialer.sip")

_NEGATIVE_S = 15.0
"""How long "there is no such record" is believed."""
_RETRY_S = 5.0
"""After a DNS failure the next question waits so long."""
_STALE_S = 86400.0
"""How long past its time an answer is used where DNS fails."""
_LONGEST_S = 86400.0
_MAX_ENTRIES = 512
_HOSTS = Path("/etc/hosts")

Records = tuple[Any, ...]
Question = tuple[str, str]
"""Name and record type."""
Ask = Callable[[str, str, float], Awaitable[tuple[Records, float]]]
"""Name, type and seconds -> records (none for "doesn't exist") and their life. Raises LookupFailed."""


class LookupFailed(TrunkError):
    """DNS gave no answer, neither yes nor no."""


@dataclass(slots=True)
class _Known:
    records: Records
    until: float
    stale_until: float


class Resolver:
    """``spoken``: the transports that may be chosen. ``ask`` replaces DNS in tests."""

    def __init__(
        self,
        *,
        nameservers: Sequence[str] = (),
        timeout_s: float = 3.0,
        randomness: Randomness,
        spoken: Sequence[str] = SPOKEN,
        ipv6: bool = False,
        hosts: Path | None = _HOSTS,
        ask: Ask | None = None,
    ) -> None:
        self._nameservers = tuple(nameservers)
        self._timeout_s = timeout_s
        self._randomness = randomness
        self._spoken = tuple(transport for transport in SPOKEN if transport in spoken)
        self._type = "AAAA" if ipv6 else "A"
        self._hosts = hosts
        self._ask = ask or self._ask_dns
        self._known: dict[Question, _Known] = {}
        self._asking: dict[Question, asyncio.Task[Records]] = {}

    async def targets(self, host: str, port: int = 0, transport: str = "auto") -> list[Addr]:
        """Every place to try, the first one first, ``port`` 0: not said. Raises TrunkError."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._targets(host, port, transport)
        except TimeoutError:
            raise TrunkError(
                f"DNS didn't say within {self._timeout_s:g} s where {host} is: check the name server"
            ) from None

    async def _targets(self, host: str, port: int, transport: str) -> list[Addr]:
        said = "" if transport == "auto" else transport
        if not is_numeric(host) and not port:
            services = await self._services(host, said)
            if services is not None:
                return await self._by_services(host, services, fixed=said == "udp")
        plain = said or "udp"
        numbers = await self.addresses(host)
        return [
            _addr(number, port or default_port(plain), plain, host, fixed=said == "udp") for number in numbers
        ][:MAX_TARGETS]

    async def _services(self, host: str, said: str) -> list[tuple[Service, list[Srv]]] | None:
        """Services with their SRV records; None where the host has none and its address counts."""
        chosen = await self._by_naptr(host) if not said else []
        names = chosen or services_by_name(host, (said,) if said else self._spoken)
        answers = await asyncio.gather(*(self._look_up(service.name, "SRV") for service in names))
        found = [(service, cast(list[Srv], list(a))) for service, a in zip(names, answers, strict=True) if a]
        return found if found or chosen else None

    async def _by_naptr(self, host: str) -> list[Service]:
        try:
            records = await asyncio.wait_for(self._look_up(host, "NAPTR"), self._timeout_s / 2)
        except (LookupFailed, TimeoutError):
            # Some name servers never answer this question; SRV and addresses are asked for all the same.
            return []
        return services_by_naptr(records, self._spoken)

    async def _by_services(
        self, host: str, services: Sequence[tuple[Service, list[Srv]]], *, fixed: bool
    ) -> list[Addr]:
        found: list[Addr] = []
        problem: TrunkError | None = None
        for service, records in services:
            for record in in_order(records, self._randomness):
                if len(found) >= MAX_TARGETS:
                    break
                try:
                    numbers = await self.addresses(record.target)
                except TrunkError as error:
                    problem = error
                    continue
                found += [
                    _addr(number, record.port, service.transport, host, fixed=fixed) for number in numbers
                ]
        if found:
            return found[:MAX_TARGETS]
        raise problem or TrunkError(f"{host} offers no SIP service by a transport that is spoken here")

    async def addresses(self, host: str) -> list[str]:
        """The IP addresses of a host. Raises TrunkError."""
        if is_numeric(host):
            return [host]
        name = host.lower().rstrip(".")
        if name == "localhost" or name.endswith(".localhost"):
            return ["127.0.0.1" if self._type == "A" else "::1"]
        if not self._nameservers and (listed := self._listed(name)):
            return listed
        found = [str(record) for record in await self._look_up(name, self._type)]
        if not found:
            kind = "IPv4" if self._type == "A" else "IPv6"
            raise TrunkError(f"the host {host} has no address ({kind}): check the name and DNS")
        return found

    def _listed(self, name: str) -> list[str]:
        """What the system's hosts file says; it comes before DNS, as for every other program."""
        if self._hosts is None:
            return []
        try:
            lines = self._hosts.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return []
        entries = [line.partition("#")[0].lower().split() for line in lines]
        wanted = ":" if self._type == "AAAA" else "."
        return [e[0] for e in entries if name in e[1:] and is_numeric(e[0]) and wanted in e[0]]

    # --- the cache

    async def _look_up(self, name: str, kind: str) -> Records:
        """Records of one question. Raises LookupFailed."""
        question = (name.lower().rstrip("."), kind)
        known = self._known.get(question)
        if known is not None and self._now() < known.until:
            return known.records
        task = self._asking.get(question)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._fetch(question))
            self._asking[question] = task
            task.add_done_callback(lambda done: self._asked(question, done))
        # Whoever gives up waiting doesn't take the answer from the cache.
        return await result_of(task, "the SIP endpoint is closed")

    def _asked(self, question: Question, task: asyncio.Task[Records]) -> None:
        self._asking.pop(question, None)
        observe(task)

    async def _fetch(self, question: Question) -> Records:
        try:
            records, life = await self._ask(*question, self._timeout_s)
        except LookupFailed as error:
            known, now = self._known.get(question), self._now()
            if known is None or now > known.stale_until:
                raise
            logger.warning("dns failed, the last answer is used on", extra={"error": str(error)})
            known.until = now + _RETRY_S
            return known.records
        life = min(max(life, 1.0), _LONGEST_S) if records else _NEGATIVE_S
        until = self._now() + life
        if len(self._known) >= _MAX_ENTRIES:
            self._known.pop(next(iter(self._known)))
        self._known.pop(question, None)
        self._known[question] = _Known(records, until, until + (_STALE_S if records else 0.0))
        return records

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    def close(self) -> None:
        for task in list(self._asking.values()):
            task.cancel()

    # --- DNS

    async def _ask_dns(self, name: str, kind: str, timeout_s: float) -> tuple[Records, float]:
        try:
            resolver = self._resolver(timeout_s)
            answer = await resolver.resolve(name, kind, lifetime=timeout_s, search="." not in name)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return (), 0.0
        except dns.resolver.NoResolverConfiguration as error:
            raise LookupFailed("no DNS server is set up on this machine: set sip.nameservers") from error
        except dns.exception.Timeout as error:
            raise LookupFailed(f"DNS didn't answer within {timeout_s:g} s: check the name server") from error
        except (dns.exception.DNSException, OSError, UnicodeError) as error:
            raise LookupFailed(f"DNS can't say where {name} is: {error}") from error
        return tuple(_record(item) for item in answer), float(answer.chaining_result.minimum_ttl)

    def _resolver(self, timeout_s: float) -> dns.asyncresolver.Resolver:
        """Made anew for each question, so that a changed resolv.conf counts at once."""
        resolver = dns.asyncresolver.Resolver(configure=not self._nameservers)
        if self._nameservers:
            resolver.nameservers = [_nameserver(text) for text in self._nameservers]
        # A lost datagram leaves time for the next try, or the next server.
        resolver.timeout = timeout_s / 3
        return resolver


def _nameserver(text: str) -> dns.nameserver.Nameserver:
    return dns.nameserver.Do53Nameserver(*split_address(text, 53))


def _record(item: object) -> object:
    match item:
        case SRV():
            target = item.target.to_text(omit_final_dot=True)
            return Srv(item.priority, item.weight, item.port, "" if target == "." else target)
        case NAPTR():
            replacement = item.replacement.to_text(omit_final_dot=True)
            flags, service = item.flags.decode("ascii", "replace"), item.service.decode("ascii", "replace")
            name = "" if replacement == "." else replacement
            return Naptr(item.order, item.preference, flags, service, name)
        case _:
            return str(item)


def _addr(host: str, port: int, transport: str, domain: str, *, fixed: bool) -> Addr:
    return Addr(host, port, transport, domain if transport == "tls" else "", fixed)
