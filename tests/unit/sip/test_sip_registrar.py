"""Agents' phones register with us; our trunks register with a carrier. Both ends are ours here."""

from __future__ import annotations

import pytest
from sip_fakes import B_ADDR, Net, Peer, codes, events

from dialer.sip.address import parse_uri
from dialer.sip.config import RegistrarConfig
from dialer.sip.digest import Credentials
from dialer.sip.registration import RegisterSpec
from dialer.sip.signals import Registered, RegistrationFailed

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
