"""Kaldi MFCCs exactly as libvosk computes them from ``conf/mfcc.conf``, and the training set of them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import kaldi_native_fbank as knf
import numpy as np
import numpy.typing as npt
from augment import RATE, Wave, no_speech, telephone
from synth import Samples

Features = npt.NDArray[np.float16]

CEPSTRA = 40
LOW_HZ, HIGH_HZ = 40, -200
MFCC_CONF = (
    f"--use-energy=false\n--sample-frequency={RATE}\n--num-mel-bins={CEPSTRA}\n--num-ceps={CEPSTRA}\n"
    f"--low-freq={LOW_HZ}\n--high-freq={HIGH_HZ}\n--dither=0\n"
)


@dataclass(frozen=True, slots=True)
class Example:
    features: Features
    """[frames, CEPSTRA]"""
    sounds: tuple[int, ...]
    """Unit numbers; empty where nobody speaks."""


def mfcc(wave: Wave) -> Features:
    """``wave`` with full scale 1.0 -> [frames of 10 ms, CEPSTRA]."""
    options = knf.MfccOptions()
    options.frame_opts.samp_freq = RATE
    options.frame_opts.dither = 0
    options.mel_opts.num_bins = CEPSTRA
    options.mel_opts.low_freq = LOW_HZ
    options.mel_opts.high_freq = HIGH_HZ
    options.num_ceps = CEPSTRA
    options.use_energy = False
    computer = knf.OnlineMfcc(options)
    computer.accept_waveform(RATE, (wave * 32767).tolist())
    computer.input_finished()
    return np.stack([computer.get_frame(i) for i in range(computer.num_frames_ready)]).astype(np.float16)


def _speech(work: tuple[Samples, Samples | None, int, tuple[int, ...]]) -> Example:
    audio, babble, seed, sounds = work
    crowd = None if babble is None else babble.astype(np.float32) / 32768
    damaged = telephone(audio.astype(np.float32) / 32768, np.random.default_rng(seed), crowd)
    return Example(mfcc(damaged), sounds)


def _nothing(work: tuple[list[Samples], int]) -> Example:
    voices, seed = work
    crowd = [voice.astype(np.float32) / 32768 for voice in voices]
    return Example(mfcc(no_speech(np.random.default_rng(seed), crowd)), ())


def examples(
    spoken: Sequence[tuple[Samples, tuple[int, ...]]], copies: int, silent: int, processes: int
) -> list[Example]:
    """Every utterance ``copies`` times through different telephone lines, and ``silent`` of no speech."""
    rng = np.random.default_rng(3)
    work = []
    for number, (audio, sounds) in enumerate(spoken):
        for copy in range(copies):
            babble = spoken[rng.integers(len(spoken))][0] if rng.random() < 0.15 else None
            work.append((audio, babble, number * copies + copy, sounds))
    empty = [([spoken[rng.integers(len(spoken))][0] for _ in range(9)], 10**9 + i) for i in range(silent)]
    with ProcessPoolExecutor(processes) as pool:
        return [*pool.map(_speech, work, chunksize=200), *pool.map(_nothing, empty, chunksize=50)]
