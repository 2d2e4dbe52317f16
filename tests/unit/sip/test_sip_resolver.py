"""Which servers a host has, how long that is believed, and what a failing DNS does."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from dialer.errors import TrunkError
from dialer.sip import resolver as module
from dialer.sip.address import Addr, split_address
from dialer.sip.resolver import LookupFailed, Records, Resolver
from dialer.sip.targets import Naptr, Srv

Zone = dict[tuple[str, str], Records]


class Dns:
    """Answers out of a zone, counts questions; ``life`` is the TTL, ``fails`` the questions that fail."""

    def __init__(self, zone: Zone, life: float = 60.0) -> None:
        self.zone, self.life = zone, life
        self.asked: list[tuple[str, str]] = []
        self.fails: set[str] = set()
        self.delay_s = 0.0

    async def __call__(self, name: str, kind: str, timeout_s: float) -> tuple[Records, float]:
        self.asked.append((name, kind))
        await asyncio.sleep(self.delay_s)
        if kind in self.fails:
            raise LookupFailed("DNS is down")
        return self.zone.get((name, kind), ()), self.life


def made(dns: Dns, **options: object) -> Resolver:
    values = {"randomness": random.Random(1), "hosts": None, "ask": dns, **options}
    return Resolver(**values)  # type: ignore[arg-type]


FULL: Zone = {
    ("carrier.example", "NAPTR"): (
        Naptr(10, 1, "s", "SIPS+D2T", "_sips._tcp.carrier.example"),
        Naptr(20, 1, "s", "SIP+D2U", "_sip._udp.carrier.example"),
    ),
    ("_sips._tcp.carrier.example", "SRV"): (
        Srv(2, 0, 5061, "b.carrier.example"), Srv(1, 0, 5071, "a.carrier.example"),
    ),
    ("_sip._udp.carrier.example", "SRV"): (Srv(1, 0, 5060, "a.carrier.example"),),
    ("_sip._tcp.carrier.example", "SRV"): (Srv(1, 0, 5080, "a.carrier.example"),),
    ("a.carrier.example", "A"): ("192.0.2.1",),
    ("b.carrier.example", "A"): ("192.0.2.2", "192.0.2.3"),
    ("carrier.example", "A"): ("192.0.2.9",),
}  # fmt: skip


async def test_naptr_then_srv_then_addresses_and_tls_keeps_the_domain() -> None:
    found = await made(Dns(FULL)).targets("carrier.example")
    assert found == [
        Addr("192.0.2.1", 5071, "tls", "carrier.example"),
        Addr("192.0.2.2", 5061, "tls", "carrier.example"),
        Addr("192.0.2.3", 5061, "tls", "carrier.example"),
        Addr("192.0.2.1", 5060, "udp"),
    ]


async def test_a_chosen_transport_asks_only_for_its_own_srv() -> None:
    dns = Dns(FULL)
    assert await made(dns).targets("carrier.example", 0, "tcp") == [Addr("192.0.2.1", 5080, "tcp")]
    assert ("carrier.example", "NAPTR") not in dns.asked
    assert await made(dns).targets("carrier.example", 0, "udp") == [
        Addr("192.0.2.1", 5060, "udp", fixed=True)
    ]


async def test_a_port_skips_naptr_and_srv() -> None:
    dns = Dns(FULL)
    assert await made(dns).targets("carrier.example", 5090) == [Addr("192.0.2.9", 5090)]
    assert await made(dns).targets("carrier.example", 5090, "tls") == [
        Addr("192.0.2.9", 5090, "tls", "carrier.example")
    ]
    assert {kind for _, kind in dns.asked} == {"A"}


async def test_a_number_asks_nobody() -> None:
    dns = Dns(FULL)
    assert await made(dns).targets("192.0.2.7") == [Addr("192.0.2.7", 5060)]
    assert await made(dns).targets("192.0.2.7", 0, "tls") == [Addr("192.0.2.7", 5061, "tls", "192.0.2.7")]
    assert await made(dns).targets("2001:db8::1", 0, "tcp") == [Addr("2001:db8::1", 5060, "tcp")]
    assert dns.asked == []


async def test_without_naptr_the_srv_of_each_transport_and_without_srv_the_address() -> None:
    zone = {question: found for question, found in FULL.items() if question[1] != "NAPTR"}
    found = await made(Dns(zone)).targets("carrier.example")
    assert [(t.transport, t.port) for t in found[:3]] == [("udp", 5060), ("tcp", 5080), ("tls", 5071)]
    no_tcp = await made(Dns(zone), spoken=("udp", "tls")).targets("carrier.example")
    assert {t.transport for t in no_tcp} == {"udp", "tls"}
    plain: Zone = {("pbx", "A"): ("192.0.2.5",)}
    assert await made(Dns(plain)).targets("pbx") == [Addr("192.0.2.5", 5060)]
    assert await made(Dns(plain)).targets("pbx", 0, "tls") == [Addr("192.0.2.5", 5061, "tls", "pbx")]


async def test_a_server_without_an_address_is_left_out() -> None:
    zone = {**FULL, ("a.carrier.example", "A"): ()}
    found = await made(Dns(zone)).targets("carrier.example", 0, "tls")
    assert [t.host for t in found] == ["192.0.2.2", "192.0.2.3"]
    zone[("b.carrier.example", "A")] = ()
    with pytest.raises(TrunkError, match=r"has no address \(IPv4\)"):
        await made(Dns(zone)).targets("carrier.example", 0, "tls")


async def test_a_service_that_is_not_offered_is_an_error_and_not_the_address() -> None:
    zone: Zone = {
        ("_sip._udp.x.example", "SRV"): (Srv(0, 0, 0, ""),), ("x.example", "A"): ("192.0.2.1",)
    }  # fmt: skip
    with pytest.raises(TrunkError, match="offers no SIP service"):
        await made(Dns(zone)).targets("x.example", 0, "udp")


async def test_ipv6_asks_for_aaaa() -> None:
    zone: Zone = {("six.example", "AAAA"): ("2001:db8::5",)}
    assert await made(Dns(zone), ipv6=True).targets("six.example", 5060) == [Addr("2001:db8::5", 5060)]
    with pytest.raises(TrunkError, match="IPv4"):
        await made(Dns(zone)).targets("six.example", 5060)


async def test_answers_are_believed_for_their_ttl_and_asked_once_by_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr(Resolver, "_now", staticmethod(lambda: now))
    dns = Dns(FULL, life=30.0)
    dns.delay_s = 0.01
    found = made(dns)
    await asyncio.gather(*(found.targets("carrier.example", 5060) for _ in range(50)))
    assert len(dns.asked) == 1
    now = 29.0
    await found.targets("carrier.example", 5060)
    assert len(dns.asked) == 1
    dns.zone = {("carrier.example", "A"): ("192.0.2.77",)}
    now = 31.0
    assert (await found.targets("carrier.example", 5060))[0].host == "192.0.2.77"
    assert len(dns.asked) == 2


async def test_no_such_host_is_believed_shortly(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(Resolver, "_now", staticmethod(lambda: now))
    dns = Dns({}, life=3600.0)
    found = made(dns)
    for at, asked in ((0.0, 1), (14.0, 1), (16.0, 2)):
        now = at
        with pytest.raises(TrunkError, match=r"has no address \(IPv4\)"):
            await found.targets("gone.example", 5060)
        assert len(dns.asked) == asked


async def test_a_dead_dns_leaves_the_last_answer_in_use(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = 0.0
    monkeypatch.setattr(Resolver, "_now", staticmethod(lambda: now))
    dns = Dns(FULL, life=30.0)
    found = made(dns)
    await found.targets("carrier.example", 5060)
    dns.fails = {"A"}
    now = 40.0
    assert (await found.targets("carrier.example", 5060))[0].host == "192.0.2.9"
    assert "the last answer is used on" in caplog.text
    asked = len(dns.asked)
    await found.targets("carrier.example", 5060)
    assert len(dns.asked) == asked, "not asked again at once"
    now = 40.0 + module._STALE_S + 60
    with pytest.raises(TrunkError, match="DNS is down"):
        await found.targets("carrier.example", 5060)


async def test_a_name_server_that_knows_no_naptr_is_worked_around() -> None:
    dns = Dns(FULL)
    dns.fails = {"NAPTR"}
    found = await made(dns).targets("carrier.example")
    assert [t.transport for t in found][:2] == ["udp", "tcp"]


async def test_a_silent_dns_ends_in_time() -> None:
    dns = Dns(FULL)
    dns.delay_s = 5.0
    found = made(dns, timeout_s=0.05)
    with pytest.raises(TrunkError, match=r"within 0\.05 s"):
        await found.targets("carrier.example", 5060)
    found.close()


async def test_the_hosts_file_comes_before_dns(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("# 192.0.2.1 pbx\n192.0.2.50  PBX pbx.local # the exchange\n2001:db8::5 pbx\n")
    dns = Dns({("pbx", "A"): ("192.0.2.99",)})
    assert [t.host for t in await made(dns, hosts=hosts).targets("pbx", 5060)] == ["192.0.2.50"]
    assert [t.host for t in await made(dns, hosts=hosts, ipv6=True).targets("pbx", 5060)] == ["2001:db8::5"]
    named = made(dns, hosts=hosts, nameservers=("192.0.2.53",))
    assert [t.host for t in await named.targets("pbx", 5060)] == ["192.0.2.99"]
    assert [t.host for t in await made(dns).targets("localhost", 5060)] == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("192.0.2.53", ("192.0.2.53", 53)),
        ("192.0.2.53:5353", ("192.0.2.53", 5353)),
        ("2001:db8::53", ("2001:db8::53", 53)),
        ("[2001:db8::53]:5353", ("2001:db8::53", 5353)),
    ],
)
def test_name_servers_are_written_as_address_or_with_a_port(text: str, wanted: tuple[str, int]) -> None:
    assert split_address(text, 53) == wanted


@pytest.mark.parametrize(
    "text", ["dns.example", "192.0.2.53:0", "192.0.2.53:x", "192.0.2.53:70000", "", "[::1"]
)
def test_other_name_servers_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="address:port"):
        split_address(text, 53)
