"""Words that answer by themselves: 是, 对, 嗯, 可以, 不对 - and when they don't."""

from __future__ import annotations

from dataclasses import replace

from dialer.ivr.clauses import Token
from dialer.ivr.meanings import Meaning
from dialer.ivr.sense import FACTS, POSITIVE, Reader, scorned
from dialer.ivr.tags import Tag

BARE = {
    Tag.AGREE: Meaning.AGREE,
    Tag.WEAK: Meaning.WEAK,
    Tag.CONSENT: Meaning.CONSENT,
    Tag.EASE: Meaning.EASE,
    Tag.DENY: Meaning.DENY,
    Tag.NONE: Meaning.NONE,
    Tag.NOT_YET: Meaning.NOT_YET,
}
EMPHASIS = frozenset({"当然", "的确", "确实", "肯定", "真的", "必须", "真是", "真的是", "那当然", "确定"})
"""Agreement when alone; before a predicate only emphasis."""
_ALSO_PARTICLES = frozenset({"哦", "噢", "喔", "诶", "哎", "唔", "昂"})
"""Acknowledgements at the start of a clause, particles after a word: 没哦."""
_AFTER_YES = frozenset(
    {
        Tag.COPULA, Tag.AGREE, Tag.BOUND, Tag.NOT, Tag.CHECK, Tag.PAUSE, Tag.COURTESY, Tag.WEAK, Tag.CONSENT,
        Tag.BYE,
    }
)  # fmt: skip
_INVITING = ("说", "讲", "问")
_CLOSING = frozenset(
    {
        Tag.PAUSE, Tag.CHECK, Tag.COURTESY, Tag.CONSENT, Tag.AGREE, Tag.WEAK, Tag.EASE, Tag.BYE, Tag.SELF,
        Tag.HELLO, Tag.BUT, Tag.TROUBLE,
    }
)  # fmt: skip
_EMPHATIC_END = frozenset({Tag.PAUSE, Tag.BOUND, Tag.CHECK, Tag.AGREE, Tag.COPULA, Tag.COURTESY})
NOMINAL = Token("的", Tag.LINK)


def bare(reader: Reader, tag: Tag) -> None:
    word, following = reader.token.word, reader.peek()
    if reader.spent:
        reader.reset()
    if reader.negations and tag in (Tag.WEAK, Tag.AGREE) and reader.token.word in EMPHASIS | {"好好"}:
        return  # 没好好看, 不确实知道
    if tag is Tag.CONSENT and reader.subject is Tag.NOBODY:
        return  # 没人讲嘛
    if tag in (Tag.WEAK, Tag.CONSENT) and _whatever(reader):
        reader.say(Meaning.UNSURE)
        return
    if tag is Tag.WEAK and _hesitates(reader):
        reader.say(Meaning.UNSURE)
        return
    then = reader.peek(2)
    if tag is Tag.CONSENT and following and following.tag is Tag.SELF and then and then.tag is Tag.OTHER:
        reader.say(Meaning.UNSURE)  # 你问我老婆
        return
    if tag is Tag.CONSENT and word.endswith(_INVITING) and following and following.tag not in _CLOSING:
        return  # 你说清楚不清楚: no invitation
    if reader.at and word in _ALSO_PARTICLES and reader.peek(-1) != reader.token:
        if reader.spent:
            reader.reset()
        return
    if following is not None and following.tag not in _EMPHATIC_END and word in EMPHASIS:
        return
    if scorned(reader) or (tag is Tag.CONSENT and following is not None and following.word == "呢"):
        denied = scorned(reader) and tag is Tag.AGREE
        reader.say(Meaning.DENY if denied else Meaning.UNSURE)  # 对个屁, 好个屁, 你说呢
    elif reader.rhetoric and tag is Tag.AGREE:
        reader.say(Meaning.DENY)
    elif reader.negations and tag is Tag.WEAK and word.startswith("好"):
        reader.say(Meaning.DISSATISFIED)
    elif reader.negations and tag is Tag.CONSENT:
        if "说" in word or word == "来吧":
            return
        even = len(reader.negations) % 2 == 0
        busy = any(part in word for part in ("方便", "有空", "有时间"))
        reader.say(Meaning.CONSENT if even else Meaning.BUSY if busy else Meaning.REFUSE)
    elif reader.negations and tag is Tag.AGREE:
        reader.say(Meaning.DENY)
    elif tag is Tag.DENY and reader.rhetoric:
        reader.say(Meaning.AGREE)
    else:
        reader.say(BARE[tag], repair=word in ("不对", "错了"))
    reader.reset()


def _whatever(reader: Reader) -> bool:
    """怎样都可以, 啥都好: indifferent, no consent."""
    all_, asked = reader.peek(-1), reader.peek(-2)
    indefinite = asked is not None and (
        asked.tag is Tag.QUESTION or asked.word in ("怎么", "咋", "哪个", "随便")
    )
    whichever = asked is not None and asked.tag in (Tag.HAVE, Tag.NOT, Tag.SIGN, *FACTS)  # 有也行没有也行
    return all_ is not None and (
        (indefinite and all_.word in ("都", "也")) or (whichever and all_.word == "也")
    )


def _hesitates(reader: Reader) -> bool:
    """嗯这个, 哦这样: nothing is said yet."""
    rest = reader.clause.tokens[reader.at + 1 :]
    return bool(rest) and all(t.tag is Tag.THIS or t.word in ("这样", "那样") for t in rest)


def copula(reader: Reader) -> None:
    """是 alone agrees; X是X concedes; before anything else it only links."""
    following, last = reader.peek(), reader.senses[-1] if reader.senses else None
    previous, before = reader.peek(-1), reader.peek(-2)
    if previous is not None and previous.tag is Tag.SELF and before is not None and before.word == "不是":
        reader.say(Meaning.NOT_ME)  # 不是我是我老婆签的
        reader.reset()
        return
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
    elif (
        following is not None
        and following.word in ("你说", "你讲")
        and (reader.peek(2) or NOMINAL) == NOMINAL
    ):
        reader.say(Meaning.UNSURE)  # 是你说的
    elif following is None or following.tag in _AFTER_YES or following.word in ("的", "滴", "又", "也"):
        if reader.rhetoric:
            reader.say(Meaning.DENY)  # 怎么会是
        else:
            reader.say(Meaning.NOT_ME if reader.negations else Meaning.AGREE)
