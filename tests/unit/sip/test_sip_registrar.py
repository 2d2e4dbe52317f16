"""Agents' phones register with us; our trunks register with a carrier. Both ends are ours here."""

from __future__ import annotations

import random

import pytest
from sip_fakes import B_ADDR, Net, Peer, codes, events
from sipmessage import Response

from dialer.sip.address import Addr, parse_uri
from dialer.sip.config import RegistrarConfig, UserAgentConfig
from dialer.sip.digest import Credentials, DigestClient
from dialer.sip.message import PHRASES, parse_message, response_to, to_bytes
from dialer.sip.outgoing import InviteSpec
from dialer.sip.registration import RegisterSpec
from dialer.sip.sdp import make_offer
from dialer.sip.signals import Registered, RegistrationFailed
from dialer.sip.useragent import UserAgent

CONFIG = RegistrarConfig(users={"1001": "secret", "1002": "other"}, min_expires_s=60, max_expires_s=600)


class Office:
    def __init__(self) -> None:
        self.net = Net()
        self.phone = self.net.add(5060)
        self.registrar = self.net.add(5070, registrar=CONFIG)

    def register(
        self, password: str = "secret", expires: int = 300, user: str = "1001", aor: str = ""
    ) -> int:
        spec = RegisterSpec(
            parse_uri("sip:dialer"), parse_uri(f"sip:{aor or user}@dialer"), B_ADDR,
            Credentials(user, password), expires,
        )  # fmt: skip
        number = self.phone.register(spec, self.net.now)
        self.net.deliver()
        return number

    def lookup(self, aor: str) -> str | None:
        return self.registrar.lookup(aor, self.net.now)


CONTACT = "sip:1001@127.0.0.1:5060"


def test_registered_found_refreshed_and_taken_back() -> None:
    office = Office()
    number = office.register()
    assert events(office.phone) == [Registered(number, 300.0)]
    assert office.net.starts() == ["REGISTER", "401", "REGISTER", "200"]
    assert office.lookup("1001") == CONTACT
    assert office.lookup("sip:1001@dialer") == CONTACT
    assert office.lookup("sip:1001@127.0.0.1:5070") == CONTACT
    assert office.lookup("sip:1001@elsewhere") is None
    assert office.lookup("sip:1001@127.0.0.1:9999") is None
    assert office.lookup("1002") is None
    for _ in range(1000):
        office.net.advance(1.0)
        assert office.lookup("1001") == CONTACT, "refreshed in time"
    assert all(isinstance(e, Registered) for e in events(office.phone))
    office.phone.unregister(number, office.net.now)
    office.net.deliver()
    assert office.lookup("1001") is None


def test_a_binding_ends_with_its_time() -> None:
    office = Office()
    office.register()
    office.net.drop = lambda source, peer, data: True
    office.net.now += 301.0
    assert office.lookup("1001") is None


@pytest.mark.parametrize(
    ("options", "code"), [({"password": "guess"}, 401), ({"user": "nobody"}, 401), ({"aor": "1002"}, 403)]
)
def test_strangers_are_refused_and_the_reason_told(options: dict[str, str], code: int) -> None:
    office = Office()
    number = office.register(**options)  # type: ignore[arg-type]
    (failed,) = events(office.phone)
    assert isinstance(failed, RegistrationFailed)
    assert (failed.registration, failed.code) == (number, code)
    assert office.lookup("1001") is None
    assert office.lookup("1002") is None


def test_a_number_in_a_refusals_words_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PHRASES, 405, "Line 138-1234-5678 of 2345678 barred")
    office = Office()
    office.net.add(5070)  # one that takes no registrations
    office.register()
    (failed,) = events(office.phone)
    assert isinstance(failed, RegistrationFailed)
    assert failed.reason == "Line ****5678 of ****5678 barred"


def test_a_too_brief_interval_is_raised_to_the_minimum() -> None:
    office = Office()
    number = office.register(expires=20)
    assert events(office.phone) == [Registered(number, 60.0)]
    assert "423" in office.net.starts()


def test_too_long_is_shortened() -> None:
    office = Office()
    number = office.register(expires=7200)
    assert events(office.phone) == [Registered(number, 600.0)]


def test_a_silent_registrar_is_asked_again_later_and_later() -> None:
    office = Office()
    office.net.drop = lambda source, peer, data: True
    number = office.register()
    office.net.advance(32.1)
    (failed,) = events(office.phone)
    assert isinstance(failed, RegistrationFailed)
    assert (failed.registration, failed.code, failed.reason) == (number, 0, "no response")
    assert 5.0 <= failed.retry_s <= 6.25, "some of it by chance"
    office.net.advance(40.0)
    (failed,) = events(office.phone)
    assert isinstance(failed, RegistrationFailed)
    assert 10.0 <= failed.retry_s <= 12.5
    office.net.drop = lambda source, peer, data: False
    office.net.advance(20.0)
    assert events(office.phone) == [Registered(number, 300.0)]


def test_a_star_needs_expires_zero_and_a_password() -> None:
    office = Office()
    office.register()
    peer = Peer(office.registrar)
    peer.give(peer.request("REGISTER", Contact="*", Expires="0"), office.net.now)
    assert codes(peer.sent()) == ["401"]
    assert office.lookup("1001") == CONTACT


def test_a_phone_behind_a_nat_is_reached_where_its_register_came_from() -> None:
    """RFC 3581: its Contact names an address that nobody else can send to."""
    far = Peer(UserAgent(UserAgentConfig(), random.Random(1), RegistrarConfig(realm="r", users={"u": "pw"})))
    outside = Addr("203.0.113.7", 31000)
    client = DigestClient(Credentials("u", "pw"), random.Random(2))

    def register(contact: str, cseq: int) -> None:
        headers = {"To": "<sip:u@r>", "From": "<sip:u@r>;tag=p", "Contact": contact, "Call_ID": f"reg-{cseq}"}
        for step in range(2):
            request = far.request("REGISTER", cseq=cseq + step, branch=f"z9hG4bKn{cseq + step}", **headers)
            if client.ready:
                name, value = client.authorise("REGISTER", str(request.uri))
                request.headers.set(name, value)
            far.agent.receive_datagram(to_bytes(request), outside, 1.0)
            ((data, peer),) = far.agent.datagrams_to_send()
            answer = parse_message(data)
            assert isinstance(answer, Response)
            assert peer == outside
            if answer.code == 200:
                return
            client.accept(401, list(answer.headers.getlist("WWW-Authenticate")), "REGISTER")
        raise AssertionError("never registered")

    register("<sip:u@192.168.1.20:5062>", 1)
    assert far.agent.lookup("u", 1.0) == "sip:u@192.168.1.20:5062"
    assert far.agent.flow("u", 1.0) == outside
    register("<sip:u@203.0.113.7:5062>", 11)
    assert far.agent.flow("u", 1.0) is None, "its own address: the Contact is right"


def test_a_call_to_a_phone_behind_a_nat_stays_on_the_way_that_works() -> None:
    """ACK and BYE too go where the INVITE went, not to the private Contact."""
    agent = UserAgent(UserAgentConfig(), random.Random(1))
    outside, target = Addr("203.0.113.7", 31000), parse_uri("sip:u@192.168.1.20:5062")
    call = agent.invite(InviteSpec(target, target, outside, make_offer("127.0.0.1", 40000, 1)), 0.0)
    ((data, peer),) = agent.datagrams_to_send()
    assert peer == outside
    answer = response_to(parse_message(data), 200, outside, to_tag="p")  # type: ignore[arg-type]
    answer.headers.set("Contact", "<sip:u@192.168.1.20:5062>")
    answer.body = make_offer("192.168.1.20", 41000, 2).encode()
    agent.receive_datagram(to_bytes(answer), outside, 0.1)
    agent.hang_up(call, "over", 1.0)
    sent = [(parse_message(data), peer) for data, peer in agent.datagrams_to_send()]
    assert [(m.method, str(m.uri), peer) for m, peer in sent] == [  # type: ignore[union-attr]
        ("ACK", "sip:u@192.168.1.20:5062", outside), ("BYE", "sip:u@192.168.1.20:5062", outside),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("contacts", "granted"),
    [
        ("<sip:4008@198.51.100.1:31234>;expires=60", 60.0),
        ("<sip:4008@127.0.0.1>;expires=70", 70.0),
        ("<sip:other@192.0.2.1>;expires=60, <sip:4008@127.0.0.1:5060>;expires=80", 80.0),
        ("<sip:other@192.0.2.1>;expires=60, <sip:third@192.0.2.2>;expires=80", 3600.0),
    ],
)
def test_the_life_that_was_granted_is_read_also_where_our_contact_was_rewritten(
    contacts: str, granted: float
) -> None:
    """Registrars write the address that they see behind a NAT; believing more would lose the registration."""
    agent = UserAgent(UserAgentConfig(), random.Random(3))
    peer = Peer(agent)
    spec = RegisterSpec(
        parse_uri("sip:carrier"), parse_uri("sip:4008@carrier"), B_ADDR, Credentials("u", "p"), 3600
    )
    number = agent.register(spec, 0.0)
    (request,) = peer.sent()
    peer.respond(request, 200, 0.1, Contact=contacts)
    assert events(agent) == [Registered(number, granted)]


def test_a_registrar_at_another_address_is_asked_at_once() -> None:
    agent = UserAgent(UserAgentConfig(), random.Random(3))
    peer = Peer(agent)
    spec = RegisterSpec(
        parse_uri("sip:carrier"), parse_uri("sip:4008@carrier"), B_ADDR, Credentials("u", "p"), 3600
    )
    number = agent.register(spec, 0.0)
    (request,) = peer.sent()
    peer.respond(request, 503, 0.1)
    assert isinstance(events(agent)[-1], RegistrationFailed)
    agent.relocate(number, [B_ADDR], 0.2)
    assert peer.sent() == [], "the same server has its pause"
    other = Addr("127.0.0.9", 5062)
    agent.relocate(number, [other, B_ADDR], 0.3)
    ((_, to),) = agent.datagrams_to_send()
    assert to == other
    agent.relocate(number, [other, B_ADDR], 0.4)
    assert agent.datagrams_to_send() == []
    agent.relocate(999, [other], 0.4)
