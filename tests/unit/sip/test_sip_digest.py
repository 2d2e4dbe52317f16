"""Digest as client and as server, against the RFCs' own examples."""

from __future__ import annotations

import hashlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.errors import DigestError
from dialer.sip.digest import (
    Challenge,
    Check,
    Credentials,
    DigestClient,
    DigestServer,
    NonceMemory,
    choose,
    parse_challenges,
    parse_parameters,
    response_value,
)

MUFASA = Credentials("Mufasa", "Circle of Life")


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_rfc_7616(algorithm: str, expected: str) -> None:
    challenge = Challenge(
        "http-auth@example.org", "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", algorithm, ("auth",)
    )
    credentials = Credentials("Mufasa", "Circle of Life")
    value = response_value(
        challenge, credentials, "GET", "/dir/index.html",
        "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", "00000001", "auth",
    )  # fmt: skip
    assert value == expected


def test_without_qop_as_in_rfc_2069() -> None:
    challenge = Challenge("testrealm@host.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093")
    value = response_value(
        challenge, Credentials("Mufasa", "CircleOfLife"), "GET", "/dir/index.html", "", "", ""
    )
    assert value == "1949323746fe6a43ef61f9606e7febea"


def test_several_challenges_share_a_line_and_the_strongest_known_is_taken() -> None:
    line = (
        'Digest realm="a, b", nonce="1", algorithm=MD5, qop="auth,auth-int", '
        'Digest realm="a, b", nonce="2", algorithm=SHA-256, qop="auth", opaque="o", stale=TRUE, '
        'Digest realm="a, b", nonce="3", algorithm=SHA-3, Basic realm="z"'
    )
    challenges = parse_challenges([line, 'Digest realm="c", nonce="4"'])
    assert [c.nonce for c in challenges] == ["1", "2", "3", "4"]
    best = choose(challenges)
    assert (best.nonce, best.algorithm, best.opaque, best.stale) == ("2", "SHA-256", "o", True)
    assert choose(challenges, realm="c").nonce == "4"


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ([], "no Digest challenge"),
        (['Basic realm="x"'], "no Digest challenge"),
        (['Digest realm="r", nonce="n", algorithm=SHA-3'], "unknown digest algorithm SHA-3: .*SHA-256, MD5"),
        (['Digest realm="r", nonce="n", qop="auth-conf"'], "neither auth nor auth-int"),
        (['Digest realm="r"'], "realm and nonce"),
        (["nonsense"], "scheme"),
    ],
)
def test_challenges_that_cannot_be_answered(headers: list[str], says: str) -> None:
    with pytest.raises(DigestError, match=says):
        DigestClient(MUFASA, random.Random(1)).accept(401, headers)


def test_the_configured_realm_is_the_only_one_answered() -> None:
    client = DigestClient(Credentials("u", "p", realm="carrier"), random.Random(1))
    with pytest.raises(DigestError, match="another realm"):
        client.accept(407, ['Digest realm="evil", nonce="n"'])


def test_uses_of_a_nonce_are_counted_and_the_header_fits_the_code() -> None:
    client = DigestClient(MUFASA, random.Random(1))
    client.accept(407, ['Digest realm="r", nonce="n", qop="auth", opaque="op"'])
    name, first = client.authorise("INVITE", "sip:1@h")
    _, second = client.authorise("INVITE", "sip:1@h")
    assert name == "Proxy-Authorization"
    assert parse_parameters(first)[1]["nc"] == "00000001"
    assert parse_parameters(second)[1]["nc"] == "00000002"
    assert parse_parameters(first)[1]["opaque"] == "op"
    assert parse_parameters(first)[1]["cnonce"] != parse_parameters(second)[1]["cnonce"]


def test_a_second_challenge_is_the_end_unless_it_says_stale() -> None:
    client = DigestClient(MUFASA, random.Random(1))
    client.accept(401, ['Digest realm="r", nonce="1"'])
    client.accept(401, ['Digest realm="r", nonce="2", stale=true'])
    with pytest.raises(DigestError, match="check user name and password"):
        client.accept(401, ['Digest realm="r", nonce="3", stale=true'])


def test_the_password_is_not_in_the_repr() -> None:
    assert "Circle" not in repr(MUFASA)


def ask(server: DigestServer, credentials: Credentials, now: float, method: str = "REGISTER") -> str:
    client = DigestClient(credentials, random.Random(2))
    client.accept(401, server.challenges(now))
    return client.authorise(method, "sip:dialer")[1]


USERS = {"1001": "secret"}
GOOD = Credentials("1001", "secret")


def test_the_server_takes_the_right_password_once_per_count() -> None:
    server = DigestServer("dialer", random.Random(1))
    header = ask(server, GOOD, 10.0)
    assert "SHA-256" in header
    assert server.check(header, "REGISTER", USERS, 11.0) == (Check.OK, "1001")
    assert server.check(header, "REGISTER", USERS, 12.0)[0] is Check.STALE, "a replay"


@pytest.mark.parametrize(
    ("credentials", "method"),
    [
        (Credentials("1001", "guess"), "REGISTER"),
        (Credentials("1002", "secret"), "REGISTER"),
        (Credentials("1001", "secret"), "INVITE"),
    ],
)
def test_the_server_refuses(credentials: Credentials, method: str) -> None:
    server = DigestServer("dialer", random.Random(1))
    assert server.check(ask(server, credentials, 10.0, method), "REGISTER", USERS, 11.0) == (
        Check.REFUSED,
        "",
    )


def test_an_old_nonce_is_stale_and_a_foreign_one_refused() -> None:
    server = DigestServer("dialer", random.Random(1), nonce_life_s=60)
    assert server.check(ask(server, GOOD, 10.0), "REGISTER", USERS, 71.0)[0] is Check.STALE
    other = DigestServer("dialer", random.Random(99))
    assert server.check(ask(other, GOOD, 10.0), "REGISTER", USERS, 11.0)[0] is Check.REFUSED


@given(st.text(max_size=80) | st.builds("Digest {}".format, st.text(max_size=80)))
def test_any_header_is_refused_and_never_raises(header: str) -> None:
    server = DigestServer("dialer", random.Random(1))
    assert server.check(header, "REGISTER", USERS, 1.0)[0] is Check.REFUSED


def test_hostile_quoting_costs_linear_time() -> None:
    hostile = "Digest " + ",".join(['a="b"'] * 5000) + ',"'
    with pytest.raises(DigestError):
        parse_challenges([hostile])


def test_sha_512_256_is_that_of_fips_180_4() -> None:
    """Not SHA-512 cut to 256 bits, which starts from other values (RFC 7616 3.9.2 got that wrong)."""
    known = "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"
    assert hashlib.new("sha512_256", b"abc").hexdigest() == known

    def hashed(text: str) -> str:
        return hashlib.new("sha512_256", text.encode()).hexdigest()

    challenge = Challenge("r", "n", "SHA-512-256", ("auth",))
    value = response_value(challenge, Credentials("u", "p"), "INVITE", "sip:1@x", "c", "00000001", "auth")
    assert value == hashed(f"{hashed('u:r:p')}:n:00000001:c:auth:{hashed('INVITE:sip:1@x')}")


def test_the_strongest_of_three_and_auth_before_auth_int() -> None:
    names = ["MD5", "SHA-512-256", "SHA-256"]
    headers = [f'Digest realm="r", nonce="{name}", algorithm={name}, qop="auth-int,auth"' for name in names]
    client = DigestClient(MUFASA, random.Random(1))
    client.accept(401, headers)
    _, value = client.authorise("INVITE", "sip:1@x", b"body")
    assert 'nonce="SHA-512-256"' in value
    assert "qop=auth," in value


def test_auth_int_covers_the_body() -> None:
    challenge = Challenge("r", "n", "MD5", ("auth-int",))
    values = {
        response_value(challenge, MUFASA, "INVITE", "sip:1@x", "c", "00000001", "auth-int", body)
        for body in (b"", b"v=0", b"v=1")
    }
    assert len(values) == 3
    client = DigestClient(MUFASA, random.Random(1))
    client.accept(407, ['Digest realm="r", nonce="n", qop="auth-int"'])
    name, value = client.authorise("INVITE", "sip:1@x", b"v=0")
    assert (name, "qop=auth-int" in value) == ("Proxy-Authorization", True)


ASKED = ['Digest realm="r", nonce="n1", qop="auth"']
NEXT = ['Digest realm="r", nonce="n2", qop="auth"']
STALE = ['Digest realm="r", nonce="n3", qop="auth", stale=true']


def test_one_challenge_serves_every_call_of_a_trunk_and_the_count_goes_up() -> None:
    memory = NonceMemory()
    first, second = (DigestClient(MUFASA, random.Random(i), memory) for i in (1, 2))
    assert not second.ready
    first.accept(401, ASKED)
    counts = []
    for client in (first, second, first, second):
        _, value = client.authorise("INVITE", "sip:1@x")
        assert 'nonce="n1"' in value
        counts.append(value.partition("nc=")[2][:8])
    assert counts == ["00000001", "00000002", "00000003", "00000004"]


def test_an_old_nonce_is_replaced_and_stale_counts_once() -> None:
    memory = NonceMemory()
    DigestClient(MUFASA, random.Random(1), memory).accept(401, ASKED)
    client = DigestClient(MUFASA, random.Random(2), memory)
    client.authorise("INVITE", "sip:1@x")
    client.accept(401, NEXT)
    assert 'nonce="n2"' in client.authorise("INVITE", "sip:1@x")[1]
    client.accept(401, STALE)
    assert 'nonce="n3"' in client.authorise("INVITE", "sip:1@x")[1]
    with pytest.raises(DigestError, match="refused"):
        client.accept(401, STALE)
    assert not memory.known, "the next call starts without it"


def test_a_registrars_401_and_a_proxys_407_are_kept_beside_each_other() -> None:
    memory = NonceMemory()
    registration, call = (DigestClient(MUFASA, random.Random(i), memory) for i in (1, 2))
    registration.accept(401, ASKED, "REGISTER")
    assert call.authorise("INVITE", "sip:1@x")[0] == "Authorization", "maybe it is the same server"
    call.accept(407, NEXT)
    for _ in range(2):
        name, value = registration.authorise("REGISTER", "sip:x")
        assert (name, 'nonce="n1"' in value) == ("Authorization", True)
        name, value = call.authorise("INVITE", "sip:1@x")
        assert (name, 'nonce="n2"' in value) == ("Proxy-Authorization", True)
