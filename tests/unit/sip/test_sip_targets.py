"""Which server is asked first: NAPTR order, SRV priority and weight."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from dialer.sip.targets import Naptr, Service, Srv, in_order, services_by_name, services_by_naptr

SRV = st.builds(
    Srv, st.integers(0, 3), st.integers(0, 100), st.integers(1, 65535), st.sampled_from(["a", "b", "c", "d"])
)


@given(st.lists(SRV, max_size=12), st.integers())
def test_every_record_stands_once_and_lower_priorities_first(records: list[Srv], seed: int) -> None:
    found = in_order(records, random.Random(seed))
    assert Counter(found) == Counter(records)
    assert [r.priority for r in found] == sorted(r.priority for r in records)


@given(st.lists(SRV, max_size=12), st.integers(), st.randoms())
def test_the_same_randomness_gives_the_same_order_of_the_same_records(
    records: list[Srv], seed: int, shuffler: random.Random
) -> None:
    """However the DNS server shuffles its answer."""
    shuffled = list(records)
    shuffler.shuffle(shuffled)
    weights = {(r.priority, r.weight > 0, r.target) for r in records}
    if len(weights) == len(records):
        assert in_order(records, random.Random(seed)) == in_order(shuffled, random.Random(seed))


def test_the_share_of_first_places_follows_the_weights() -> None:
    records = [
        Srv(1, 60, 5060, "big"),
        Srv(1, 30, 5060, "half"),
        Srv(1, 10, 5060, "small"),
        Srv(0, 0, 1, "z"),
    ]
    chooser = random.Random(4)
    firsts = Counter(in_order(records, chooser)[1].target for _ in range(4000))
    assert 0.57 < firsts["big"] / 4000 < 0.63
    assert 0.27 < firsts["half"] / 4000 < 0.33


def test_weight_0_is_drawn_seldom_beside_others_and_alone_at_once() -> None:
    chooser = random.Random(4)
    records = [Srv(1, 0, 5060, "idle"), Srv(1, 100, 5060, "busy")]
    firsts = Counter(in_order(records, chooser)[0].target for _ in range(4000))
    assert 0 < firsts["idle"] < 200
    assert in_order([Srv(1, 0, 5060, "only")], chooser) == [Srv(1, 0, 5060, "only")]


def test_a_service_that_is_not_offered_has_no_targets() -> None:
    assert in_order([Srv(0, 0, 0, "")], random.Random(1)) == []


def test_the_domain_says_which_transport() -> None:
    records = [
        Naptr(20, 1, "s", "SIP+D2U", "u.example"),
        Naptr(10, 50, "S", "sip+d2t", "t.example"),
        Naptr(10, 10, "s", "SIPS+D2T", "s.example"),
        Naptr(1, 1, "s", "SIP+D2S", "sctp.example"),
        Naptr(1, 1, "u", "E2U+sip", "enum.example"),
        Naptr(1, 1, "s", "SIP+D2U", ""),
    ]
    wanted = [Service("tls", "s.example"), Service("tcp", "t.example"), Service("udp", "u.example")]
    assert services_by_naptr(records) == wanted
    assert services_by_naptr(records, ["tcp"]) == [Service("tcp", "t.example")]
    assert services_by_naptr([]) == []


def test_the_names_to_ask_where_the_domain_says_nothing() -> None:
    assert services_by_name("x.example") == [
        Service("udp", "_sip._udp.x.example"),
        Service("tcp", "_sip._tcp.x.example"),
        Service("tls", "_sips._tcp.x.example"),
    ]
