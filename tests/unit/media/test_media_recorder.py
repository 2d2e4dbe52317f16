from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dialer.media.recorder import HEADER_SIZE, Recorder, wav_header

SILENT = 0xD5


def test_header_layout() -> None:
    live = wav_header("PCMA", None)
    assert len(live) == HEADER_SIZE == 58
    assert live[:4] + live[8:16] + live[38:42] + live[50:54] == b"RIFFWAVEfmt factdata"
    assert live[4:8] == live[46:50] == live[54:58] == b"\xff" * 4
    closed = wav_header("PCMU", 1000)
    assert int.from_bytes(closed[4:8], "little") == 2050
    assert int.from_bytes(closed[46:50], "little") == 1000
    assert int.from_bytes(closed[54:58], "little") == 2000
    assert closed[20:22] == b"\x07\x00"
    assert live[20:22] == b"\x06\x00"


def put(recorder: Recorder, channel: int, position: int, payload: bytes) -> bool:
    return (recorder.heard if channel else recorder.sent).put(position, payload)


def run(recorder: Recorder, puts: list[tuple[int, int, bytes]], end: int) -> bytes:
    out = b""
    for channel, position, payload in puts:
        if recorder.due(position):
            out += recorder.advance(position)
        put(recorder, channel, position, payload)
    return out + recorder.finish(end)


def test_both_channels_at_their_places_and_silence_elsewhere() -> None:
    recorder = Recorder("PCMA", 5000, 1.0)
    out = run(recorder, [(0, 5000, b"a" * 160), (1, 5100, b"b" * 160), (0, 5160, b"c" * 160)], 5480)
    assert len(out) == 960
    assert out[0::2] == b"a" * 160 + b"c" * 160 + b"\xd5" * 160
    assert out[1::2] == b"\xd5" * 100 + b"b" * 160 + b"\xd5" * 220
    assert recorder.samples == 480


def test_a_packet_400_ms_late_still_finds_its_place_and_an_older_one_not() -> None:
    recorder = Recorder("PCMA", 0, 1.0)
    out = recorder.advance(11199)
    assert recorder.heard.put(7900, b"x" * 160)
    out += recorder.advance(11300)
    assert len(out) == 16000
    assert out[1::2][7900:] == b"x" * 100
    assert not recorder.heard.put(7000, b"y" * 160)
    assert not recorder.heard.put(7990, b"z" * 20), "half of it came too late"
    out += recorder.finish(8100)
    assert out[1::2][8000:8010] == b"z" * 10
    assert out[1::2].count(b"y") == 0


def test_audio_from_before_the_start_is_cut() -> None:
    recorder = Recorder("PCMA", 1000, 1.0)
    recorder.heard.put(900, b"x" * 160)
    assert recorder.finish(1100)[1::2] == b"x" * 60 + b"\xd5" * 40


def test_a_stall_of_seconds_stays_on_the_timeline() -> None:
    recorder = Recorder("PCMA", 0, 1.0)
    recorder.sent.put(0, b"a" * 160)
    recorder.sent.put(50000, b"b" * 160)
    out = recorder.advance(50160) + recorder.finish(50160)
    assert len(out) == 2 * 50160
    assert out[0::2][:160] == b"a" * 160
    assert out[0::2][50000:] == b"b" * 160
    assert out[0::2][160:50000] == b"\xd5" * 49840


@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(-1500, 300), st.integers(1, 400), st.integers(1, 200)),
        max_size=200,
    ),
    st.sampled_from([0.2, 1.0]),
)
def test_equals_a_plain_model(puts: list[tuple[int, int, int, int]], flush_s: float) -> None:
    """The ring gives what writing into one long array would."""
    start = 777
    recorder = Recorder("PCMA", start, flush_s)
    now, out = start, b""
    model = [bytearray([SILENT]) * 60000, bytearray([SILENT]) * 60000]
    for channel, shift, length, value in puts:
        now += 160
        out += recorder.advance(now)
        payload = bytes([value]) * length
        put(recorder, channel, now + shift, payload)
        at = now + shift - start
        cut = max(0, -at)
        if cut < length:
            model[channel][at + cut : at + length] = payload[cut:]
    out += recorder.finish(now)
    length = now - start
    assert out[0::2] == bytes(model[0][:length])
    assert out[1::2] == bytes(model[1][:length])
