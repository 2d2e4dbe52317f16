"""Fit the evidence score on the tuning voices: ``python -m bench.asr_calibrate``.

Prints the weights for ``dialer/ivr/evidence.py`` and, for each bar, what it lets through: right classes, and
wrong ones. The voices are synthetic, so the score is of this model and of these lines; with ``--model`` it is
fitted anew for another Vosk model. The figures that count are ``make bench-asr``'s, on other voices.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.asr_hear import DEMO, Trial, trials
from dialer.ivr.answers import classify
from dialer.ivr.evidence import NAMES, features
from dialer.ivr.turn import Lean, lean
from dialer.model import AnswerClass

Array = npt.NDArray[np.float64]
DEFINITE = (AnswerClass.YES, AnswerClass.NO)
PENALTY = 1.0
WRONG_WEIGHT = 4.0
"""A wrong class weighs as much as so many right ones that are asked again."""


def fit(values: Array, right: Array, rounds: int = 50) -> Array:
    """Logistic regression by Newton's method; the last weight is the bias."""
    centre, scale = values.mean(0), values.std(0) + 1e-9
    inputs = np.c_[(values - centre) / scale, np.ones(len(values))]
    weight = np.where(right > 0, 1.0, WRONG_WEIGHT)
    ridge = np.eye(inputs.shape[1]) * PENALTY
    ridge[-1, -1] = 0.0
    found = np.zeros(inputs.shape[1])
    for _ in range(rounds):
        chance = 1 / (1 + np.exp(-inputs @ found))
        slope = inputs.T @ (weight * (chance - right)) + ridge @ found
        bend = (inputs * (weight * chance * (1 - chance))[:, None]).T @ inputs + ridge
        found -= np.linalg.solve(bend, slope)
    weights = found[:-1] / scale
    return np.append(weights, found[-1] - weights @ centre)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--speakers", type=int, default=1, help="voices for each phrase")
    parser.add_argument("--model", type=Path, default=DEMO, help="a Vosk model directory")
    options = parser.parse_args()
    calibrate(trials("tuning", options.speakers, options.model))


def calibrate(heard: Sequence[Trial]) -> None:
    rows, right, good, opposite = [], [], [], []
    for trial in heard:
        if trial.heard is None or not trial.heard.text:
            continue
        kind = trial.phrase.kind
        found = classify(kind, trial.heard.text).answer_class
        if found not in DEFINITE:
            continue
        rows.append(features(trial.heard, kind, found, classify))
        right.append(found is trial.phrase.wanted)
        good.append(lean(kind, found) is Lean.GOOD)
        opposite.append(found is not trial.phrase.wanted and trial.phrase.wanted in DEFINITE)
    values, is_right = np.array(rows), np.array(right, float)
    is_good, flipped = np.array(good), np.array(opposite)
    found = fit(values, is_right)
    print(f"WEIGHTS = ({', '.join(f'{one:.3f}' for one in found[:-1])})  # {', '.join(NAMES)}")
    print(f"BIAS = {found[-1]:.3f}")
    score = 1 / (1 + np.exp(-np.c_[values, np.ones(len(values))] @ found))
    _bars(score, is_right > 0, is_good, flipped)


def _bars(score: Array, right: npt.NDArray[np.bool_], good: npt.NDArray[np.bool_], flipped: Array) -> None:
    print("bar    no ticket: right  wrong  turned    problem: right  wrong  turned")
    for bar in (0.0, 0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95):
        cells = []
        for side in (good, ~good):
            passed = side & (score >= bar)
            counts = (int((passed & right).sum()), int((passed & ~right).sum()), int(flipped[passed].sum()))
            cells.append("{:10d} {:6d} {:7d}".format(*counts))
        print(f"{bar:.2f}   {cells[0]}          {cells[1]}")


if __name__ == "__main__":
    main()
