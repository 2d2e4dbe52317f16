"""How much an utterance speaks for the class that its words were given: 0 to 1, from the words themselves,
their rivals, their length and their sound. An engine's own confidence is no evidence: noise can score 1.0.

The weights were fitted by ``bench/asr_calibrate.py`` to the bundled model, on generated voices, noise,
babble, codec and loss.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from dialer.ivr.answers import Classified
from dialer.model import AnswerClass, Heard, QuestionKind

Classify = Callable[[QuestionKind, str], Classified]

NAMES = (
    "same class", "opposite class", "confidence", "pieced", "slow",
    "length", "loudness over background",
)  # fmt: skip
WEIGHTS = (4.101, -5.257, 0.761, -0.681, -3.792, -0.409, 0.479)
BIAS = -3.414
_SLOW, _LOUDNESS = NAMES.index("slow"), NAMES.index("loudness over background")
_SIDES = {
    AnswerClass.YES: 1, AnswerClass.MAYBE_YES: 1, AnswerClass.NO: -1, AnswerClass.MAYBE_NO: -1,
}  # fmt: skip
_DENIAL_THEN_SOMEBODY = re.compile(r"(?:不是|没有|不|没)(?=[我他她你您])")
_CLOSED = ("的", "的字", "的名字")
_SYLLABLE_S = 0.35
"""A syllable seldom takes longer: where it does, something was said that wasn't heard."""


def evidence(heard: Heard, kind: QuestionKind, answer_class: AnswerClass, classify: Classify) -> float:
    """For ``answer_class``, which the words of ``heard`` were given as an answer to ``kind``.

    Of an engine that gives one reading only: its own confidence, less what length and background take away.
    """
    values = features(heard, kind, answer_class, classify)
    if not heard.readings:
        drawl, faint = max(0.0, values[_SLOW] - 0.3), max(0.0, 3 - values[_LOUDNESS])
        return _within(heard.confidence - 0.4 * drawl - 0.1 * faint, 0, 1)
    return 1 / (1 + math.exp(-BIAS - sum(w * v for w, v in zip(WEIGHTS, values, strict=True))))


def features(
    heard: Heard, kind: QuestionKind, answer_class: AnswerClass, classify: Classify
) -> tuple[float, ...]:
    """In the order of ``NAMES``."""
    syllables = max(1, sum(letter.isalnum() for letter in heard.text))
    same, opposite = _rivals(heard, kind, answer_class, classify)
    pace = heard.duration_s / syllables
    return (
        same,
        opposite,
        heard.confidence,
        0.0 if heard.expected else 1.0,
        _within(pace - _SYLLABLE_S, 0, 1),
        math.log(syllables),
        _within(heard.snr_db, 0, 40) / 10,
    )


def _rivals(
    heard: Heard, kind: QuestionKind, answer_class: AnswerClass, classify: Classify
) -> tuple[float, float]:
    """The share of the readings that mean the same, and of those that mean the opposite."""
    if not heard.readings:
        return 1.0, 0.0
    side = _SIDES.get(answer_class, 0)
    same = opposite = 0.0
    for reading in heard.readings:
        found = classify(kind, reading.text).answer_class if reading.text else AnswerClass.UNCLEAR
        if found is answer_class:
            same += reading.share
        elif side and _SIDES.get(found) == -side:
            opposite += reading.share
    return same, opposite


def comma_turns(text: str, kind: QuestionKind, answer_class: AnswerClass, classify: Classify) -> bool:
    """Whether a denial and a statement after it were run together: 不是,我知道 heard as 不是我知道.

    A recogniser writes no commas. 不是我签的 is one statement: 的 closes what 不是 opened.
    """
    found = _DENIAL_THEN_SOMEBODY.match(text)
    if found is None or text.endswith(_CLOSED):
        return False
    parted = classify(kind, f"{text[: found.end()]},{text[found.end() :]}").answer_class
    return _SIDES.get(parted, 0) * _SIDES.get(answer_class, 0) < 0


def _within(value: float, low: float, high: float) -> float:
    return min(high, max(low, value))
