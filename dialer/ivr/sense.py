"""What one clause says, and the state of reading it: negations, subject, rhetoric."""

from __future__ import annotations

from dataclasses import dataclass, field

from dialer.ivr.clauses import Clause, Token
from dialer.ivr.meanings import BARE, Meaning
from dialer.ivr.scope import Doubt
from dialer.ivr.tags import FILLERS, Tag


@dataclass(frozen=True, slots=True)
class Sense:
    """One thing that a clause says."""

    meaning: Meaning
    words: str
    repair: bool = False
    """It takes back what was said before it."""
    conceded: bool = False
    """X是X了: granted, whatever comes after it."""
    doubt: Doubt = Doubt.NONE
    weak: bool = False
    """A yes in it needs confirming: said in a roundabout way (不是不清楚) or true in part."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One clause. ``intent``: what it means to every question, and then ``said`` counts for nothing."""

    clause: Clause
    said: tuple[Sense, ...]
    intent: Meaning | None = None


FACTS: dict[Tag, tuple[Meaning, Meaning]] = {
    Tag.GRASP: (Meaning.KNOWN, Meaning.NOT_KNOWN),
    Tag.RECEIVE: (Meaning.RECEIVED, Meaning.NOT_RECEIVED),
    Tag.READ: (Meaning.READ, Meaning.NOT_READ),
    Tag.MUDDLED: (Meaning.NOT_KNOWN, Meaning.UNSURE),
    Tag.CONTENT: (Meaning.SATISFIED, Meaning.DISSATISFIED),
    Tag.DISCONTENT: (Meaning.DISSATISFIED, Meaning.UNSURE),
    Tag.PROMISE: (Meaning.PROMISED, Meaning.NO_PROMISE),
    Tag.SAID: (Meaning.TOLD, Meaning.NOT_TOLD),
    Tag.HEARSAY: (Meaning.TOLD, Meaning.NOT_TOLD),
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
DENIALS = frozenset({"不", "不是", "才不是", "才不", "并不", "并不是", "非", "不可能", "也不是"})
IN_PLACE_OF = frozenset({"帮", "替", "代", "帮着", "代替", "帮忙"})
REFLEXIVE = frozenset({"自己", "自个", "自个儿", "自己个", "亲笔", "亲自", "亲手", "本人"})
"""The person named before: 业务员自己签的."""
_OPENLY = frozenset(
    {
        "直接", "当面", "当场", "明确", "明确地", "主动", "亲口", "书面", "口头", "明着", "怎么", "明说",
        "亲自", "正式",
    }
)  # fmt: skip
_HARDLY = frozenset({"没怎么", "不怎么", "没咋", "不大", "不太"})
ABSURD = frozenset({"才怪", "就怪了", "怪了", "才有鬼", "有鬼了", "才见鬼", "见鬼"})
NOT_FOLLOWED = frozenset({"没听懂", "没听明白", "听不懂", "听不明白"})
ABSENCES = frozenset(
    {
        "没", "没有", "未", "无", "冇", "莫", "木有", "没得", "才没", "才没有", "不曾", "并未", "并没有",
        "并没", "从没", "从未", "根本没", "真没", "真没有", "确实没有", "从来没", "从来没有",
    }
)  # fmt: skip


@dataclass(slots=True)
class Reader:
    """What has been read of one clause so far. ``doubt`` holds one entry for each token."""

    clause: Clause
    doubt: list[Doubt]
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

    @property
    def token(self) -> Token:
        return self.clause.tokens[self.at]

    @property
    def stated(self) -> bool:
        """Something was said that is more than a yes or a no."""
        return any(sense.meaning not in BARE for sense in self.senses)

    def peek(self, ahead: int = 1) -> Token | None:
        place = self.at + ahead
        return self.clause.tokens[place] if 0 <= place < len(self.clause.tokens) else None

    def next_meaningful(self) -> Token | None:
        """The next word that isn't a filler."""
        rest = self.clause.tokens[self.at + 1 :]
        passing = (Tag.COURTESY, Tag.PAUSE, None)
        return next((t for t in rest if t.tag not in passing and t.tag not in FILLERS), None)

    def words(self) -> str:
        return "".join(t.word for t in self.clause.tokens[self.start : self.at + 1])

    def say(self, meaning: Meaning, *, repair: bool = False, weak: bool | None = None) -> None:
        weak = _turned_twice(self) if weak is None else weak
        self.senses.append(Sense(meaning, self.words(), repair, doubt=self.doubt[self.at], weak=weak))
        self.start = self.at + 1
        self.spent = True

    def amend(self, meaning: Meaning) -> None:
        """The last thing said turns out to mean something else."""
        self.senses[-1] = Sense(meaning, self.senses[-1].words + self.words(), doubt=self.doubt[self.at])

    def reset(self) -> None:
        """Forget negation and subject: their reach is over."""
        self.negations, self.rhetoric, self.subject, self.have = [], "", None, ""

    def drop_negation(self) -> None:
        """The negation stands alone: it was an answer, not part of what follows."""
        if self.negations:
            said = Sense(alone(self.negations), "".join(self.negations), doubt=self.doubt[self.at])
            self.senses.append(said)
            self.reset()


def alone(negations: list[str]) -> Meaning:
    """不 and 不是 deny; 没 and 没有 answer 有没有."""
    last = negations[-1]
    if last in DENIALS:
        return Meaning.DENY
    if last in ABSENCES and any(word not in (*ABSENCES, "不") for word in negations[:-1]):
        return Meaning.UNSURE  # 不能说没有
    if last.startswith("还没") or last.endswith(("来得及", "没能")):
        return Meaning.NOT_YET
    return Meaning.NONE if last in ABSENCES else Meaning.UNSURE


def _turned_twice(reader: Reader) -> bool:
    """不是不清楚, 没人没收到, 怎么没收到: less than a plain yes."""
    if reader.rhetoric:
        return reader.rhetoric in ("怎么", "咋") and reader.negations[:1] in (["没"], ["没有"])
    return len(reader.negations) + (reader.subject is Tag.NOBODY) >= 2


def scorned(reader: Reader) -> bool:
    """清楚个啥 turns an affirmation; 收到了才怪, 收到那是不可能的 turn whatever stands before them."""
    rest = reader.clause.tokens[reader.at + 1 :]
    passed = FILLERS | {Tag.BOUND, Tag.COPULA, Tag.PAUSE, Tag.COURTESY}
    left = [t for t in rest if t.tag not in passed]
    if [t.word for t in left if t.tag is not Tag.AGREE] == ["不可能"]:
        return True
    if not left or left[0].tag is not Tag.SCORN:
        return False
    return not reader.negations or left[0].word in ABSURD


def only_so(reader: Reader) -> bool:
    """没直接承诺, 没怎么教我: what is denied is the manner."""
    tokens = reader.clause.tokens[: reader.at]
    places = [i for i, t in enumerate(tokens) if t.tag in (Tag.NOT, Tag.NOBODY)]
    between = tokens[places[-1] + 1 :] if places else ()
    return any(t.word in _OPENLY for t in between) or (bool(places) and tokens[places[-1]].word in _HARDLY)


def positive(reader: Reader) -> bool:
    """Whether the predicate under the reader is affirmed: an even number of turns."""
    turns = len(reader.negations) + (reader.subject is Tag.NOBODY)
    if reader.rhetoric:
        turns += 1 + (reader.rhetoric == "能不")
    turns += scorned(reader)
    return turns % 2 == 0
