"""Question words: asked, embedded (什么时候签的忘了), "anything" beside a negation, or rhetorical."""

from __future__ import annotations

from dialer.ivr.meanings import Meaning
from dialer.ivr.sense import (
    FACTS,
    PREDICATES,
    Reader,
)
from dialer.ivr.tags import Tag

_TURNED = PREDICATES | {Tag.NOT, Tag.SELF, Tag.COPULA, Tag.OTHER, Tag.BOUND}
"""What a rhetorical word can turn: 怎么不, 谁说我, 哪能."""
_SURELY_RHETORIC = frozenset(
    {
        "谁敢",
        "哪个敢",
        "哪敢",
        "鬼才",
        "怎么会",
        "怎么可能",
        "哪能",
        "岂能",
        "谁说",
        "难道",
        "凭什么",
        "能不",
        "咋会",
        "哪会",
        "哪是",
    }
)
_SCOFFING = frozenset({"什么", "啥", "为什么", "为啥", "什么时候", "几时"})
_NO_SUCH = ("哪有什么", "哪有啥", "哪来什么", "哪来的什么", "哪来啥")
_WHAT = frozenset({"什么", "啥", "哪个", "什么合同", "什么产品", "什么单", "什么东西", "啥东西"})
_ASKED_ABOUT = frozenset(
    {
        Tag.TOPIC, Tag.PAPER, Tag.WORD, Tag.HANDLE, Tag.RECEIVE, Tag.READ, Tag.GRASP, Tag.MEDIUM, Tag.DEPOSIT,
        Tag.SIGN,
    }
)  # fmt: skip
"""A question with one of these asks about the policy; any other only asks what was said."""
_DENIED = frozenset(
    {
        Meaning.NOT_KNOWN, Meaning.NOT_RECEIVED, Meaning.NOT_READ, Meaning.NOT_SIGNED, Meaning.NOT_TOLD,
        Meaning.NO_PROMISE,
    }
)  # fmt: skip


def question(reader: Reader) -> None:
    """什么 beside a negation is "anything"; after 知道 it is what is known; else the customer asks."""
    token, follower = reader.token, reader.peek()
    rest = reader.clause.tokens[reader.at + 1 :]
    if follower is not None and follower.word in ("都", "也"):
        return
    last = reader.senses[-1].meaning if reader.senses else None
    previous = reader.peek(-1)
    again = follower is not None and previous is not None and follower.word[0] == previous.word[0]
    if again and previous is not None and previous.tag in FACTS:
        reader.amend(FACTS[previous.tag][1])  # 收什么收
        reader.reset()
        return
    known = [t for t in rest if t.tag is not Tag.SELF]
    alone = len(known) == 1 and known[0].tag is Tag.GRASP and not reader.negations
    if alone and token.word in _SCOFFING:
        reader.say(Meaning.UNSURE)  # 什么清楚, 为什么我知道
        reader.spent, reader.negations = False, ["没"]
        return
    if any(t.tag is Tag.GRASP for t in rest) or last is Meaning.UNSURE:
        return  # 收益怎么算的我不清楚, 忘了什么时候签的: the question is what isn't known
    if last in _DENIED or (token.word in _WHAT and any(t.tag is Tag.NOT for t in rest)):
        return
    if reader.negations and token.word in ("什么", "啥"):
        following = reader.next_meaningful()
        if following is None or following.tag not in (*PREDICATES, Tag.NOT):
            reader.say(Meaning.NO_MORE)
            reader.reset()
        return
    if (
        last is Meaning.KNOWN
        and follower is not None
        and follower.tag not in (Tag.PAUSE, Tag.BOUND, Tag.COURTESY)
    ):
        return
    of_you = last is Meaning.KNOWN and token.word.startswith("你")
    scoffed = last in (Meaning.KNOWN, Meaning.RECEIVED, Meaning.READ)
    which = last is Meaning.SIGNED_UNSAID and token.word.startswith(("哪", "什么", "啥"))
    if last in (Meaning.RECEIVED, Meaning.READ) or which:
        echoed = reader.clause.tokens[0].word in ("你说", "你讲", "你问")
        reader.amend(Meaning.REPEAT if echoed else Meaning.UNSURE)  # 你说收到什么; 收到多少钱; 签在哪一页
        return
    if of_you or (scoffed and token.word in ("什么", "啥")):
        reader.amend(Meaning.UNSURE)  # 清楚什么: asks back, or scoffs
        return
    bound = token.word.startswith(("怎么", "多少", "什么时"))
    other = [t for place, t in enumerate(reader.clause.tokens) if place != reader.at]
    about = bound or any(t.tag in _ASKED_ABOUT for t in other)
    if follower is not None and follower.tag is Tag.TROUBLE and not reader.have:
        about = False  # 什么问题
    about = about and token.word not in ("什么意思", "谁", "哪个")
    reader.say(Meaning.QUERY if about else Meaning.REPEAT)


def rhetoric(reader: Reader) -> None:
    token, following = reader.token, reader.next_meaningful()
    before = reader.clause.tokens[: reader.at]
    if following is None and (not before or before[-1].tag is Tag.WEAK) and token.word in ("哪", "哪里"):
        return  # 嗯哪; 哪里,哪里
    then = reader.peek(2)
    puzzled = bool(before) and before[-1].tag is Tag.SELF and token.word in ("怎么", "咋")
    if puzzled and then is not None and then.tag is Tag.GRASP:
        reader.say(Meaning.UNSURE)  # 我怎么不知道: surprised, not offended
        return
    if following is not None and following.word == "记得":
        reader.say(Meaning.UNSURE)  # 哪记得清
        return
    if token.word == "谁" and any(t.word == "除了我" for t in before):
        reader.subject = Tag.SELF  # 除了我谁还能签
        return
    if token.word in ("还能是谁", "还会是谁", "还能有谁", "还有谁", "还有哪个"):
        if reader.senses and reader.senses[-1].meaning is Meaning.OTHER_SIGNED:
            reader.amend(Meaning.SIGNED)  # 不是我签的还能是谁
        reader.subject = Tag.SELF  # 除了我还能是谁签的
        return
    if token.word == "难道" and reader.senses and reader.senses[-1].meaning is Meaning.OTHER_SIGNED:
        reader.amend(Meaning.SIGNED)  # 不是我签的难道是你签的
        reader.reset()
        return
    if reader.negations and token.word in ("怎么", "哪里", "哪儿", "哪", "哪个", "谁"):
        return
    if then is not None and token.word in ("怎么", "咋") and (reader.peek() or token).word.startswith("还"):
        return  # 怎么还没收到: why not yet
    if reader.senses and reader.senses[-1].meaning is Meaning.UNSURE:
        return  # 随便你怎么写
    if token.word in ("怎么", "咋") and any(t.tag is Tag.YOU or t.word == "你说" for t in before):
        reader.say(Meaning.QUERY)
        return
    if token.word in ("哪有", "哪里有", "哪儿有") and following is None:
        reader.say(Meaning.NONE)
        return
    if token.word in _NO_SUCH and following is not None and following.tag is Tag.DEED:
        reader.say(Meaning.UNSURE)  # 哪有什么返佣
        return
    asks = following is None or (
        following.tag in (Tag.SIGN, Tag.HANDLE, Tag.OTHER)
        and token.word not in _SURELY_RHETORIC
        and (token.word in ("怎么", "咋", "谁", "哪个") or following.word.endswith("的"))
    )
    if not asks and following is not None and following.tag in _TURNED:
        reader.rhetoric = token.word
    elif reader.senses and reader.senses[-1].meaning is Meaning.OTHER_SIGNED and token.word == "谁":
        reader.amend(Meaning.SIGNED)  # 不是我签的是谁签的
    elif token.word in _SURELY_RHETORIC and following is None:
        reader.say(Meaning.UNSURE)  # 怎么会: denies, but what?
    else:
        question(reader)


def a_not_a(reader: Reader) -> bool:
    """收到没收到, 签没签, 知道不知道: the customer asks back."""
    before, negation, again = reader.peek(-1), reader.peek(), reader.peek(2)
    if negation is None or again is None or reader.token.tag in (Tag.NOT, Tag.SELF, Tag.OTHER):
        return False
    if before is not None and before.tag is Tag.NOT:
        return False  # 不知道不知道
    again_so = again.tag is reader.token.tag and again.word[0] == reader.token.word[0]
    return negation.word in ("不", "没", "没有", "没得") and again_so
