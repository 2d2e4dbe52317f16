from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media_peer import frames_of, silence, vowel

from dialer.media.g711 import encode
from dialer.media.vad import (
    Audio,
    Endpointer,
    Finished,
    Found,
    Started,
    level_dbov,
    look_at_all,
    new_detector,
)
from dialer.ports import ListenSpec


class ByLevel:
    """A detector that the test can foresee: any sound is speech."""

    def __call__(self, sample_rate: int, buf: bytes, samples: int) -> bool:
        return bool(np.abs(np.frombuffer(buf, dtype=np.int16)).max() > 100)


def listen(
    pcm: np.ndarray, spec: ListenSpec | None = None, start: int = 0, floor: float = -50.0
) -> list[Found]:
    pointer = Endpointer(spec or ListenSpec(), "PCMA", floor, 0.2, ByLevel())
    found: list[Found] = []
    for number, frame in enumerate(frames_of(pcm)):
        found += pointer.feed(start + number * 160, frame)
    return found


def of(found: list[Found], kind: type) -> list[Found]:
    return [item for item in found if isinstance(item, kind)]


def test_one_utterance_with_pre_roll_and_exact_ends() -> None:
    pcm = np.concatenate([silence(0.5), vowel(0.4), silence(1.0)])
    found = listen(pcm, start=80000)
    assert found[0] == Started(80000 + 4000)
    finished = found[-1]
    assert isinstance(finished, Finished)
    assert (finished.start, finished.end) == (84000, 87200)
    mean = float((vowel(0.4).astype(float) ** 2).mean())
    assert finished.level_dbov == pytest.approx(level_dbov(mean), abs=0.5)
    audio = b"".join(a.pcm for a in of(found, Audio))
    assert len(audio) == 2 * int(8000 * (0.2 + 0.4 + 0.7))
    assert np.abs(np.frombuffer(audio[:3200], dtype=np.int16)).max() <= 8, "200 ms from before it"


def test_a_listener_named_twice_is_looked_at_once() -> None:
    """Two packets that came together each say that there is enough to look at."""
    pointer, found = Endpointer(ListenSpec(), "PCMA", -50.0, 0.2, ByLevel()), []
    for number, frame in enumerate(frames_of(np.concatenate([vowel(0.4), silence(1.0)]))):
        pointer.hold(number * 160, frame)
        if number % 4 == 3:
            once, again = look_at_all([pointer, pointer])
            assert not again
            found += once
    expected = listen(np.concatenate([vowel(0.4), silence(1.0)]))
    for kind in (Started, Finished):
        assert of(found, kind) == of(expected, kind)
    joined, whole = (b"".join(a.pcm for a in of(one, Audio)) for one in (found, expected))
    assert joined == whole


def test_a_cough_shorter_than_min_speech_is_nothing() -> None:
    assert listen(np.concatenate([silence(0.3), vowel(0.1), silence(1.0)])) == []
    assert listen(np.concatenate([silence(0.3), vowel(0.12), silence(1.0)])) != []


def test_a_pause_within_end_silence_belongs_to_the_utterance() -> None:
    pcm = np.concatenate([vowel(0.3), silence(0.6), vowel(0.3), silence(0.8), vowel(0.3), silence(0.8)])
    ends = of(listen(pcm), Finished)
    assert [(e.start, e.end) for e in ends] == [(0, 9600), (16000, 18400)]


def test_max_speech_cuts() -> None:
    found = listen(vowel(3.0), ListenSpec(max_speech_s=1.0))
    assert [(e.start, e.end) for e in of(found, Finished)][:2] == [(0, 8000), (8000, 16000)]


def test_quiet_sound_is_under_the_floor() -> None:
    pcm = np.concatenate([vowel(0.5, 600), silence(0.8)])
    assert listen(pcm) != []
    assert listen(pcm, floor=-30.0) == []


def test_a_lost_packet_in_a_word_is_concealed_and_a_pause_is_not() -> None:
    frames = frames_of(vowel(0.6))
    for lost in (True, False):
        pointer = Endpointer(ListenSpec(min_speech_s=0.06), "PCMA", -50.0, 0.0, ByLevel())
        found: list[Found] = []
        for number, frame in enumerate(frames):
            if number != 15:
                found += pointer.feed(number * 160, frame, lost and number == 16)
        found += pointer.feed(len(frames) * 160, frames_of(silence(1.0))[0] * 50)
        pcm = np.frombuffer(b"".join(audio.pcm for audio in of(found, Audio)), dtype=np.int16)
        hole = np.abs(pcm[15 * 160 : 16 * 160].astype(int))
        assert bool(hole.max() > 3000) is lost
        assert len(of(found, Finished)) == 1


def test_lost_packets_are_silence_and_positions_stay_true() -> None:
    pointer = Endpointer(ListenSpec(end_silence_s=0.3), "PCMA", -50.0, 0.0, ByLevel())
    law = encode(vowel(0.3), "PCMA")
    found = pointer.feed(1000, law)
    assert found[0] == Started(1000)
    assert not pointer.idle(1000 + 2400 + 100)
    found = pointer.feed(1000 + 2400 + 1600, law)
    found += pointer.idle(1000 + 2400 + 1600 + 2400 + 2400)
    assert found[-1].end == 1000 + 6400


def test_packets_of_any_length_and_overlaps_give_the_same() -> None:
    pcm = np.concatenate([silence(0.3), vowel(0.5), silence(0.9)])
    law = encode(pcm, "PCMA")
    pointer = Endpointer(ListenSpec(), "PCMA", -50.0, 0.2, ByLevel())
    found: list[Found] = []
    for at in range(0, len(law), 240):
        found += pointer.feed(at, law[at : at + 300])
    assert found == listen(pcm)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(-2000, 12000), st.binary(min_size=1, max_size=400)), max_size=40))
def test_any_packets_give_started_audio_finished_in_turn(packets: list[tuple[int, bytes]]) -> None:
    pointer = Endpointer(ListenSpec(end_silence_s=0.1, min_speech_s=0.02), "PCMU", -50.0, 0.1, ByLevel())
    position, speaking = 0, False
    for step, payload in packets:
        position += step
        for item in pointer.feed(position, payload):
            assert isinstance(item, Started) != speaking
            speaking = not isinstance(item, Finished)


def test_the_real_detector_tells_a_vowel_from_silence_and_noise() -> None:
    noise = np.random.default_rng(1).normal(0, 30, 8000).astype(np.int16)
    pcm = np.concatenate([noise, vowel(0.6), noise])
    pointer = Endpointer(ListenSpec(end_silence_s=0.4), "PCMA", -50.0, 0.2, new_detector(2))
    found: list[Found] = []
    for number, frame in enumerate(frames_of(pcm)):
        found += pointer.feed(number * 160, frame)
    (started,), (finished,) = of(found, Started), of(found, Finished)
    assert started.start == pytest.approx(8000, abs=320)
    assert finished.end == pytest.approx(12800, abs=1600)
