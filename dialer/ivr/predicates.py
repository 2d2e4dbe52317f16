"""Predicates: received, read, known, satisfied, promised, told - and whether at all."""

from __future__ import annotations

from dialer.ivr.clauses import Clause
from dialer.ivr.knowing import known_to_others, of_something_else
from dialer.ivr.meanings import Meaning
from dialer.ivr.papers import (
    ADVERTISING,
    UNFINISHED,
    another,
    finished,
    handed,
    no_receipt,
    on_its_way,
    other_paper,
    present,
    settled,
)
from dialer.ivr.scope import COMING, TOLD
from dialer.ivr.sense import FACTS, PREDICATES, Reader, only_so, positive
from dialer.ivr.tags import Tag

_THOUGHT = frozenset({"想清楚", "想明白", "想通"})
_WORKED_OUT = ("弄", "搞", "问", "打听", "核对", "整", "闹", "理清", "看清楚", "看明白")
_TOPICAL = frozenset(
    {"退保", "退钱", "退款", "扣钱", "解约", "退掉", "强制", "捆绑", "亏钱", "亏了", "本金亏", "扣款"}
)
_LOSSES = frozenset({"扣钱", "亏钱", "亏了", "本金亏", "扣款"})
CONTRACT = frozenset({"合同", "保单", "保险合同", "保险单", "合同书"})
_DECEIT = (
    "骗", "误导", "忽悠", "欺", "坑", "瞒", "隐瞒", "多收", "乱收", "私自收", "乱扣", "多扣", "偷偷扣",
    "私自扣",
)  # fmt: skip
"""What, denied, answers the question whether it was done."""


def fact(reader: Reader, tag: Tag) -> None:
    """Anything in ``FACTS``: affirmed or denied, unless the words around make it something else."""
    if _no_statement(reader, tag):
        return
    token, follower = reader.token, reader.peek()
    said_no = reader.negations[-1:] in (["不"], ["没有"]) and not reader.rhetoric
    split = tag is Tag.RECEIVE and said_no and token.word.endswith("到") and settled(reader)
    if split and all(t.tag is Tag.NOT for t in reader.clause.tokens[: reader.at]):
        weak = reader.negations[-1] == "没有"
        reader.drop_negation()
        reader.say(Meaning.RECEIVED, weak=weak)  # 没有收到了: perhaps 没有, 收到了
        return
    yes = positive(reader)
    if tag is Tag.PROMISE and yes and _never_told(reader):
        reader.say(Meaning.NO_PROMISE)  # 可以保本这种话没人跟我讲过
        return
    heard = reader.clause.tokens[max(0, reader.at - 2)].word == "听"
    if tag is Tag.GRASP and not yes and heard and not reader.clause.has(Tag.PAPER, Tag.TOPIC):
        reader.say(Meaning.REPEAT)  # 没听太清楚
        return
    if tag is Tag.PROMISE and yes and reader.clause.has(Tag.BELIEF):
        reader.say(Meaning.NOT_KNOWN)  # 我以为保本的
    elif tag in (Tag.PROMISE, Tag.DEPOSIT) and yes and _reproached(reader.clause, tag):
        reader.say(Meaning.COMPLAINT)
    elif tag is Tag.COMPLAINT and not yes and not token.word.startswith(_DECEIT):
        reader.say(Meaning.UNSURE)
    elif tag is Tag.MORE and follower is not None and follower.tag in (Tag.OTHER, Tag.SELF):
        reader.say(Meaning.UNSURE)  # 要问我老公
    elif tag is Tag.TROUBLE and not yes and _asked_no_more(reader):
        reader.say(Meaning.NO_MORE)
    elif tag is Tag.GRASP and yes and len(reader.negations) > 1 and reader.negations[0].startswith("没"):
        reader.say(Meaning.NOTHING_UNKNOWN, weak=False)
    elif tag is Tag.RECEIVE and yes and any(t.word in COMING for t in reader.clause.tokens):
        reader.say(Meaning.NOT_RECEIVED)
    elif yes and tag is Tag.GRASP and _filled_in(reader):
        reader.say(Meaning.UNSURE)  # 你帮我填清楚
    elif yes and tag is Tag.READ and reader.subject is Tag.OTHER and not present(reader):
        reader.say(Meaning.UNSURE)  # 我爸看的
    elif yes and reader.subject is Tag.OTHER and token.word.endswith("满意"):
        reader.say(Meaning.UNSURE)  # 他满意
    elif tag is Tag.GRASP and yes and reader.subject is Tag.OTHER and follower is None and _said_so(reader):
        reader.say(Meaning.UNSURE)  # 他说清楚: he says that it is, or he told it clearly
    elif tag in (Tag.PROMISE, Tag.SAID) and not yes and only_so(reader):
        reader.say(Meaning.UNSURE)  # 没直接承诺
    elif tag is Tag.GRASP and yes and token.word in _THOUGHT and not settled(reader):
        reader.say(Meaning.UNSURE)  # 我想清楚: thought through, or wanted
    elif yes and tag is Tag.GRASP and _not_over(reader):
        reader.say(Meaning.KNOWN, weak=True)  # 我弄清楚, 跟我讲清楚: done, or to be done
    elif yes and _said_of_another(reader, tag):
        reader.say(Meaning.UNSURE)
    elif yes and tag is Tag.RECEIVE and _by_another(reader) and not handed(token.word):
        reader.say(Meaning.RECEIVED, weak=True)  # 我老婆收到了, 家里有人签收了
    elif tag is Tag.TROUBLE and not yes and (token.word != "问题" or _of_any(reader)):
        reader.say(Meaning.NO_QUERY)
    else:
        reader.say(FACTS[tag][0 if yes else 1])


def _by_another(reader: Reader) -> bool:
    before = "".join(t.word for t in reader.clause.tokens[: reader.at])
    return reader.subject is Tag.OTHER or "有人" in before


def _not_over(reader: Reader) -> bool:
    """我弄清楚, 跟我讲清楚; not 都弄清楚, 已经弄清楚, 弄清楚的."""
    before = reader.clause.tokens[: reader.at]
    own = any(t.tag is Tag.SELF for t in before) and reader.token.word.startswith(_WORKED_OUT)
    told = reader.token.word in TOLD or (bool(before) and before[-1].tag in (Tag.TELL, Tag.SAID))
    if not own and not told:
        return False
    wholly = any(t.tag in (Tag.ALL, Tag.DEGREE) for t in before)
    return not wholly and not reader.negations and not reader.rhetoric and not finished(reader)


def _never_told(reader: Reader) -> bool:
    """A promise named first and denied after: 保本没人承诺过, 保本的话他没说过."""
    rest = reader.clause.tokens[reader.at + 1 :]
    denied = next((i for i, t in enumerate(rest) if t.tag in (Tag.NOT, Tag.NOBODY)), None)
    if denied is None or any(t.tag in (Tag.BOUND, Tag.BUT) for t in rest[:denied]):
        return False
    telling = (Tag.TELL, Tag.SAID, Tag.HEARSAY, Tag.PROMISE)
    told = next((i for i, t in enumerate(rest[denied:]) if t.tag in telling), None)
    if told is None or any(t.tag in (Tag.NOT, Tag.RHETORIC) for t in rest[denied + 1 : denied + told]):
        return False
    return all(t.tag in (Tag.ASPECT, Tag.PAUSE, Tag.LINK, Tag.SELF) for t in rest[denied + told + 1 :])


def _said_so(reader: Reader) -> bool:
    previous = reader.peek(-1)
    told = previous is not None and previous.word in ("说", "跟我说")
    return told or reader.token.word in ("说清楚", "说明白")


def _filled_in(reader: Reader) -> bool:
    previous = reader.peek(-1)
    return previous is not None and previous.tag is Tag.HANDLE and not previous.word.endswith("的")


def _said_of_another(reader: Reader, tag: Tag) -> bool:
    """What came is something else or elsewhere; what is known is known to another, or is something else."""
    if tag in (Tag.READ, Tag.RECEIVE) and another(reader):
        return True
    leaflet = any(t.tag is Tag.MEDIUM for t in reader.clause.tokens[reader.at + 1 :])
    leaflet = leaflet or any(t.word in ADVERTISING for t in reader.clause.tokens)
    if tag is Tag.READ and leaflet and not reader.clause.has(Tag.PAPER):
        return True  # 看过宣传单
    if reader.token.word in UNFINISHED and not finished(reader):
        return True  # 到时候看, 我去拿
    if tag is Tag.RECEIVE:
        kept = reader.subject is Tag.OTHER and reader.token.word.endswith("着")  # 业务员拿着呢
        return kept or on_its_way(reader) or other_paper(reader)
    return tag is Tag.GRASP and (known_to_others(reader) or of_something_else(reader))


def _no_statement(reader: Reader, tag: Tag) -> bool:
    """看不懂 and 看得出 say nothing of reading; a customer who asks what or said himself states no fact."""
    follower = reader.peek()
    if follower is not None and follower.word.startswith("不") and tag in (Tag.TROUBLE, Tag.READ):
        return tag is Tag.TROUBLE or reader.token.word == "看"
    if follower is not None and follower.word == "得" and tag is Tag.READ:
        return True
    if tag is Tag.READ and follower is not None and follower.word in ("也", "都"):
        denied, then = reader.peek(2), reader.peek(3)
        if denied is not None and denied.tag is Tag.NOT and then is not None and then.tag is Tag.GRASP:
            return True  # 看了也不懂: had it been read
    if tag is Tag.MORE and follower is not None and follower.tag is Tag.NOT:
        known = reader.peek(2)
        if known is not None and known.tag is Tag.GRASP:
            return True  # 别的不知道
    asking, first = reader.peek(-1), reader.peek(-2)
    if (
        asking is not None
        and asking.tag in (Tag.QUESTION, Tag.SCORN)
        and first is not None
        and first.word == reader.token.word
    ):
        return True  # 明白什么明白: the first one was turned
    asked = bool(reader.senses) and reader.senses[-1].meaning in (Meaning.QUERY, Meaning.REPEAT)
    if asked and tag is not Tag.COMPLAINT:
        return True
    if tag is Tag.RECEIVE and follower is not None and no_receipt(reader, follower):
        return True
    previous = reader.peek(-1)
    by = previous is not None and previous.tag in (Tag.OTHER, Tag.YOU, Tag.SELF)
    if tag is Tag.MORE and by and reader.token.word in ("说的", "问的"):
        return True  # 他说的
    if tag is Tag.MORE and previous is not None and previous.tag is Tag.YOU:
        return True  # 你们要问什么
    if tag is Tag.TROUBLE and previous is not None and previous.tag is Tag.NO_MORE and reader.spent:
        return True  # 还能有什么问题
    if tag is Tag.TROUBLE and previous is not None and previous.tag is Tag.THIS and not reader.negations:
        return True  # 这个问题我清楚
    if tag is Tag.COMPLAINT and reader.token.word in _TOPICAL and _mentioned(reader):
        return True
    if tag is Tag.SAID and reader.subject is Tag.SELF and not reader.negations:
        return True
    if (
        tag is Tag.COMPLAINT
        and not positive(reader)
        and (reader.subject is Tag.SELF or (follower is not None and follower.tag is Tag.YOU))
    ):
        reader.reset()  # 我没骗你
        return True
    return False


def _mentioned(reader: Reader) -> bool:
    """我知道退保有损失: surrender is the topic, not the wish."""
    follower, modal, who = reader.peek(), reader.peek(-1), reader.peek(-2)
    if modal is not None and modal.tag is Tag.MODAL and reader.token.word in _LOSSES:
        return who is None or who.tag is not Tag.SELF  # 提前退要扣钱
    known = any(t.tag in (Tag.GRASP, Tag.SAID, Tag.TELL, Tag.QUESTION) for t in reader.clause.tokens)
    return known or (follower is not None and follower.tag in (Tag.TOPIC, Tag.HAVE, Tag.MODAL))


def _of_any(reader: Reader) -> bool:
    """没什么问题, 没有任何问题: nothing to ask, or no objection."""
    return any(t.word in ("什么", "啥", "任何", "没什么", "没啥") for t in reader.clause.tokens[: reader.at])


def _asked_no_more(reader: Reader) -> bool:
    """没有问题了, 没有其他问题, 没什么问题要问: nothing left, rather than no objection."""
    follower = reader.peek()
    rest = reader.clause.tokens[reader.at + 1 :]
    settled = follower is not None and follower.tag is Tag.BOUND
    return reader.more or settled or any(t.tag is Tag.MORE for t in rest)


def _reproached(clause: Clause, tag: Tag) -> bool:
    """说好保本, 当初说是存款: told one thing, sold another."""
    said = clause.has(Tag.SAID, Tag.HEARSAY, Tag.TELL) or any(t.word == "当" for t in clause.tokens)
    return clause.has(Tag.REPROACH) or (tag is Tag.DEPOSIT and said)


def telling(reader: Reader) -> None:
    """没人给我解释过: nobody told; 讲 and 说 alone say nothing."""
    follower, then = reader.peek(), reader.peek(2)
    of_another = follower is not None and follower.tag is Tag.OTHER
    mine = follower is not None and follower.tag is Tag.SELF and then is not None and then.tag is Tag.OTHER
    if reader.token.word == "问" and reader.subject is not Tag.OTHER and (of_another or mine):
        reader.say(Meaning.UNSURE)  # 你问我老公
    elif reader.negations and follower is not None and follower.tag is Tag.SELF:
        reader.reset()  # 你不说我都不知道
    elif reader.negations or reader.subject is Tag.NOBODY:
        told_me = reader.subject in (Tag.OTHER, Tag.NOBODY) or any(
            t.tag is Tag.PREP for t in reader.clause.tokens[: reader.at]
        )
        about = follower is not None and follower.tag in (Tag.TOPIC, Tag.PAPER, Tag.THIS, Tag.PAUSE)
        ends = follower is None or follower.word == "过" or about
        own = reader.subject is Tag.SELF or (bool(reader.negations) and reader.negations[-1] == "不")
        if ends and (told_me or not own) and not positive(reader):
            reader.say(Meaning.NOT_TOLD)


def promise(reader: Reader) -> None:
    """保证收益 is promised; 保证是我签的 only swears."""
    following = reader.next_meaningful()
    vow = following is not None and following.tag in (Tag.OWN_HAND, Tag.SIGN, Tag.COPULA)
    if not (reader.token.word == "保证" and vow):
        fact(reader, Tag.PROMISE)


def no_more(reader: Reader) -> None:
    """没什么 is nothing, unless it negates what follows: 没什么问题, 没什么不清楚."""
    word, following = reader.token.word, reader.next_meaningful()
    good, then = reader.peek(), reader.peek(2)
    if good is not None and good.word == "好" and then is not None and then.tag in PREDICATES:
        following = then  # 没啥好满意的
    whatever = word.endswith(("有什么", "有啥"))  # 还能有什么问题: nothing left
    negating = word in ("没什么", "没啥", "没别的") or whatever
    reached = following is not None and following.tag in (*PREDICATES, Tag.NOT)
    asked = whatever and following is not None and following.tag is Tag.TROUBLE
    if negating and reached and not asked:
        reader.negations, reader.spent = [*([] if reader.spent else reader.negations), "没"], False
    else:
        reader.say(Meaning.NO_MORE)
