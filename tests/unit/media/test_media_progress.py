"""Call progress: tones by their cadence, a person or a machine by the first speech and by tones.

Speech is made of vowels with a pitch that moves and pauses between them: what the rules look at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.errors import ConfigError
from dialer.media.config import MediaConfig, ProgressConfig
from dialer.media.g711 import FRAME, PCMA, PCMU, SILENCE, encode
from dialer.media.progress import HeardTone, Judged, Noticed, Watcher
from dialer.media.vad import new_detector
from dialer.ports import Answerer, Tone, Watch

Pcm = npt.NDArray[np.float64]
RATE = 8000


def quiet(seconds: float) -> Pcm:
    return np.zeros(round(seconds * RATE))


def loud(wave: Pcm, dbov: float) -> Pcm:
    return wave * 10 ** (dbov / 20) / (np.sqrt((wave**2).mean()) + 1e-12)


def tone(seconds: float, *hertz: float, dbov: float = -20.0) -> Pcm:
    time = np.arange(round(seconds * RATE)) / RATE
    return loud(np.sum([np.sin(2 * np.pi * f * time) for f in hertz], axis=0), dbov)


def cadence(pattern: Sequence[float], *hertz: float, times: int = 4, dbov: float = -20.0) -> Pcm:
    """Tone, pause, tone, pause ..."""
    parts = [
        tone(length, *hertz, dbov=dbov) if number % 2 == 0 else quiet(length)
        for _ in range(times)
        for number, length in enumerate(pattern)
    ]
    return np.concatenate(parts)


def syllable(rng: np.random.Generator, seconds: float, pitch: float) -> Pcm:
    """A vowel: harmonics of a pitch that moves, under two formants."""
    time = np.arange(round(seconds * RATE)) / RATE
    moving = np.cumsum(pitch * (1 + 0.15 * np.sin(2 * np.pi * 3 * time + rng.uniform(0, 6)))) / RATE
    low, high = rng.uniform(400, 800), rng.uniform(1200, 2200)
    wave = np.zeros(len(time))
    for harmonic in range(1, 20):
        hertz = harmonic * pitch
        strength = np.exp(-(((hertz - low) / 250) ** 2)) + 0.5 * np.exp(-(((hertz - high) / 300) ** 2)) + 0.05
        wave += strength * np.sin(2 * np.pi * harmonic * moving)
    return wave * np.minimum(1, np.minimum(time, time[::-1]) / 0.03)


@lru_cache(maxsize=64)
def speech(seconds: float, dbov: float = -20.0, seed: int = 1) -> Pcm:
    """Four syllables a second, with short gaps, as somebody talks without a pause."""
    rng = np.random.default_rng(seed)
    count = max(1, round(seconds * 4))
    parts = [np.concatenate([syllable(rng, 0.19, rng.uniform(110, 170)), quiet(0.06)]) for _ in range(count)]
    return loud(np.concatenate(parts), dbov)


def mix(*waves: Pcm) -> Pcm:
    total = np.zeros(max(map(len, waves)))
    for wave in waves:
        total[: len(wave)] += wave
    return total


def watch(
    wave: Pcm, what: Watch = Watch.ANSWERER, codec: str = PCMA, config: ProgressConfig | None = None,
    noise_db: float = -65.0,
) -> list[Noticed]:  # fmt: skip
    rng = np.random.default_rng(3)
    wave = wave + rng.normal(0, 10 ** (noise_db / 20), len(wave))
    data = encode((np.clip(wave, -1, 1) * 32767).astype(np.int16), codec)
    watcher = Watcher(what, codec, config or ProgressConfig(), new_detector(MediaConfig().vad_mode))
    found: list[Noticed] = []
    for at in range(0, len(data), FRAME):
        found += watcher.feed(at, data[at : at + FRAME])
    return found


def tones(wave: Pcm, **options: Any) -> list[Tone]:
    found = watch(wave, Watch.EARLY, **options)
    assert not [item for item in found if isinstance(item, Judged)], "nobody answered yet"
    return [item.tone for item in found if isinstance(item, HeardTone)]


def verdict(wave: Pcm, **options: Any) -> Judged:
    (judged,) = [item for item in watch(wave, **options) if isinstance(item, Judged)]
    return judged


def who(wave: Pcm, **options: Any) -> Answerer:
    return verdict(wave, **options).answerer


LISTEN_ON = quiet(16)

CADENCES = [
    (Tone.RINGBACK, (1.0, 4.0), (450,)),
    (Tone.RINGBACK, (1.0, 4.0), (425,)),
    (Tone.RINGBACK, (2.0, 4.0), (440, 480)),
    (Tone.RINGBACK, (0.4, 0.2, 0.4, 2.0), (400, 450)),
    (Tone.BUSY, (0.35, 0.35), (450,)),
    (Tone.BUSY, (0.5, 0.5), (425,)),
    (Tone.BUSY, (0.5, 0.5), (480, 620)),
    (Tone.CONGESTION, (0.7, 0.7), (450,)),
    (Tone.CONGESTION, (0.25, 0.25), (425,)),
    (Tone.CONGESTION, (0.25, 0.25), (480, 620)),
    (Tone.UNOBTAINABLE, (0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.4, 0.4), (450,)),
    (Tone.FAX, (0.5, 3.0), (1100,)),
]


# -- tones ------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", [PCMA, PCMU])
@pytest.mark.parametrize(("name", "pattern", "hertz"), CADENCES)
def test_a_networks_tones(
    name: Tone, pattern: tuple[float, ...], hertz: tuple[float, ...], codec: str
) -> None:
    assert tones(np.concatenate([cadence(pattern, *hertz), quiet(4)]), codec=codec) == [name]


@pytest.mark.parametrize(("name", "pattern", "hertz"), CADENCES)
@given(
    shift=st.floats(0.98, 1.02), stretch=st.floats(0.92, 1.08),
    dbov=st.floats(-38, -8), begun=st.floats(0, 1),
)  # fmt: skip
@settings(max_examples=6, deadline=None)
def test_a_tone_may_be_off_by_as_much_as_networks_are(
    name: Tone, pattern: tuple[float, ...], hertz: tuple[float, ...],
    shift: float, stretch: float, dbov: float, begun: float,
) -> None:  # fmt: skip
    """Pitch by 2 %, lengths by 8 %, any usual level, begun anywhere in the cadence."""
    if name is Tone.FAX:
        shift = 1 + (shift - 1) / 2
    lengths, times = [length * stretch for length in pattern], 3 if sum(pattern) > 2 else 6
    wave = cadence(lengths, *(f * shift for f in hertz), times=times, dbov=dbov)
    assert tones(np.concatenate([wave[round(begun * sum(pattern) * RATE) :], quiet(4)])) == [name]


def test_a_special_information_tone() -> None:
    """E.180: 950, 1400, 1800 Hz, 330 ms each; North America's variants are off by up to 36 Hz."""
    for three, length in (
        ((950, 1400, 1800), 0.33),
        ((985.2, 1370.6, 1776.7), 0.38),
        ((913.8, 1428.5, 1776.7), 0.276),
    ):
        wave = np.concatenate([quiet(0.5), *(tone(length, hertz) for hertz in three), quiet(1.0), speech(3)])
        assert tones(wave) == [Tone.SIT]


@pytest.mark.parametrize(
    "hertz", [(1800, 1400, 950), (950, 1400), (950, 1800), (950, 1400, 1800, 2200), (700, 1400, 1800)]
)
def test_other_rows_of_tones_are_no_information(hertz: tuple[float, ...]) -> None:
    four = [tone(0.33 if f != 2200 else 3.0, f) for f in hertz]
    assert Tone.SIT not in tones(np.concatenate([quiet(0.5), *four, quiet(2)]))


def test_a_tone_is_told_once_and_again_after_a_pause() -> None:
    busy = cadence((0.35, 0.35), 450, times=20)
    assert tones(mix(busy, quiet(16))) == [Tone.BUSY]
    assert tones(np.concatenate([busy, quiet(10), busy, quiet(2)])) == [Tone.BUSY, Tone.BUSY]


def test_a_tone_begins_where_its_cadence_did() -> None:
    (heard,) = watch(np.concatenate([quiet(2.0), cadence((0.35, 0.35), 450)]), Watch.EARLY)
    assert isinstance(heard, HeardTone)
    assert heard.start / RATE == pytest.approx(2.0, abs=0.08)


def test_lost_packets_do_not_break_a_cadence() -> None:
    rng = np.random.default_rng(5)
    pcm = (cadence((1.0, 4.0), 450) * 32767).astype(np.int16)
    data, watcher = encode(pcm, PCMA), Watcher(Watch.EARLY, PCMA, ProgressConfig(), new_detector(2))
    found: list[Noticed] = []
    for at in range(0, len(data), FRAME):
        if rng.random() > 0.03:
            found += watcher.feed(at, data[at : at + FRAME])
    assert [item.tone for item in found if isinstance(item, HeardTone)] == [Tone.RINGBACK]


def test_time_goes_on_where_a_far_end_sends_nothing_in_a_pause() -> None:
    watcher = Watcher(Watch.EARLY, PCMA, ProgressConfig(), new_detector(2))
    ring = encode((tone(1.0, 450) * 32767).astype(np.int16), PCMA)
    found: list[Noticed] = []
    for at in range(0, len(ring), FRAME):
        found += watcher.feed(at, ring[at : at + FRAME])
    for at in range(len(ring), 4 * RATE, FRAME):
        found += watcher.idle(at)
    assert [item.tone for item in found if isinstance(item, HeardTone)] == [Tone.RINGBACK]


@pytest.mark.parametrize(
    "wave",
    [
        quiet(10),
        speech(10),
        np.random.default_rng(1).normal(0, 0.05, 10 * RATE),
        tone(10, 450),
        tone(10, 350, 440),
        cadence((0.5, 0.1), 450, times=15),
        cadence((0.08, 0.08), 697, 1209, times=40),
        cadence((0.35, 0.35), 900, times=10),
    ],
    ids=["silence", "speech", "noise", "steady", "dial tone", "no pause", "keys", "another pitch"],
)
def test_what_is_no_tone_of_the_network(wave: Pcm) -> None:
    assert tones(wave) == []


def test_music_before_the_answer_is_nothing() -> None:
    """彩铃: pure notes in many lengths, in the network's own band too."""
    rng = np.random.default_rng(11)
    notes = [
        tone(rng.uniform(0.1, 0.9), float(rng.choice([262, 330, 392, 440, 523, 659, 784, 880])))
        for _ in range(60)
    ]
    assert tones(np.concatenate(notes)) == []


# -- who answered -----------------------------------------------------------------------------


@pytest.mark.parametrize("said_s", [0.3, 0.8, 1.5, 2.2])
def test_a_short_greeting_and_silence_is_a_person(said_s: float) -> None:
    judged = verdict(np.concatenate([quiet(0.5), speech(said_s), LISTEN_ON]))
    assert judged.answerer is Answerer.PERSON
    assert judged.end / RATE == pytest.approx(0.5 + said_s + 1.2, abs=0.3)
    assert judged.tone is None


def test_a_short_greeting_and_a_beep_is_unsure() -> None:
    """主人不在家，请留言: too short to take it for a machine; it is asked, which is only a waste."""
    wave = np.concatenate([quiet(0.3), speech(1.8), quiet(0.5), tone(0.6, 1000), LISTEN_ON])
    assert who(wave) is Answerer.UNSURE


def test_a_long_greeting_without_a_beep_is_unsure() -> None:
    assert who(np.concatenate([quiet(0.5), speech(4), LISTEN_ON])) is Answerer.UNSURE


@pytest.mark.parametrize("hertz", [620, 1000, 1400, 2000])
@pytest.mark.parametrize("length_s", [0.25, 1.0, 1.8])
@pytest.mark.parametrize("pause_s", [0.1, 0.8])
def test_a_greeting_and_a_beep_is_a_machine(hertz: float, length_s: float, pause_s: float) -> None:
    wave = np.concatenate([quiet(0.3), speech(4), quiet(pause_s), tone(length_s, hertz), LISTEN_ON])
    found = watch(wave)
    assert [item.tone for item in found if isinstance(item, HeardTone)] == [Tone.BEEP]
    judged = found[-1]
    assert isinstance(judged, Judged)
    assert (judged.answerer, judged.tone) == (Answerer.MACHINE, Tone.BEEP)


def test_who_talks_on_is_a_machine() -> None:
    judged = verdict(np.concatenate([quiet(0.5), speech(15)]))
    assert judged.answerer is Answerer.MACHINE
    assert judged.end / RATE == pytest.approx(0.5 + 12.0, abs=0.5)


@pytest.mark.parametrize(
    ("wave", "tone_"),
    [
        (cadence((0.35, 0.35), 450, times=20), Tone.BUSY),
        (cadence((0.7, 0.7), 450, times=10), Tone.CONGESTION),
        (np.concatenate([quiet(0.5), tone(3.3, 2100), quiet(2)]), Tone.FAX),
        (
            np.concatenate(
                [quiet(0.2), tone(0.33, 950), tone(0.33, 1400), tone(0.33, 1800), quiet(1), speech(4)]
            ),
            Tone.SIT,
        ),
    ],
    ids=["busy", "congestion", "fax", "sit"],
)
def test_the_networks_and_a_faxs_tones_are_no_person(wave: Pcm, tone_: Tone) -> None:
    judged = verdict(mix(wave, LISTEN_ON))
    assert (judged.answerer, judged.tone) == (Answerer.MACHINE, tone_)


def test_ringback_after_the_answer_is_nobody_yet() -> None:
    """A gateway answers at once and rings on; the person comes later."""
    found = watch(np.concatenate([cadence((1.0, 4.0), 450, times=1), speech(0.8), LISTEN_ON]))
    assert [type(item) for item in found] == [HeardTone, Judged]
    assert isinstance(found[1], Judged)
    assert found[1].answerer is Answerer.PERSON


CUSTOMERS = {
    "asks three times": np.concatenate(
        [speech(0.8), quiet(0.6), speech(0.8), quiet(0.9), speech(0.8), LISTEN_ON]
    ),
    "keeps asking": np.concatenate([part for _ in range(14) for part in (speech(0.7), quiet(0.5))]),
    "talks for seven seconds": np.concatenate([speech(7), LISTEN_ON]),
    "says nothing": LISTEN_ON,
    "beeps behind a greeting": mix(
        np.concatenate([quiet(0.3), speech(0.9), LISTEN_ON]),
        np.concatenate([quiet(1.5), tone(0.5, 2000, dbov=-30), LISTEN_ON]),
    ),
    "an oven beeps three times": np.concatenate(
        [speech(3), *(part for _ in range(3) for part in (quiet(0.6), tone(0.4, 2000, dbov=-24))), LISTEN_ON]
    ),
    "a faint beep": np.concatenate([speech(3), quiet(0.5), tone(0.4, 1000, dbov=-40), LISTEN_ON]),
    "a loud street": np.random.default_rng(2).normal(0, 0.06, 16 * RATE)
    * np.interp(np.arange(16 * RATE) / RATE, np.arange(0, 17), np.random.default_rng(4).uniform(0.4, 1, 17)),
    "a television": speech(16, dbov=-36),
    "a crowd": mix(*(np.roll(speech(16, dbov=-26, seed=seed), 500 * seed) for seed in range(6))),
    "our own echo": np.concatenate([quiet(0.2), speech(5, dbov=-42), LISTEN_ON]),
    "music": np.concatenate(
        [tone(0.4, 523 * 2 ** (n % 7 / 12), 1046 * 2 ** (n % 5 / 12)) for n in range(40)]
    ),
    "presses keys": np.concatenate(
        [speech(0.6), *(part for _ in range(4) for part in (quiet(0.4), tone(0.2, 697, 1209))), LISTEN_ON]
    ),
}


@pytest.mark.parametrize("wave", CUSTOMERS.values(), ids=CUSTOMERS)
def test_a_customer_is_not_taken_for_a_machine(wave: Pcm) -> None:
    assert who(wave) is not Answerer.MACHINE


def test_who_lets_us_ask_first_and_then_complains_without_a_pause_is_no_machine() -> None:
    """However long the setting lets it be judged."""
    patient = ProgressConfig(decide_s=40)
    assert who(np.concatenate([quiet(0.5), speech(16)]), config=patient) is Answerer.MACHINE
    assert (
        who(np.concatenate([quiet(5.2), speech(22), LISTEN_ON, LISTEN_ON]), config=patient) is Answerer.UNSURE
    )


@given(
    phrases=st.lists(st.tuples(st.floats(0.2, 2.2), st.floats(0.45, 3.0)), min_size=1, max_size=6),
    dbov=st.floats(-34, -10), noise_db=st.floats(-70, -40),
)  # fmt: skip
@settings(max_examples=20, deadline=None)
def test_short_phrases_never_make_a_machine(
    phrases: list[tuple[float, float]], dbov: float, noise_db: float
) -> None:
    """Whoever pauses now and then is no machine, however long it goes on."""
    parts = [part for said, pause in phrases for part in (speech(said, dbov), quiet(pause))]
    assert who(np.concatenate([quiet(0.3), *parts, LISTEN_ON]), noise_db=noise_db) is not Answerer.MACHINE


def test_it_judges_once_and_then_rests() -> None:
    data = encode((np.concatenate([speech(0.8), LISTEN_ON]) * 32767).astype(np.int16), PCMA)
    watcher = Watcher(Watch.ANSWERER, PCMA, ProgressConfig(), new_detector(2))
    found = [item for at in range(0, len(data), FRAME) for item in watcher.feed(at, data[at : at + FRAME])]
    assert watcher.over
    assert len([item for item in found if isinstance(item, Judged)]) == 1
    assert watcher.feed(len(data), SILENCE[PCMA] * FRAME) == []


@given(st.lists(st.tuples(st.integers(-400, 12000), st.binary(max_size=400)), max_size=40))
@settings(max_examples=60, deadline=None)
def test_any_packets_in_any_order_are_borne(packets: list[tuple[int, bytes]]) -> None:
    for what in Watch:
        watcher, at = Watcher(what, PCMU, ProgressConfig(), new_detector(2)), 0
        for step, payload in packets:
            at = max(0, at + step)
            watcher.feed(at, payload)
            watcher.idle(at + 2400)


# -- settings ---------------------------------------------------------------------------------


def _greets(said_s: float, *after: Pcm) -> Pcm:
    return np.concatenate([quiet(0.3), speech(said_s), *after, LISTEN_ON])


def _beep(length_s: float) -> Pcm:
    return _greets(4, quiet(0.3), tone(length_s, 1000))


_FAINT = cadence((0.35, 0.35), 450, times=6, dbov=-50)
_NOISY = mix(
    cadence((0.35, 0.35), 450, times=8, dbov=-20), np.random.default_rng(6).normal(0, 0.032, 8 * 5600)
)
THRESHOLDS: list[tuple[str, float, Pcm, Watch]] = [
    ("tone_floor_dbov", -55.0, _FAINT, Watch.EARLY),
    ("tone_purity", 0.95, _NOISY, Watch.EARLY),
    ("speech_floor_dbov", -20.0, np.concatenate([quiet(0.3), speech(0.9, -30), LISTEN_ON]), Watch.ANSWERER),
    ("machine_floor_dbov", -10.0, speech(16), Watch.ANSWERER),
    ("person_speech_s", 4.9, _greets(4), Watch.ANSWERER),
    ("person_silence_s", 2.4, _greets(0.8), Watch.ANSWERER),
    ("machine_speech_s", 6.0, speech(16), Watch.ANSWERER),
    ("beep_min_s", 0.5, _beep(0.3), Watch.ANSWERER),
    ("beep_max_s", 0.5, _beep(1.0), Watch.ANSWERER),
    ("beep_wait_s", 6.0, _greets(4), Watch.ANSWERER),
    ("decide_s", 5.0, LISTEN_ON, Watch.ANSWERER),
]


@pytest.mark.parametrize(("name", "value", "wave", "what"), THRESHOLDS, ids=[one[0] for one in THRESHOLDS])
def test_every_threshold_changes_what_is_heard(name: str, value: float, wave: Pcm, what: Watch) -> None:
    usual = watch(wave, what)
    assert watch(wave, what, config=replace(ProgressConfig(), **{name: value})) != usual


@pytest.mark.parametrize(
    "wrong",
    [
        {"use": "sometimes"}, {"tone_floor_dbov": 0.0}, {"tone_purity": 1.0}, {"speech_floor_dbov": -90.0},
        {"machine_floor_dbov": 0.0}, {"person_speech_s": 0.0}, {"person_silence_s": 0.0},
        {"machine_speech_s": 3.0}, {"beep_min_s": 2.5}, {"beep_max_s": 9.0}, {"beep_wait_s": 0.5},
        {"decide_s": 0.0},
    ],
)  # fmt: skip
def test_a_wrong_threshold_is_refused_by_name(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(ConfigError, match=rf"progress\.{name}"):
        ProgressConfig(**wrong)
