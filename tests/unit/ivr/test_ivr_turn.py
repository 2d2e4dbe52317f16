import pytest

from dialer.ivr.answers import Classified
from dialer.ivr.config import TurnSettings
from dialer.ivr.turn import Lean, key_class, lean, weigh
from dialer.model import AnswerClass, Heard, QuestionKind

Y, N, U = AnswerClass.YES, AnswerClass.NO, AnswerClass.UNCLEAR
POS, BAD, LEFT = QuestionKind.POS, QuestionKind.BAD, QuestionKind.LEFT


def says(answer: AnswerClass) -> object:
    return lambda kind, text: Classified(answer, text)


@pytest.mark.parametrize(
    ("kind", "answer", "expected"),
    [
        (POS, Y, Lean.GOOD),
        (POS, N, Lean.PROBLEM),
        (QuestionKind.KNOW, AnswerClass.MAYBE_YES, Lean.MAYBE_GOOD),
        (QuestionKind.NEG, Y, Lean.GOOD),
        (QuestionKind.CONS, N, Lean.PROBLEM),
        (BAD, Y, Lean.PROBLEM),
        (BAD, N, Lean.GOOD),
        (LEFT, AnswerClass.MAYBE_YES, Lean.MAYBE_PROBLEM),
        (LEFT, AnswerClass.MAYBE_NO, Lean.MAYBE_GOOD),
        (BAD, U, Lean.NONE),
        (POS, AnswerClass.BUSY, Lean.NONE),
    ],
)
def test_which_way_an_answer_leans(kind: QuestionKind, answer: AnswerClass, expected: Lean) -> None:
    assert lean(kind, answer) is expected


SOUND = {"confidence": 0.9, "unknown_ratio": 0.0, "duration_s": 0.6, "level_dbov": -25.0}


@pytest.mark.parametrize(
    ("change", "good", "problem"),
    [
        ({}, Y, N),
        ({"confidence": 0.4}, U, U),
        ({"confidence": 0.9, "duration_s": 1.6}, U, U),
        ({"confidence": 0.95, "snr_db": 10.0}, U, U),
        ({"unknown_ratio": 0.5}, U, N),
        ({"unknown_ratio": 0.7}, U, U),
        ({"duration_s": 0.1}, U, U),
        ({"level_dbov": -60.0}, U, U),
    ],
)
def test_the_answer_without_a_ticket_needs_more_evidence(
    change: dict[str, float], good: AnswerClass, problem: AnswerClass
) -> None:
    heard = Heard("是的", **{**SOUND, **change})
    turn = TurnSettings()
    assert weigh(heard, POS, turn, says(Y))[0] is good  # type: ignore[arg-type]
    assert weigh(heard, POS, turn, says(N))[0] is problem  # type: ignore[arg-type]
    assert weigh(heard, BAD, turn, says(N))[0] is (N if good is Y else U)  # type: ignore[arg-type]
    assert weigh(heard, BAD, turn, says(Y))[0] is (Y if problem is N else U)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "turn",
    [
        TurnSettings(yes_min_confidence=0.95),
        TurnSettings(min_duration_s=0.7),
        TurnSettings(min_level_dbov=-20.0),
        TurnSettings(yes_max_unknown_ratio=0.1),
        TurnSettings(max_unknown_ratio=0.1, yes_max_unknown_ratio=0.1),
    ],
)
def test_each_bar_is_read(turn: TurnSettings) -> None:
    heard = Heard("是的", **{**SOUND, "unknown_ratio": 0.2})
    assert weigh(heard, POS, TurnSettings(), says(Y))[0] is Y  # type: ignore[arg-type]
    answer, why = weigh(heard, POS, turn, says(Y))  # type: ignore[arg-type]
    assert answer is U
    assert why != "是的"


def test_nothing_understood_is_unclear_however_sure_the_engine_is() -> None:
    """Noise scores 1.0."""
    heard = Heard("", confidence=1.0, duration_s=1.0, level_dbov=-20.0)
    assert weigh(heard, POS, TurnSettings(), says(Y)) == (U, "nothing understood")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "digit", "expected"),
    [
        (POS, "1", Y),
        (POS, "2", N),
        (BAD, "1", Y),
        (QuestionKind.NEG, "1", N),
        (QuestionKind.NEG, "2", Y),
        (POS, "0", AnswerClass.HUMAN),
        (POS, "9", AnswerClass.REPEAT),
        (POS, "*", AnswerClass.REPEAT),
        (POS, "#", None),
        (POS, "5", None),
    ],
)
def test_keys_mean_the_literal_answer(kind: QuestionKind, digit: str, expected: AnswerClass | None) -> None:
    assert key_class(kind, digit) is expected
