"""What one clause says, and the state of reading it: negations, subject, rhetoric."""

from __future__ import annotations

from dataclasses import dataclass, field

from dialer.ivr.clauses import Clause, Token
from dialer.ivr.meanings import Meaning
from dialer.ivr.words import Tag


@dataclass(frozen=True, slots=True)
class Sense:
    """``weak``: said in a roundabout way, so that a yes needs confirming. ``repair``: takes back what was
    said before it."""

    meaning: Meaning
    words: str
    weak: bool = False
    repair: bool = False
    conceded: bool = False
    """X是X了: granted, whatever comes after it."""


FACTS: dict[Tag, tuple[Meaning, Meaning]] = {
    Tag.GRASP: (Meaning.KNOWN, Meaning.NOT_KNOWN),
    Tag.RECEIVE: (Meaning.RECEIVED, Meaning.NOT_RECEIVED),
    Tag.READ: (Meaning.READ, Meaning.NOT_READ),
    Tag.MUDDLED: (Meaning.NOT_KNOWN, Meaning.UNSURE),
    Tag.CONTENT: (Meaning.SATISFIED, Meaning.DISSATISFIED),
    Tag.DISCONTENT: (Meaning.DISSATISFIED, Meaning.UNSURE),
    Tag.PROMISE: (Meaning.PROMISED, Meaning.NO_PROMISE),
    Tag.SAID: (Meaning.TOLD, Meaning.NOT_TOLD),
    Tag.DEPOSIT: (Meaning.NOT_KNOWN, Meaning.KNOWN),
    Tag.COMPLAINT: (Meaning.COMPLAINT, Meaning.NO_PROMISE),
    Tag.ELSEWHERE: (Meaning.NOT_RECEIVED, Meaning.UNSURE),
    Tag.TROUBLE: (Meaning.MORE, Meaning.NO_PROBLEM),
    Tag.MORE: (Meaning.MORE, Meaning.NO_MORE),
}
POSITIVE = frozenset(
    {*(facts[0] for facts in FACTS.values()), Meaning.SIGNED, Meaning.SIGNED_UNSAID, Meaning.OTHER_SIGNED}
)
PREDICATES = frozenset({*FACTS, Tag.SIGN, Tag.OWN_HAND, Tag.PROXY, Tag.HANDLE})
DENIALS = frozenset({"不", "不是", "才不是", "才不", "并不", "非", "不可能"})
_ABSENCES = frozenset(
    {
        "没",
        "没有",
        "未",
        "无",
        "冇",
        "莫",
        "木有",
        "没得",
        "才没",
        "才没有",
        "不曾",
        "并未",
        "并没有",
        "并没",
        "从没",
        "从未",
        "根本没",
    }
)


@dataclass(slots=True)
class Reader:
    """What has been read of one clause so far."""

    clause: Clause
    at: int = 0
    negations: list[str] = field(default_factory=list)
    rhetoric: str = ""
    subject: Tag | None = None
    have: str = ""
    more: bool = False
    start: int = 0
    spent: bool = False
    """The negations have met their predicate; the next one starts anew."""
    senses: list[Sense] = field(default_factory=list)

    def peek(self, ahead: int = 1) -> Token | None:
        place = self.at + ahead
        return self.clause.tokens[place] if 0 <= place < len(self.clause.tokens) else None

    def next_meaningful(self) -> Token | None:
        """The next word that isn't a filler."""
        rest = self.clause.tokens[self.at + 1 :]
        return next((t for t in rest if t.tag not in (Tag.FILLER, Tag.COURTESY, Tag.PAUSE, None)), None)

    def words(self) -> str:
        return "".join(t.word for t in self.clause.tokens[self.start : self.at + 1])

    def say(self, meaning: Meaning, *, weak: bool = False, repair: bool = False) -> None:
        self.senses.append(Sense(meaning, self.words(), weak, repair))
        self.start = self.at + 1
        self.spent = True

    def reset(self) -> None:
        """Forget negation and subject: their reach is over."""
        self.negations, self.rhetoric, self.subject, self.have = [], "", None, ""

    def drop_negation(self) -> None:
        """The negation stands alone: it was an answer, not part of what follows."""
        if self.negations:
            self.senses.append(Sense(alone(self.negations), "".join(self.negations)))
            self.reset()


def alone(negations: list[str]) -> Meaning:
    """不 and 不是 deny; 没 and 没有 answer 有没有."""
    last = negations[-1]
    if last in DENIALS:
        return Meaning.DENY
    if last in _ABSENCES and any(word not in (*_ABSENCES, "不") for word in negations[:-1]):
        return Meaning.UNSURE  # 不能说没有
    if last.startswith("还没") or last.endswith(("来得及", "没能")):
        return Meaning.NOT_YET
    return Meaning.NONE if last in _ABSENCES else Meaning.UNSURE


def polarity(reader: Reader) -> tuple[bool, bool]:
    """(positive, weak) of the predicate under the reader."""
    count, weak = len(reader.negations), False
    if reader.subject is Tag.NOBODY:
        count += 1
    if count >= 2 and not reader.rhetoric:
        weak = True
    follower = reader.peek()
    if reader.rhetoric:
        count += 1 + (reader.rhetoric == "能不")
        weak = reader.rhetoric in ("怎么", "咋") and reader.negations[:1] in (["没"], ["没有"])
    if follower is not None and follower.tag is Tag.SCORN:
        count += 1
    return count % 2 == 0, weak
