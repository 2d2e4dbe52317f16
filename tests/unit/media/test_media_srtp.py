from __future__ import annotations

import os

import plain_srtp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.media.rtp import pack_header
from dialer.media.srtp import MAX_SOURCES, SrtpContext, check_keys
from dialer.ports import Srtp, SrtpKeys

A, B, C = bytes(range(30)), bytes(range(100, 130)), bytes(range(200, 230))
SUITE = Srtp.AES_CM_128_HMAC_SHA1_80
TAG = {Srtp.AES_CM_128_HMAC_SHA1_80: 10, Srtp.AES_CM_128_HMAC_SHA1_32: 4}
RTCP = bytes.fromhex("80c90001cafebabe81ca0004cafebabe01086162636465666768000000")[:28]


def pair(suite: Srtp = SUITE) -> tuple[SrtpContext, SrtpContext]:
    return SrtpContext(SrtpKeys(suite, A, B)), SrtpContext(SrtpKeys(suite, B, A))


def rtp_packet(sequence: int, ssrc: int = 0xCAFEBABE, payload: bytes = b"\xd5" * 160) -> bytes:
    head = bytearray(12)
    pack_header(head, 0, 0x80, 8, sequence & 0xFFFF, sequence * 160 & 0xFFFFFFFF, ssrc)
    return bytes(head) + payload


class TestAgainstASecondImplementation:
    def test_its_own_aes_is_that_of_fips_197(self) -> None:
        key, block = bytes(range(16)), bytes.fromhex("00112233445566778899aabbccddeeff")
        assert plain_srtp.aes(key, block).hex() == "69c4e0d86a7b0430d8cdb78070b4c55a"

    def test_its_own_keys_are_those_of_rfc_3711_b3(self) -> None:
        master = bytes.fromhex("E1F97A0D3E018BE0D64FA32C06DE4139" + "0EC675AD498AFEEBB6960B3AABE6")
        assert plain_srtp.derive(master, 0, 16).hex().upper() == "C61E7A93744F39EE10734AFE3FF7A087"
        assert plain_srtp.derive(master, 2, 14).hex().upper() == "30CBBC08863D8C85D49DB34A9AE1"
        assert (
            plain_srtp.derive(master, 1, 32).hex().upper()
            == "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA48F0A0ACF3C34E2359E6CDBCE"
        )

    @pytest.mark.parametrize("suite", list(Srtp))
    def test_we_send_what_it_sends(self, suite: Srtp) -> None:
        ours, _ = pair(suite)
        for sequence in (3, 4, 6):
            packet = rtp_packet(sequence)
            assert ours.protect(packet) == plain_srtp.protect(A, packet, 0, TAG[suite])

    @pytest.mark.parametrize("suite", list(Srtp))
    def test_we_take_what_it_sends(self, suite: Srtp) -> None:
        _, ours = pair(suite)
        packet = rtp_packet(9)
        assert ours.unprotect(plain_srtp.protect(A, packet, 0, TAG[suite])) == packet

    @pytest.mark.parametrize("suite", list(Srtp))
    def test_rtcp_both_ways_with_a_tag_of_80_bits_in_both_suites(self, suite: Srtp) -> None:
        ours, theirs = pair(suite)
        assert ours.protect_rtcp(RTCP) == plain_srtp.protect_rtcp(A, RTCP, 1)
        assert theirs.unprotect_rtcp(plain_srtp.protect_rtcp(A, RTCP, 7)) == RTCP


class TestOneStream:
    def test_nothing_of_the_audio_is_to_be_seen_on_the_wire(self) -> None:
        ours, theirs = pair()
        packet = rtp_packet(1)
        wire = ours.protect(packet)
        assert wire is not None
        assert len(wire) == len(packet) + 10
        assert wire[12:172].count(b"\xd5") < 20
        assert theirs.unprotect(wire) == packet

    def test_goes_on_past_65536_packets_and_past_a_loss_at_the_turn(self) -> None:
        ours, theirs = pair()
        for number in range(30_000, 30_000 + 70_000):
            packet = rtp_packet(number, payload=b"\x00" * 8)
            wire = ours.protect(packet)
            assert wire is not None
            if number not in (65_535, 65_536):
                assert theirs.unprotect(wire) == packet
        packet = rtp_packet(100_000)
        assert ours.protect(packet) == plain_srtp.protect(A, packet, 1, 10)

    def test_a_packet_that_comes_twice_is_counted_and_dropped(self) -> None:
        ours, theirs = pair()
        wire = ours.protect(rtp_packet(1)) or b""
        assert theirs.unprotect(wire) is not None
        assert theirs.unprotect(wire) is None
        assert (theirs.replayed, theirs.rejected) == (1, 0)

    def test_reordered_packets_are_taken(self) -> None:
        ours, theirs = pair()
        wires = [ours.protect(rtp_packet(n)) or b"" for n in range(100)]
        assert all(theirs.unprotect(wire) for wire in reversed(wires))

    def test_forged_and_plain_packets_are_counted_and_dropped(self) -> None:
        ours, theirs = pair()
        wire = bytearray(ours.protect(rtp_packet(1)) or b"")
        wire[20] ^= 1
        assert theirs.unprotect(bytes(wire)) is None
        assert theirs.unprotect(rtp_packet(2)) is None
        assert theirs.unprotect_rtcp(RTCP) is None
        assert (theirs.replayed, theirs.rejected) == (0, 3)

    def test_a_new_ssrc_is_another_stream_under_the_same_key(self) -> None:
        ours, theirs = pair()
        for ssrc in (1, 2, 1):
            packet = rtp_packet(ssrc + theirs.replayed + len(theirs._sources) * 10, ssrc)
            assert theirs.unprotect(ours.protect(packet) or b"") == packet

    def test_replay_is_refused_across_a_change_of_ssrc(self) -> None:
        ours, theirs = pair()
        old = ours.protect(rtp_packet(1, 1)) or b""
        assert theirs.unprotect(old)
        assert theirs.unprotect(ours.protect(rtp_packet(1, 2)) or b"")
        assert theirs.unprotect(old) is None

    def test_sources_without_end_are_bounded(self) -> None:
        ours, theirs = pair()
        taken = [
            theirs.unprotect(ours.protect(rtp_packet(1, ssrc)) or b"") for ssrc in range(3 * MAX_SOURCES)
        ]
        assert sum(packet is not None for packet in taken) == MAX_SOURCES
        packet = rtp_packet(2, 5)
        assert theirs.unprotect(ours.protect(packet) or b"") == packet, "those known go on"

    def test_what_cannot_be_protected_does_not_leave(self) -> None:
        ours, _ = pair()
        assert ours.protect(b"") is None
        assert ours.protect(bytes(4000)) is None
        assert ours.protect_rtcp(b"\x80") is None
        assert ours.unsent == 3

    @given(st.binary(max_size=2048))
    def test_no_datagram_raises_or_passes(self, data: bytes) -> None:
        _, theirs = pair()
        assert theirs.unprotect(data) is None
        assert theirs.unprotect_rtcp(data) is None
        assert theirs.rejected == 2

    @given(st.binary(max_size=40), st.integers(0, 255), st.integers(0, 255))
    def test_no_header_raises_or_passes(self, rest: bytes, first: int, second: int) -> None:
        _, theirs = pair()
        for data in (bytes((first, second)) + rest, bytes((first, second)) + bytes(10) + rest):
            assert theirs.unprotect(data) is None
            assert theirs.unprotect_rtcp(data) is None


class TestNewKeys:
    def test_the_old_key_ends(self) -> None:
        ours, theirs = pair()
        theirs.unprotect(ours.protect(rtp_packet(1)) or b"")
        old = ours.protect(rtp_packet(2)) or b""
        ours.rekey(SrtpKeys(SUITE, C, B))
        theirs.rekey(SrtpKeys(SUITE, B, C))
        packet = rtp_packet(3)
        assert theirs.unprotect(ours.protect(packet) or b"") == packet
        assert theirs.unprotect(old) is None

    def test_packets_that_were_on_their_way_still_count(self) -> None:
        ours, theirs = pair()
        theirs.unprotect(ours.protect(rtp_packet(1)) or b"")
        theirs.rekey(SrtpKeys(SUITE, B, C))
        packet = rtp_packet(2)
        assert theirs.unprotect(ours.protect(packet) or b"") == packet
        assert theirs.rejected == 0

    def test_but_not_for_ever(self) -> None:
        ours, theirs = pair()
        theirs.rekey(SrtpKeys(SUITE, B, C))
        taken = [theirs.unprotect(ours.protect(rtp_packet(n)) or b"") for n in range(1, 400)]
        assert taken[200] is not None
        assert taken[300] is None

    def test_a_direction_whose_key_stays_does_not_begin_anew(self) -> None:
        """The rollover counter would be lost, and the key stream repeated."""
        ours, theirs = pair()
        wire = b""
        for number in range(65_000, 66_000):
            wire = ours.protect(rtp_packet(number)) or b""
            theirs.unprotect(wire)
        ours.rekey(SrtpKeys(SUITE, A, C))
        theirs.rekey(SrtpKeys(SUITE, C, A))
        packet = rtp_packet(66_000)
        assert ours.protect(packet) == plain_srtp.protect(A, packet, 1, 10)
        assert theirs.unprotect(wire) is None
        assert theirs.replayed == 1

    def test_another_suite_counts_as_new_keys(self) -> None:
        ours, theirs = pair()
        ours.rekey(SrtpKeys(Srtp.AES_CM_128_HMAC_SHA1_32, A, B))
        theirs.rekey(SrtpKeys(Srtp.AES_CM_128_HMAC_SHA1_32, B, A))
        packet = rtp_packet(1)
        wire = ours.protect(packet) or b""
        assert len(wire) == len(packet) + 4
        assert theirs.unprotect(wire) == packet


def test_keys_are_checked_without_being_shown() -> None:
    assert check_keys(SrtpKeys(SUITE, A, B)) == ""
    assert "30 bytes" in check_keys(SrtpKeys(SUITE, A[:-1], B))
    assert "30 bytes" in check_keys(SrtpKeys(SUITE, A, B + b"x"))
    assert "same" in check_keys(SrtpKeys(SUITE, A, A))
    secret = os.urandom(30)
    assert secret.hex() not in repr(SrtpKeys(SUITE, secret, A)) + check_keys(SrtpKeys(SUITE, secret, secret))
