"""Predicates: received, read, known, signed, promised, done - by whom, and whether at all."""

from __future__ import annotations

from dialer.ivr.clauses import Clause
from dialer.ivr.meanings import Meaning
from dialer.ivr.sense import DENIALS, FACTS, PREDICATES, Reader, polarity
from dialer.ivr.words import Tag

IN_PLACE_OF = frozenset({"帮", "替", "代", "帮着", "代替", "帮忙"})
_ADVERBS = frozenset({"亲笔", "亲自", "亲手"})


def fact(reader: Reader, tag: Tag) -> None:
    positive, weak = polarity(reader)
    token, follower = reader.clause.tokens[reader.at], reader.peek()
    if follower is not None and follower.word.startswith("不") and (tag is Tag.TROUBLE or token.word == "看"):
        return
    if follower is not None and follower.word == "得" and tag is Tag.READ:
        return
    asked = bool(reader.senses) and reader.senses[-1].meaning in (Meaning.QUERY, Meaning.REPEAT)
    if asked or (tag is Tag.SAID and reader.subject is Tag.SELF and not reader.negations):
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
        reader.say(FACTS[tag][0 if positive else 1], weak=weak)


def _reproached(clause: Clause, tag: Tag) -> bool:
    """说好保本, 当初说是存款: told one thing, sold another."""
    said = clause.has(Tag.SAID) or any(t.word in ("说", "讲", "当") for t in clause.tokens)
    return clause.has(Tag.REPROACH) or (tag is Tag.DEPOSIT and said)


def _future(clause: Clause) -> bool:
    return any(
        t.word in ("明天", "后天", "大后天", "下周", "过两天", "过几天", "过些天") for t in clause.tokens
    )


def _ends_with_le(reader: Reader) -> bool:
    follower = reader.peek()
    return follower is not None and follower.tag is Tag.BOUND


def _when(clause: Clause) -> bool:
    """签合同的时候: a time, not a statement."""
    return any(t.word in ("时候", "那天", "以后", "之后", "之前", "那会儿") for t in clause.tokens)


def signing(reader: Reader, tag: Tag) -> None:
    """Who signed: the subject nearest to the verb; 代 and 替 make it somebody else."""
    token = reader.clause.tokens[reader.at]
    if tag is Tag.OWN_HAND and token.word in _ADVERBS:
        reader.subject = Tag.SELF
        following = reader.next_meaningful()
        if following is not None and following.tag in (Tag.SIGN, Tag.OWN_HAND):
            return
    if tag is Tag.SIGN and reader.subject is None and (token.word == "写" or _when(reader.clause)):
        return
    if tag is Tag.OWN_HAND and any(t.word in IN_PLACE_OF for t in reader.clause.tokens[: reader.at]):
        tag = Tag.PROXY
    own = tag is Tag.OWN_HAND or (tag is Tag.SIGN and reader.subject is Tag.SELF)
    other = tag is Tag.PROXY or (tag is Tag.SIGN and reader.subject in (Tag.OTHER, Tag.SOMEBODY))
    positive, weak = polarity(reader)
    if own:
        undone = not positive and reader.negations and reader.negations[-1] not in DENIALS
        reader.say(
            Meaning.SIGNED if positive else Meaning.NOT_SIGNED if undone else Meaning.OTHER_SIGNED, weak=weak
        )
    elif other:
        reader.say(Meaning.OTHER_SIGNED if positive else Meaning.NO_PROXY, weak=weak)
    else:
        reader.say(Meaning.SIGNED_UNSAID if positive else Meaning.NOT_SIGNED, weak=weak)


def handle(reader: Reader) -> None:
    positive, _ = polarity(reader)
    if reader.subject is Tag.OTHER:
        reader.say(Meaning.OTHER_DID if positive else Meaning.UNSURE)
    elif reader.subject is Tag.SELF and not positive:
        reader.say(Meaning.OTHER_DID)


def promise(reader: Reader) -> None:
    word = reader.clause.tokens[reader.at].word
    following = reader.next_meaningful()
    vow = word == "保证" and following is not None and following.tag in (Tag.OWN_HAND, Tag.SIGN, Tag.COPULA)
    if not vow:
        fact(reader, Tag.PROMISE)


def no_more(reader: Reader) -> None:
    """没什么 is nothing, unless it negates what follows: 没什么问题, 没什么不清楚."""
    word, following = reader.clause.tokens[reader.at].word, reader.next_meaningful()
    if word in ("没什么", "没啥") and following is not None and following.tag in (*PREDICATES, Tag.NOT):
        reader.negations.append("没")
    else:
        reader.say(Meaning.NO_MORE)
