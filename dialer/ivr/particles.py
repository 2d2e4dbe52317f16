"""Words that answer by themselves: 是, 对, 嗯, 可以, 不对 - and when they don't."""

from __future__ import annotations

from dataclasses import replace

from dialer.ivr.clauses import Token
from dialer.ivr.meanings import Meaning
from dialer.ivr.sense import FACTS, POSITIVE, PREDICATES, Reader, scorned
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
    """A word of ``BARE``: what it answers, unless it is part of something else."""
    word, following = reader.token.word, reader.peek()
    if reader.spent:
        reader.reset()
    if _belongs(reader, tag):
        return
    if _uncommitted(reader, tag):
        reader.say(Meaning.UNSURE)
        return
    if tag in (Tag.NONE, Tag.NOT_YET) and _denies_more(reader):
        reader.negations.append(word)  # 从来没有看过, 还未收到
        return
    if _leads_on(reader, tag):
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


def _belongs(reader: Reader, tag: Tag) -> bool:
    """可以保本, 没好好看, 没人讲嘛: a word in the reach of another."""
    word, following = reader.token.word, reader.peek()
    if tag is Tag.CONSENT and reader.subject is Tag.NOBODY:
        return True
    if reader.negations and tag in (Tag.WEAK, Tag.AGREE) and word in EMPHASIS | {"好好"}:
        return True
    return word == "可以" and following is not None and following.tag in PREDICATES


def _uncommitted(reader: Reader, tag: Tag) -> bool:
    """他对, 怎样都可以, 嗯这个, 你问我老婆: it commits the customer to nothing."""
    word, following, then, speaker = reader.token.word, reader.peek(), reader.peek(2), reader.peek(-1)
    own = tag is Tag.AGREE or (tag is Tag.CONSENT and not word.endswith(_INVITING))
    of_him = speaker is not None and speaker.tag is Tag.OTHER and not _addressed(reader)
    if own and of_him and not reader.negations:
        return True
    if tag in (Tag.WEAK, Tag.CONSENT) and _whatever(reader):
        return True
    if tag is Tag.WEAK and _hesitates(reader):
        return True
    if tag is not Tag.CONSENT or following is None:
        return False
    wife = following.tag is Tag.SELF and then is not None and then.tag is Tag.OTHER
    return wife or (word.endswith("问") and following.tag is Tag.OTHER)


def _leads_on(reader: Reader, tag: Tag) -> bool:
    """你说清楚不清楚, 当然收到了: no answer, but the way to one."""
    word, following = reader.token.word, reader.peek()
    if reader.at and word in _ALSO_PARTICLES and reader.peek(-1) != reader.token:
        return True
    if following is None:
        return False
    invites = tag is Tag.CONSENT and word.endswith(_INVITING) and following.tag not in _CLOSING
    return invites or (following.tag not in _EMPHATIC_END and word in EMPHASIS)


def _denies_more(reader: Reader) -> bool:
    """An absence before a predicate of its own clause denies that, and is no answer by itself."""
    follower, target = reader.peek(), reader.next_meaningful()
    if follower is not None and follower.word == "好好":
        target = reader.peek(2)  # 从来没有好好看
    ends = follower is None or follower.tag in (Tag.PAUSE, Tag.BOUND, Tag.CHECK, Tag.COURTESY, Tag.LINK)
    absence = reader.token.word.endswith(("没有", "没", "未", "不曾"))
    return absence and not ends and target is not None and target.tag in PREDICATES


def _addressed(reader: Reader) -> bool:
    """姑娘,对 speaks to the caller; 他对, 我老公对 speak of another."""
    before = reader.peek(-2)
    named = (reader.peek(-1) or reader.token).word in ("他", "她", "他们", "她们", "别人", "人家", "业务员")
    return not named and (before is None or before.tag is not Tag.SELF)


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
