"""Chance that depends on nothing but its seed and what it is about.

A customer takes the second call or doesn't, whatever else happened before: so two runs with other lines
differ by the lines alone, and the same run gives the same result on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from statistics import NormalDist
from typing import TypeVar

T = TypeVar("T")

_64 = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15
_UNIT = 2.0**-53
_NORMAL = NormalDist()


def _mixed(value: int) -> int:
    """SplitMix64 (Steele, Lea, Flood 2014)."""
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _64
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _64
    return value ^ (value >> 31)


@cache
def _seeded(seed: int) -> int:
    return _mixed((seed * _STEP) + _STEP & _64)


class Chance:
    """A row of draws for one subject, e.g. ``Chance(seed, task, attempt)``."""

    __slots__ = ("_state",)

    def __init__(self, seed: int, *about: int) -> None:
        state = _seeded(seed)
        for part in about:
            state = _mixed((state ^ (part * _STEP)) + _STEP & _64)
        self._state = state

    def share(self) -> float:
        """0 up to 1, all alike."""
        value = self._state = (self._state + _STEP) & _64
        # ``_mixed``, written out: a call draws some ten times.
        value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _64
        value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _64
        return ((value ^ (value >> 31)) >> 11) * _UNIT

    def happens(self, share: float) -> bool:
        return self.share() < share

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.share()

    def around(self, median: float, spread: float) -> float:
        """Log-normal: half lie below ``median``; ``spread`` is the deviation of the logarithm."""
        # Never 0 or 1: the tails end there.
        return median * math.exp(spread * _NORMAL.inv_cdf(min(max(self.share(), 1e-9), 1 - 1e-9)))

    def pick(self, weights: Mapping[T, float]) -> T:
        """By their weights, which need no sum of 1."""
        at = self.share() * sum(weights.values())
        for one, weight in weights.items():
            at -= weight
            if at < 0:
                return one
        return one
