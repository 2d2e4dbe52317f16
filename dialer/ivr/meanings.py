"""What an answer can mean, and the class that each meaning has for each kind of question.

One row per meaning, columns POS KNOW BAD LEFT NEG CONS. A fact answers the questions it is about and is
unclear for the others; bare agreement follows the literal question; consent words state no fact.
"""

from __future__ import annotations

from enum import Enum, auto

from dialer.model import AnswerClass, QuestionKind

COLUMNS = (
    QuestionKind.POS,
    QuestionKind.KNOW,
    QuestionKind.BAD,
    QuestionKind.LEFT,
    QuestionKind.NEG,
    QuestionKind.CONS,
)


class Meaning(Enum):
    """One thing that a clause can say."""

    AGREE = auto()
    WEAK = auto()
    CONSENT = auto()
    EASE = auto()
    DENY = auto()
    NONE = auto()
    NOT_YET = auto()
    HAVE = auto()
    ME = auto()
    NOT_ME = auto()
    KNOWN = auto()
    NOTHING_UNKNOWN = auto()
    NOT_KNOWN = auto()
    RECEIVED = auto()
    NOT_RECEIVED = auto()
    READ = auto()
    NOT_READ = auto()
    SIGNED = auto()
    NOT_SIGNED = auto()
    SIGNED_UNSAID = auto()
    OTHER_SIGNED = auto()
    NO_PROXY = auto()
    OTHER_DID = auto()
    SATISFIED = auto()
    DISSATISFIED = auto()
    NO_PROBLEM = auto()
    NO_QUERY = auto()
    NO_MORE = auto()
    MORE = auto()
    NEEDLESS = auto()
    PROMISED = auto()
    NO_PROMISE = auto()
    TOLD = auto()
    NOT_TOLD = auto()
    QUERY = auto()
    MATTER = auto()
    BESIDE = auto()
    UNSURE = auto()
    REPEAT = auto()
    HELLO = auto()
    BUSY = auto()
    WRONG = auto()
    REFUSE = auto()
    COMPLAINT = auto()
    HUMAN = auto()
    NOT_BOUGHT = auto()


DENYING = frozenset({Meaning.DENY, Meaning.NONE})
BARE = DENYING | {Meaning.AGREE, Meaning.WEAK, Meaning.CONSENT, Meaning.EASE, Meaning.HAVE}
"""What says yes or no and nothing else: it needs the question to mean something."""
OPPOSITES = {
    frozenset({Meaning.KNOWN, Meaning.NOT_KNOWN}),
    frozenset({Meaning.RECEIVED, Meaning.NOT_RECEIVED}),
    frozenset({Meaning.READ, Meaning.NOT_READ}),
    frozenset({Meaning.SIGNED, Meaning.OTHER_SIGNED}),
    frozenset({Meaning.SIGNED, Meaning.NOT_SIGNED}),
    frozenset({Meaning.SATISFIED, Meaning.DISSATISFIED}),
    frozenset({Meaning.PROMISED, Meaning.NO_PROMISE}),
    frozenset({Meaning.MORE, Meaning.NO_MORE}),
}
_ROWS: dict[Meaning, str] = {
    Meaning.AGREE: "Y Y Y Y N Y",
    Meaning.WEAK: "Y? Y? U U U Y",
    Meaning.CONSENT: "U U U U U Y",
    Meaning.EASE: "U U U N U Y",
    Meaning.DENY: "N N N N Y? N",
    Meaning.NONE: "N N N N N U",
    Meaning.NOT_YET: "N U U U N U",
    Meaning.HAVE: "Y Y? Y Y Y? U",
    Meaning.ME: "Y? U U U Y? U",
    Meaning.NOT_ME: "N U Y? U N U",
    Meaning.KNOWN: "U Y U U U U",
    Meaning.NOTHING_UNKNOWN: "U Y U N U U",
    Meaning.NOT_KNOWN: "U N U U U U",
    Meaning.RECEIVED: "Y U U U Y U",
    Meaning.NOT_RECEIVED: "N U U U N U",
    Meaning.READ: "Y Y? U U Y U",
    Meaning.NOT_READ: "N N? U U N U",
    Meaning.SIGNED: "Y U N U Y U",
    Meaning.NOT_SIGNED: "N U U U N U",
    Meaning.SIGNED_UNSAID: "Y U U U Y U",
    Meaning.OTHER_SIGNED: "N U Y U N U",
    Meaning.NO_PROXY: "Y? U N U Y? U",
    Meaning.OTHER_DID: "U U Y? U U U",
    Meaning.SATISFIED: "Y U U U U U",
    Meaning.DISSATISFIED: "N U U U U U",
    Meaning.NO_PROBLEM: "Y? Y U N U Y",
    Meaning.NO_QUERY: "U Y? U N U U",
    Meaning.NO_MORE: "U U U N U U",
    Meaning.MORE: "U U U Y U U",
    Meaning.NEEDLESS: "U U U N U REFUSE",
    Meaning.PROMISED: "COMPLAINT COMPLAINT Y COMPLAINT COMPLAINT COMPLAINT",
    Meaning.NO_PROMISE: "U U N U U U",
    Meaning.TOLD: "U U Y? U U U",
    Meaning.NOT_TOLD: "U N U U U U",
    Meaning.QUERY: "REPEAT REPEAT REPEAT Y? REPEAT REPEAT",
    Meaning.MATTER: "REPEAT REPEAT REPEAT REPEAT REPEAT REPEAT",
    Meaning.BESIDE: "U U U U U U",
    Meaning.UNSURE: "U U U U U U",
    Meaning.REPEAT: "REPEAT REPEAT REPEAT REPEAT REPEAT REPEAT",
    Meaning.HELLO: "REPEAT REPEAT REPEAT REPEAT REPEAT REPEAT",
    Meaning.BUSY: "BUSY BUSY BUSY BUSY BUSY BUSY",
    Meaning.WRONG: "WRONG WRONG WRONG WRONG WRONG WRONG",
    Meaning.REFUSE: "REFUSE REFUSE REFUSE REFUSE REFUSE REFUSE",
    Meaning.COMPLAINT: "COMPLAINT COMPLAINT COMPLAINT COMPLAINT COMPLAINT COMPLAINT",
    Meaning.HUMAN: "HUMAN HUMAN HUMAN HUMAN HUMAN HUMAN",
    Meaning.NOT_BOUGHT: "COMPLAINT COMPLAINT COMPLAINT COMPLAINT COMPLAINT COMPLAINT",
}


def _parse() -> dict[Meaning, dict[QuestionKind, AnswerClass]]:
    return {
        meaning: dict(zip(COLUMNS, map(AnswerClass, row.split()), strict=True))
        for meaning, row in _ROWS.items()
    }


ROWS: dict[Meaning, dict[QuestionKind, AnswerClass]] = _parse()
