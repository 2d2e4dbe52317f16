"""One clause to what it says: polarity, subject and predicate, read from left to right.

A negation reaches the next predicate; a second one cancels it (不是不清楚). A pronoun that a negation
can't take ends its reach (不,我收到了). Rhetorical words turn the polarity (怎么不是我签的, 清楚个啥).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from dialer.ivr.clauses import Clause, Token
from dialer.ivr.meanings import Meaning
from dialer.ivr.predicates import IN_PLACE_OF, fact, handle, no_more, promise, signing
from dialer.ivr.sense import FACTS, POSITIVE, PREDICATES, Reader, Sense, alone
from dialer.ivr.words import Tag

_BARE = {
    Tag.AGREE: Meaning.AGREE,
    Tag.WEAK: Meaning.WEAK,
    Tag.CONSENT: Meaning.CONSENT,
    Tag.EASE: Meaning.EASE,
    Tag.DENY: Meaning.DENY,
    Tag.NONE: Meaning.NONE,
    Tag.NOT_YET: Meaning.NOT_YET,
}
_AS_ADVERB = frozenset({"当然", "的确", "确实", "肯定", "真的", "必须", "真是", "真的是"})
"""Agreement when alone; before a predicate only emphasis."""
_TURNED = PREDICATES | {Tag.NOT, Tag.SELF, Tag.COPULA, Tag.OTHER, Tag.BOUND}
"""What a rhetorical word can turn: 怎么不, 谁说我, 哪能."""
_ALSO_PARTICLES = frozenset({"哦", "噢", "喔", "诶", "哎", "唔", "昂"})
"""Acknowledgements at the start of a clause, particles after a word: 没哦."""
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
_ANEW = frozenset({"从来没", "从来没有", "从没", "从未", "根本没", "还没", "还没有"})
"""Negations that begin a statement: 没有没有,从来没说过."""
_LIKELY_RHETORIC = frozenset(
    {"鬼才", "怎么会", "怎么可能", "哪能", "岂能", "谁说", "难道", "凭什么", "能不", "咋会", "哪会"}
)


def _negation(reader: Reader) -> None:
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
    if token.word in _ANEW and previous is not None and previous.tag is Tag.NOT:
        reader.drop_negation()
    if previous is None or previous.word != token.word:
        reader.negations.append(token.word)


def _question(reader: Reader) -> None:
    """什么 after a negation is "nothing"; after 知道 it is what is known; else the customer asks."""
    token, follower = reader.clause.tokens[reader.at], reader.peek()
    if follower is not None and follower.word in ("都", "也"):
        return
    if reader.negations and token.word in ("什么", "啥"):
        following = reader.next_meaningful()
        if following is None or following.tag not in (*PREDICATES, Tag.NOT):
            reader.say(Meaning.NO_MORE)
            reader.reset()
        return
    last = reader.senses[-1].meaning if reader.senses else None
    if last is Meaning.NOT_KNOWN:
        return
    if last is Meaning.KNOWN and reader.peek() is not None:
        return
    if last in (Meaning.KNOWN, Meaning.RECEIVED, Meaning.READ) and token.word in ("什么", "啥"):
        reader.senses[-1] = Sense(Meaning.UNSURE, reader.words())  # 清楚什么: asks back, or scoffs
        return
    if follower is not None and follower.tag is Tag.TROUBLE and not reader.have:
        reader.say(Meaning.REPEAT)
        return
    about = len(reader.clause.text) - len(token.word) >= 2 or token.word.startswith(
        ("怎么", "多少", "什么时")
    )
    reader.say(Meaning.QUERY if about and token.word != "什么意思" else Meaning.REPEAT)


def _rhetoric(reader: Reader) -> None:
    token, following = reader.clause.tokens[reader.at], reader.next_meaningful()
    if reader.negations and token.word in ("怎么", "哪里", "哪儿", "哪"):
        return
    if token.word in ("怎么", "咋") and any(
        t.word.startswith(("你", "您")) for t in reader.clause.tokens[: reader.at]
    ):
        reader.say(Meaning.QUERY)
        return
    if token.word in ("哪有", "哪里有", "哪儿有") and following is None:
        reader.say(Meaning.NONE)
        return
    asks = following is None or (
        following.tag in (Tag.SIGN, Tag.READ, Tag.HANDLE, Tag.OTHER)
        and token.word not in _LIKELY_RHETORIC
        and (token.word in ("怎么", "咋", "谁") or following.word.endswith("的"))
    )
    if not asks and following is not None and following.tag in _TURNED:
        reader.rhetoric = token.word
    elif reader.senses and reader.senses[-1].meaning is Meaning.OTHER_SIGNED and token.word == "谁":
        reader.senses[-1] = Sense(Meaning.SIGNED, reader.words())
    else:
        _question(reader)


def _subject(reader: Reader, tag: Tag) -> None:
    previous = reader.peek(-1)
    if reader.senses:
        denied = previous is not None and previous.word == "不是" and not reader.spent
        reader.reset()
        if denied:  # 签名不是我: the denial is of the person
            reader.negations = ["不是"]
    helped = previous is not None and previous.word in (*IN_PLACE_OF, "给", "跟", "对", "向", "和", "让")
    if not (tag is Tag.SELF and (reader.subject is Tag.NOBODY or (helped and reader.subject is not None))):
        reader.subject = tag


def _bare(reader: Reader, tag: Tag) -> None:
    word = reader.clause.tokens[reader.at].word
    if reader.at and word in _ALSO_PARTICLES and reader.peek(-1) != reader.clause.tokens[reader.at]:
        if reader.spent:
            reader.reset()
        return
    following = reader.peek()
    closing = (Tag.PAUSE, Tag.BOUND, Tag.CHECK, Tag.AGREE, Tag.COPULA, Tag.COURTESY)
    emphasis = following is not None and following.tag not in closing
    if emphasis and reader.clause.tokens[reader.at].word in _AS_ADVERB:
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


def _have(reader: Reader) -> None:
    reader.have = "有"
    if reader.senses and reader.senses[-1].meaning in (Meaning.KNOWN, Meaning.NOT_KNOWN):
        return
    following = reader.next_meaningful()
    if following is None or following.tag not in (*PREDICATES, Tag.NOT, Tag.QUESTION, Tag.ASK):
        reader.say(Meaning.NONE if reader.negations or reader.rhetoric else Meaning.HAVE)
        reader.reset()


def _ask(reader: Reader) -> None:
    """我想问一下 announces a question; 我问一下我儿子 puts the answer off."""
    following = reader.next_meaningful()
    elsewhere = following is not None and following.tag in (Tag.OTHER, Tag.SELF)
    reader.say(Meaning.UNSURE if elsewhere else Meaning.MORE)


def _copula(reader: Reader) -> None:
    """是 alone agrees; X是X concedes; before anything else it only links."""
    following, last = reader.peek(), reader.senses[-1] if reader.senses else None
    if last is not None and last.meaning in POSITIVE:
        then = reader.next_meaningful()
        tag = then.tag if then is not None else None
        again = tag in FACTS and FACTS[tag][0] is last.meaning
        if again or (tag is Tag.SIGN and last.meaning is Meaning.SIGNED_UNSAID):
            reader.senses[-1] = replace(last, conceded=True)
        reader.reset()
    elif last is not None and last.meaning not in (Meaning.AGREE, Meaning.WEAK):
        reader.reset()
    elif following is not None and following.word == "保险" and reader.peek(2) is None:
        reader.say(Meaning.KNOWN)
    elif following is None or following.tag in _AFTER_YES or following.word in ("的", "滴"):
        reader.say(Meaning.NOT_ME if reader.negations else Meaning.AGREE)


def _end(reader: Reader) -> None:
    """What is left when the clause ends without a predicate."""
    reader.at = len(reader.clause.tokens) - 1
    first = reader.clause.tokens[0].tag if reader.clause.tokens else None
    if reader.negations and not reader.spent:
        if reader.subject in (Tag.SELF, Tag.OTHER) and reader.negations[-1] == "不是":
            stranger = reader.subject is Tag.OTHER and first is Tag.SELF
            reader.say(Meaning.WRONG if stranger else Meaning.NOT_ME)
        elif reader.senses and reader.senses[-1].meaning in POSITIVE:
            reader.senses[-1] = Sense(Meaning.UNSURE, reader.words())
        elif reader.rhetoric:
            reader.say(Meaning.AGREE, weak=True)
        else:
            reader.say(alone(reader.negations))
    elif _introduces(reader):
        reader.say(Meaning.NOT_ME)
    elif any(sense.meaning not in (Meaning.HELLO, Meaning.WEAK) for sense in reader.senses):
        return
    elif reader.subject is Tag.NOBODY:
        reader.say(Meaning.NONE)
    elif reader.subject is Tag.SOMEBODY:
        reader.say(Meaning.HAVE)
    elif reader.subject is Tag.SELF and _names_self(reader.clause):
        reader.say(Meaning.ME, weak=reader.clause.unknown > 0)
    elif reader.subject is Tag.OTHER and reader.clause.has(Tag.COPULA):
        reader.say(Meaning.WRONG if first is Tag.SELF else Meaning.NOT_ME)
    elif all(t.word == "就是" or t.tag is Tag.PAUSE for t in reader.clause.tokens) and reader.clause.has(
        Tag.BUT
    ):
        reader.say(Meaning.AGREE)


def _introduces(reader: Reader) -> bool:
    """对她是我妈, 对是我妈: the particle agrees to who it is, and that is somebody else."""
    tags = [token.tag for token in reader.clause.tokens]
    triples = list(zip(tags, tags[1:], tags[2:], strict=False))
    other = (Tag.OTHER, Tag.COPULA, Tag.SELF) in triples or (Tag.COPULA, Tag.SELF, Tag.OTHER) in triples
    agreed = bool(reader.senses) and all(sense.meaning is Meaning.AGREE for sense in reader.senses)
    return agreed and other and reader.subject is Tag.OTHER


def _names_self(clause: Clause) -> bool:
    """是我, 我就是, 我是王芳: nothing but the person."""
    plain = (
        Tag.HELLO,
        Tag.WEAK,
        Tag.SELF,
        Tag.COPULA,
        Tag.AGREE,
        Tag.BUT,
        Tag.PAUSE,
        Tag.COURTESY,
        Tag.BOUND,
    )
    named = clause.has(Tag.COPULA) and clause.tokens[0].tag is Tag.SELF and clause.unknown <= 4
    return all(t.tag in plain or t.word in "就的都啊" or (t.tag is None and named) for t in clause.tokens)


def _read(reader: Reader, token: Token) -> None:
    tag = token.tag
    if tag is Tag.PROMISE:
        promise(reader)
    elif tag in FACTS:
        fact(reader, tag)
        reader.more = reader.more or tag is Tag.MORE
    elif tag in (Tag.SIGN, Tag.OWN_HAND, Tag.PROXY):
        signing(reader, tag)
    elif tag in _BARE:
        _bare(reader, tag)
    elif tag in (Tag.SELF, Tag.OTHER, Tag.NOBODY, Tag.SOMEBODY):
        _subject(reader, tag)
    elif tag in (Tag.BUSY, Tag.UNSURE) and token.word.startswith("没") and reader.clause.has(Tag.READ):
        reader.negations.append("没")
    elif tag in _STEPS:
        _STEPS[tag](reader)


_STEPS: dict[Tag, Callable[[Reader], None]] = {
    Tag.NOT: _negation,
    Tag.QUESTION: _question,
    Tag.RHETORIC: _rhetoric,
    Tag.HANDLE: handle,
    Tag.HAVE: _have,
    Tag.NO_MORE: no_more,
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
    reader = Reader(clause)
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
