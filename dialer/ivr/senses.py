"""One clause to what it says: polarity, subject and predicate, read from left to right.

A negation reaches the next predicate; a second one cancels it (不是不清楚). A pronoun that a negation
can't take ends its reach (不,我收到了). Rhetorical words turn the polarity (怎么不是我签的, 清楚个啥).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

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


_BARE = {
    Tag.AGREE: Meaning.AGREE,
    Tag.WEAK: Meaning.WEAK,
    Tag.CONSENT: Meaning.CONSENT,
    Tag.EASE: Meaning.EASE,
    Tag.DENY: Meaning.DENY,
    Tag.NONE: Meaning.NONE,
    Tag.NOT_YET: Meaning.NOT_YET,
}
_FACTS: dict[Tag, tuple[Meaning, Meaning]] = {
    Tag.GRASP: (Meaning.KNOWN, Meaning.NOT_KNOWN),
    Tag.RECEIVE: (Meaning.RECEIVED, Meaning.NOT_RECEIVED),
    Tag.READ: (Meaning.READ, Meaning.NOT_READ),
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
_POSITIVE = frozenset(
    {*(facts[0] for facts in _FACTS.values()), Meaning.SIGNED, Meaning.SIGNED_UNSAID, Meaning.OTHER_SIGNED}
)
_PREDICATES = frozenset({*_FACTS, Tag.SIGN, Tag.OWN_HAND, Tag.PROXY, Tag.HANDLE})
_AS_ADVERB = frozenset({"当然", "的确", "确实", "肯定", "真的", "必须", "真是", "真的是"})
"""Agreement when alone; before a predicate only emphasis."""
_FOR = frozenset({"帮", "替", "代", "帮着", "代替", "帮忙"})
_AFTER_YES = frozenset(
    {
        Tag.COPULA,
        Tag.AGREE,
        Tag.BOUND,
        Tag.NOT,
        Tag.CHECK,
        Tag.PAUSE,
        Tag.COURTESY,
        Tag.WEAK,
        Tag.CONSENT,
        Tag.BYE,
    }
)
_ADVERBS = frozenset({"亲笔", "亲自", "亲手"})
_LIKELY_RHETORIC = frozenset(
    {"怎么会", "怎么可能", "哪能", "岂能", "谁说", "难道", "凭什么", "能不", "咋会", "哪会"}
)
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
        "不曾",
        "并未",
        "并没有",
        "并没",
        "从没",
        "从未",
        "根本没",
    }
)
_DENIALS = frozenset({"不", "不是", "并不", "非", "不可能"})


@dataclass(slots=True)
class _Reader:
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
            self.senses.append(Sense(_alone(self.negations), "".join(self.negations)))
            self.reset()


def _alone(negations: list[str]) -> Meaning:
    """不 and 不是 deny; 没 and 没有 answer 有没有."""
    last = negations[-1]
    if last in _DENIALS:
        return Meaning.DENY
    if last.startswith("还没") or last.endswith(("来得及", "没能")):
        return Meaning.NOT_YET
    return Meaning.NONE if last in _ABSENCES else Meaning.UNSURE


def _polarity(reader: _Reader) -> tuple[bool, bool]:
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


def _fact(reader: _Reader, tag: Tag) -> None:
    positive, weak = _polarity(reader)
    token, follower = reader.clause.tokens[reader.at], reader.peek()
    if follower is not None and follower.word.startswith("不") and (tag is Tag.TROUBLE or token.word == "看"):
        return
    split = tag is Tag.RECEIVE and token.word.endswith("到") and reader.negations[-1:] in (["不"], ["没有"])
    if split and follower is not None and follower.word == "了" and not reader.rhetoric:
        reader.drop_negation()
        positive, weak = True, True
    if tag is Tag.COMPLAINT and not positive and reader.subject is Tag.SELF:
        return
    if tag in (Tag.PROMISE, Tag.DEPOSIT) and positive and _reproached(reader.clause, tag):
        reader.say(Meaning.COMPLAINT)
    elif tag is Tag.TROUBLE and not positive and (reader.more or _ends_with_le(reader)):
        reader.say(Meaning.NO_MORE)
    elif tag is Tag.GRASP and weak and positive and reader.negations and reader.negations[0].startswith("没"):
        reader.say(Meaning.NOTHING_UNKNOWN)
    elif tag is Tag.RECEIVE and positive and reader.clause.has(Tag.LATER) and _future(reader.clause):
        reader.say(Meaning.NOT_RECEIVED)
    else:
        reader.say(_FACTS[tag][0 if positive else 1], weak=weak)


def _reproached(clause: Clause, tag: Tag) -> bool:
    """说好保本, 当初说是存款: told one thing, sold another."""
    said = clause.has(Tag.SAID) or any(t.word in ("说", "讲", "当") for t in clause.tokens)
    return clause.has(Tag.REPROACH) or (tag is Tag.DEPOSIT and said)


def _future(clause: Clause) -> bool:
    return any(
        t.word in ("明天", "后天", "大后天", "下周", "过两天", "过几天", "过些天") for t in clause.tokens
    )


def _ends_with_le(reader: _Reader) -> bool:
    follower = reader.peek()
    return follower is not None and follower.tag is Tag.BOUND


def _when(clause: Clause) -> bool:
    """签合同的时候: a time, not a statement."""
    return any(t.word in ("时候", "那天", "以后", "之后", "之前", "那会儿") for t in clause.tokens)


def _signing(reader: _Reader, tag: Tag) -> None:
    """Who signed: the subject nearest to the verb; 代 and 替 make it somebody else."""
    token = reader.clause.tokens[reader.at]
    if tag is Tag.OWN_HAND and token.word in _ADVERBS:
        reader.subject = Tag.SELF
        following = reader.next_meaningful()
        if following is not None and following.tag in (Tag.SIGN, Tag.OWN_HAND):
            return
    if tag is Tag.SIGN and reader.subject is None and (token.word == "写" or _when(reader.clause)):
        return
    if tag is Tag.OWN_HAND and any(t.word in _FOR for t in reader.clause.tokens[: reader.at]):
        tag = Tag.PROXY
    own = tag is Tag.OWN_HAND or (tag is Tag.SIGN and reader.subject is Tag.SELF)
    other = tag is Tag.PROXY or (tag is Tag.SIGN and reader.subject in (Tag.OTHER, Tag.SOMEBODY))
    positive, weak = _polarity(reader)
    if own:
        undone = not positive and reader.negations and reader.negations[-1] not in _DENIALS
        reader.say(
            Meaning.SIGNED if positive else Meaning.NOT_SIGNED if undone else Meaning.OTHER_SIGNED, weak=weak
        )
    elif other:
        reader.say(Meaning.OTHER_SIGNED if positive else Meaning.NO_PROXY, weak=weak)
    else:
        reader.say(Meaning.SIGNED_UNSAID if positive else Meaning.NOT_SIGNED, weak=weak)


def _negation(reader: _Reader) -> None:
    token, follower = reader.clause.tokens[reader.at], reader.peek()
    if follower is not None and (
        (follower.tag is Tag.SELF and token.word == "不")
        or (follower.tag is Tag.COPULA and token.word.startswith("没"))
    ):
        reader.negations.append(token.word)
        reader.drop_negation()
        return
    if reader.spent:
        reader.negations, reader.spent = [], False
    previous = reader.peek(-1)
    if previous is None or previous.word != token.word:
        reader.negations.append(token.word)


def _question(reader: _Reader) -> None:
    """什么 after a negation is "nothing"; after 知道 it is what is known; else the customer asks."""
    token, follower = reader.clause.tokens[reader.at], reader.peek()
    if follower is not None and follower.word in ("都", "也"):
        return
    if reader.negations and token.word in ("什么", "啥"):
        following = reader.next_meaningful()
        if following is None or following.tag not in (*_PREDICATES, Tag.NOT):
            reader.say(Meaning.NO_MORE)
            reader.reset()
        return
    last = reader.senses[-1].meaning if reader.senses else None
    if last is Meaning.NOT_KNOWN:
        return
    if last is Meaning.KNOWN and reader.peek() is not None:
        return
    if follower is not None and follower.tag is Tag.TROUBLE and not reader.have:
        reader.say(Meaning.REPEAT)
        return
    about = len(reader.clause.text) - len(token.word) >= 2 or token.word.startswith(
        ("怎么", "多少", "什么时")
    )
    reader.say(Meaning.QUERY if about and token.word != "什么意思" else Meaning.REPEAT)


def _rhetoric(reader: _Reader) -> None:
    token, following = reader.clause.tokens[reader.at], reader.next_meaningful()
    if reader.negations and token.word == "怎么":
        return
    if token.word == "哪有" and following is None:
        reader.say(Meaning.NONE)
        return
    asks = following is None or (
        following.tag in (Tag.SIGN, Tag.READ, Tag.HANDLE, Tag.OTHER)
        and token.word not in _LIKELY_RHETORIC
        and (token.word in ("怎么", "咋", "谁") or following.word.endswith("的"))
    )
    if not asks and following is not None and (following.tag in _PREDICATES or following.tag is Tag.NOT):
        reader.rhetoric = token.word
    elif not asks and following is not None and following.tag in (Tag.SELF, Tag.COPULA, Tag.OTHER, Tag.BOUND):
        reader.rhetoric = token.word
    elif reader.senses and reader.senses[-1].meaning is Meaning.OTHER_SIGNED and token.word == "谁":
        reader.senses[-1] = Sense(Meaning.SIGNED, reader.words())
    else:
        _question(reader)


def _subject(reader: _Reader, tag: Tag) -> None:
    if reader.senses:
        reader.reset()
    previous = reader.peek(-1)
    helped = previous is not None and previous.word in (*_FOR, "给", "跟", "对", "向", "和", "让")
    if not (tag is Tag.SELF and (reader.subject is Tag.NOBODY or (helped and reader.subject is not None))):
        reader.subject = tag


def _handle(reader: _Reader) -> None:
    positive, _ = _polarity(reader)
    if reader.subject is Tag.OTHER:
        reader.say(Meaning.OTHER_DID if positive else Meaning.UNSURE)
    elif reader.subject is Tag.SELF and not positive:
        reader.say(Meaning.OTHER_DID)


def _bare(reader: _Reader, tag: Tag) -> None:
    following = reader.peek()
    if reader.clause.tokens[reader.at].word in _AS_ADVERB and following is not None:
        if following.tag not in (Tag.PAUSE, Tag.BOUND, Tag.CHECK, Tag.AGREE, Tag.COPULA, Tag.COURTESY):
            return
    if reader.negations and tag is Tag.WEAK and reader.clause.tokens[reader.at].word.startswith("好"):
        reader.say(Meaning.DISSATISFIED)
    elif reader.negations and tag is Tag.CONSENT:
        if "说" in reader.clause.tokens[reader.at].word:
            return
        even = len(reader.negations) % 2 == 0
        busy = any(part in reader.clause.tokens[reader.at].word for part in ("方便", "有空", "有时间"))
        reader.say(Meaning.CONSENT if even else Meaning.BUSY if busy else Meaning.REFUSE, weak=even)
    elif reader.negations and tag is Tag.AGREE:
        reader.say(Meaning.DENY)
    elif tag is Tag.DENY and reader.rhetoric:
        reader.say(Meaning.AGREE, weak=True)
    else:
        reader.say(_BARE[tag], repair=reader.clause.tokens[reader.at].word in ("不对", "错了"))
    reader.reset()


def _have(reader: _Reader) -> None:
    reader.have = "有"
    following = reader.next_meaningful()
    if following is None or following.tag not in (*_PREDICATES, Tag.NOT, Tag.QUESTION, Tag.ASK):
        reader.say(Meaning.NONE if reader.negations or reader.rhetoric else Meaning.HAVE)
        reader.reset()


def _promise(reader: _Reader) -> None:
    word = reader.clause.tokens[reader.at].word
    following = reader.next_meaningful()
    vow = word == "保证" and following is not None and following.tag in (Tag.OWN_HAND, Tag.SIGN, Tag.COPULA)
    if not vow:
        _fact(reader, Tag.PROMISE)


def _no_more(reader: _Reader) -> None:
    """没什么 is nothing, unless it negates what follows: 没什么问题, 没什么不清楚."""
    word, following = reader.clause.tokens[reader.at].word, reader.next_meaningful()
    if word in ("没什么", "没啥") and following is not None and following.tag in (*_PREDICATES, Tag.NOT):
        reader.negations.append("没")
    else:
        reader.say(Meaning.NO_MORE)


def _ask(reader: _Reader) -> None:
    """我想问一下 announces a question; 我问一下我儿子 puts the answer off."""
    following = reader.next_meaningful()
    elsewhere = following is not None and following.tag in (Tag.OTHER, Tag.SELF)
    reader.say(Meaning.UNSURE if elsewhere else Meaning.MORE)


def _copula(reader: _Reader) -> None:
    """是 alone agrees; X是X concedes; before anything else it only links."""
    following, last = reader.peek(), reader.senses[-1] if reader.senses else None
    if last is not None and last.meaning in _POSITIVE:
        then = reader.next_meaningful()
        if then is not None and then.tag is not None and _FACTS.get(then.tag, (None,))[0] is last.meaning:
            reader.senses[-1] = replace(last, conceded=True)
        elif then is not None and then.tag is Tag.SIGN and last.meaning is Meaning.SIGNED_UNSAID:
            reader.senses[-1] = replace(last, conceded=True)
        reader.reset()
    elif last is not None and last.meaning not in (Meaning.AGREE, Meaning.WEAK):
        reader.reset()
    elif following is not None and following.word == "保险" and reader.peek(2) is None:
        reader.say(Meaning.KNOWN)
    elif following is None or following.tag in _AFTER_YES or following.word in ("的", "滴"):
        reader.say(Meaning.NOT_ME if reader.negations else Meaning.AGREE)


def _end(reader: _Reader) -> None:
    """What is left when the clause ends without a predicate."""
    reader.at = len(reader.clause.tokens) - 1
    first = reader.clause.tokens[0].tag if reader.clause.tokens else None
    if reader.negations and not reader.spent:
        if reader.subject in (Tag.SELF, Tag.OTHER) and reader.negations[-1] == "不是":
            stranger = reader.subject is Tag.OTHER and first is Tag.SELF
            reader.say(Meaning.WRONG if stranger else Meaning.NOT_ME)
        elif reader.senses and reader.senses[-1].meaning in _POSITIVE:
            reader.senses[-1] = Sense(Meaning.UNSURE, reader.words())
        else:
            reader.say(_alone(reader.negations))
    elif reader.senses:
        return
    elif reader.subject is Tag.NOBODY:
        reader.say(Meaning.NONE)
    elif reader.subject is Tag.SOMEBODY:
        reader.say(Meaning.HAVE)
    elif reader.subject is Tag.SELF and _names_self(reader.clause):
        reader.say(Meaning.ME, weak=reader.clause.unknown > 0)
    elif reader.subject is Tag.OTHER and reader.clause.has(Tag.COPULA):
        reader.say(Meaning.WRONG if first is Tag.SELF else Meaning.NOT_ME)
    elif reader.clause.text == "就是":
        reader.say(Meaning.AGREE)


def _names_self(clause: Clause) -> bool:
    """是我, 我就是, 我是王芳: nothing but the person."""
    plain = (Tag.SELF, Tag.COPULA, Tag.AGREE, Tag.BUT, Tag.PAUSE, Tag.COURTESY, Tag.BOUND)
    named = clause.has(Tag.COPULA) and clause.tokens[0].tag is Tag.SELF and clause.unknown <= 4
    return all(t.tag in plain or t.word in "就的都啊" or (t.tag is None and named) for t in clause.tokens)


def _read(reader: _Reader, token: Token) -> None:
    tag = token.tag
    if tag is Tag.PROMISE:
        _promise(reader)
    elif tag in _FACTS:
        _fact(reader, tag)
        reader.more = reader.more or tag is Tag.MORE
    elif tag in (Tag.SIGN, Tag.OWN_HAND, Tag.PROXY):
        _signing(reader, tag)
    elif tag in _BARE:
        _bare(reader, tag)
    elif tag in (Tag.SELF, Tag.OTHER, Tag.NOBODY, Tag.SOMEBODY):
        _subject(reader, tag)
    elif tag is Tag.BUSY and token.word.startswith("没") and reader.clause.has(Tag.READ):
        reader.negations.append("没")
    elif tag in _STEPS:
        _STEPS[tag](reader)


_STEPS: dict[Tag, Callable[[_Reader], None]] = {
    Tag.NOT: _negation,
    Tag.QUESTION: _question,
    Tag.RHETORIC: _rhetoric,
    Tag.HANDLE: _handle,
    Tag.HAVE: _have,
    Tag.NO_MORE: _no_more,
    Tag.COPULA: _copula,
    Tag.REPAIR: lambda reader: reader.say(Meaning.DENY, repair=True),
    Tag.NEEDLESS: lambda reader: reader.say(Meaning.NEEDLESS),
    Tag.ASK: _ask,
    Tag.UNSURE: lambda reader: reader.say(Meaning.UNSURE),
    Tag.MIDDLING: lambda reader: reader.say(Meaning.UNSURE),
    Tag.WHAT_MATTER: lambda reader: reader.say(Meaning.MATTER),
    Tag.HELLO: lambda reader: reader.say(Meaning.HELLO),
}


def senses(clause: Clause) -> list[Sense]:
    """What one clause says, in order. A clause that asks or guesses is unsure as a whole."""
    reader = _Reader(clause)
    for at, token in enumerate(clause.tokens):
        reader.at = at
        if token.tag is Tag.WHETHER:
            if not reader.senses:
                reader.say(Meaning.UNSURE)
            break
        if token.tag is Tag.BOUND and token.word not in "了啦喽咯":
            reader.drop_negation()
        _read(reader, token)
    else:
        _end(reader)
    return reader.senses
