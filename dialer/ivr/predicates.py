"""Predicates: received, read, known, signed, promised, done - by whom, and whether at all."""

from __future__ import annotations

from itertools import pairwise

from dialer.ivr.clauses import Clause, Token
from dialer.ivr.meanings import Meaning
from dialer.ivr.scope import TOLD, Doubt
from dialer.ivr.sense import DENIALS, FACTS, PREDICATES, Reader, positive, scorned
from dialer.ivr.tags import Tag

IN_PLACE_OF = frozenset({"帮", "替", "代", "帮着", "代替", "帮忙"})
REFLEXIVE = frozenset({"自己", "自个", "自个儿", "自己个", "亲笔", "亲自", "亲手", "本人"})
"""The person named before: 业务员自己签的."""
_ADVERBS = frozenset({"亲笔", "亲自", "亲手"})
_COMING = frozenset({"明天", "后天", "大后天", "下周", "下星期", "下礼拜", "过两天", "过几天", "过些天"})
_MOMENTS = frozenset({"时候", "那天", "以后", "之后", "之前", "那会儿"})
_HANDED = ("送", "给", "交")
_TOPICAL = frozenset(
    {"退保", "退钱", "退款", "扣钱", "解约", "退掉", "强制", "捆绑", "亏钱", "亏了", "本金亏", "扣款"}
)
_LOSSES = frozenset({"扣钱", "亏钱", "亏了", "本金亏", "扣款"})
CONTRACT = frozenset({"合同", "保单", "保险合同", "保险单", "合同书"})
_UNFINISHED = frozenset({"看", "读", "翻", "收", "拿", "领", "取", "浏览", "阅读", "细看"})
_DECEIT = ("骗", "误导", "忽悠", "欺", "坑", "瞒", "隐瞒")
_SETTLED = ("了", "啦", "喽", "咯")


def fact(reader: Reader, tag: Tag) -> None:
    """Anything in ``FACTS``: affirmed or denied, unless the words around make it something else."""
    if _no_statement(reader, tag):
        return
    token, follower = reader.token, reader.peek()
    said_no = reader.negations[-1:] in (["不"], ["没有"]) and not reader.rhetoric
    split = tag is Tag.RECEIVE and said_no and token.word.endswith("到") and _settled(reader)
    if split and all(t.tag is Tag.NOT for t in reader.clause.tokens[: reader.at]):
        weak = reader.negations[-1] == "没有"
        reader.drop_negation()
        reader.say(Meaning.RECEIVED, weak=weak)  # 没有收到了: perhaps 没有, 收到了
        return
    yes = positive(reader)
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
    elif tag is Tag.RECEIVE and yes and any(t.word in _COMING for t in reader.clause.tokens):
        reader.say(Meaning.NOT_RECEIVED)
    elif yes and tag is Tag.GRASP and _filled_in(reader):
        reader.say(Meaning.UNSURE)  # 你帮我填清楚
    elif yes and tag is Tag.READ and reader.subject is Tag.OTHER and not _present(reader):
        reader.say(Meaning.UNSURE)  # 我爸看的
    elif yes and _said_of_another(reader, tag):
        reader.say(Meaning.UNSURE)
    elif yes and tag is Tag.RECEIVE and reader.subject is Tag.OTHER and not _handed(token.word):
        reader.say(Meaning.RECEIVED, weak=True)  # 我老婆收到了
    elif tag is Tag.TROUBLE and not yes and (token.word != "问题" or _of_any(reader)):
        reader.say(Meaning.NO_QUERY)
    else:
        reader.say(FACTS[tag][0 if yes else 1])


def _filled_in(reader: Reader) -> bool:
    previous = reader.peek(-1)
    return previous is not None and previous.tag is Tag.HANDLE and not previous.word.endswith("的")


def _handed(word: str) -> bool:
    """送来, 捎给我: another's deed that puts the paper into the customer's hands."""
    return word.startswith(_HANDED) or word.endswith(("给我", "给我了", "到我"))


def _present(reader: Reader) -> bool:
    """业务员陪我看的: the customer too; the 我 of 我爸 is no person of its own."""
    tokens = reader.clause.tokens[: reader.at]
    return any(
        t.tag is Tag.SELF and t.word not in REFLEXIVE and after.tag is not Tag.OTHER
        for t, after in pairwise([*tokens, reader.token])
    )


def _said_of_another(reader: Reader, tag: Tag) -> bool:
    """What came is something else or elsewhere; what is known is known to another, or is something else."""
    if tag in (Tag.READ, Tag.RECEIVE) and _another(reader):
        return True
    leaflet = any(t.tag is Tag.MEDIUM for t in reader.clause.tokens[reader.at + 1 :])
    if tag is Tag.READ and leaflet and not reader.clause.has(Tag.PAPER):
        return True  # 看过宣传单
    if reader.token.word in _UNFINISHED and not _finished(reader):
        return True  # 到时候看, 我去拿
    if tag is Tag.RECEIVE:
        kept = reader.subject is Tag.OTHER and reader.token.word.endswith("着")  # 业务员拿着呢
        return kept or _on_its_way(reader) or _other_paper(reader)
    return tag is Tag.GRASP and (_known_to_others(reader) or _of_something_else(reader))


def _another(reader: Reader) -> bool:
    """看的是别的, 签过别的合同."""
    rest = reader.clause.tokens[reader.at + 1 :]
    other = any(t.word in ("别的", "其他", "其它", "另外的") or t.tag is Tag.DEPOSIT for t in rest)
    return other and not reader.negations


def _finished(reader: Reader) -> bool:
    """了, 过, 完 or 的 after the verb: it has been done."""
    rest = reader.clause.tokens[reader.at + 1 :]
    again = any(t.tag is reader.token.tag for t in rest)  # 看是看了, 翻看过
    before = any(t.tag is Tag.BOUND for t in reader.clause.tokens[: reader.at])  # 合同已收
    ended = before or any(
        t.tag in (Tag.BOUND, Tag.ASPECT, Tag.LINK) or t.word[0] in "完好到回遍次" for t in rest
    )
    return ended or again or bool(reader.negations)


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
    if tag is Tag.RECEIVE and follower is not None and _no_receipt(reader, follower):
        return True
    previous = reader.peek(-1)
    by = previous is not None and previous.tag in (Tag.OTHER, Tag.YOU, Tag.SELF)
    if tag is Tag.MORE and by and reader.token.word in ("说的", "问的"):
        return True  # 他说的
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


def _no_receipt(reader: Reader, follower: Token) -> bool:
    """见到他 is of a person; 给我 before a verb says for whom."""
    if follower.tag is Tag.OTHER:
        return reader.peek(2) is None
    given = (
        Tag.BOUND, Tag.PAUSE, Tag.LINK, Tag.PAPER, Tag.NUMBER, Tag.THIS, Tag.COURTESY, Tag.CHECK, Tag.SCORN,
        Tag.PLACE, Tag.MEDIUM, Tag.ASPECT, Tag.RECEIVE, Tag.AGREE, Tag.COPULA, Tag.NOT, Tag.QUESTION, Tag.ALL,
    )  # fmt: skip
    to_me = reader.token.word == "给我" and follower.tag not in given
    return to_me and not (follower.tag is Tag.SIGN and positive(reader))


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


def _settled(reader: Reader) -> bool:
    follower = reader.peek()
    return follower is not None and follower.word in _SETTLED


def _reproached(clause: Clause, tag: Tag) -> bool:
    """说好保本, 当初说是存款: told one thing, sold another."""
    said = clause.has(Tag.SAID, Tag.HEARSAY, Tag.TELL) or any(t.word == "当" for t in clause.tokens)
    return clause.has(Tag.REPROACH) or (tag is Tag.DEPOSIT and said)


def _other_paper(reader: Reader) -> bool:
    """收到的是发票, 收到别人的, 收到短信: something came, but not this customer's contract."""
    tokens = reader.clause.tokens
    rest = tokens[reader.at + 1 :]
    words = [t.word for t in rest[:2]]
    of_other = any(t.tag in (Tag.OTHER, Tag.YOU) and after.word == "的" for t, after in pairwise(rest))
    if any(t.tag is Tag.PAPER and t.word not in ("快递", "包裹", "回执") for t in tokens):
        return False
    return words == ["的", "是"] or of_other or any(t.tag is Tag.MEDIUM for t in tokens)


def _on_its_way(reader: Reader) -> bool:
    """寄了 isn't 收到; 收到我会告诉你 is when it comes; 寄到老家 is elsewhere."""
    word, follower, then = reader.token.word, reader.peek(), reader.peek(2)
    if follower is not None and follower.word in ("就", "再", "才", "会"):
        return True  # 收到就告诉你
    if word.startswith("到") and reader.subject is Tag.SELF:
        return True  # 我到了
    if follower is not None and follower.tag is Tag.SELF:
        return then is not None and then.word in ("会", "就", "再")
    closing = (Tag.BOUND, Tag.PAUSE, Tag.PLACE, Tag.COURTESY)
    arrived = follower is None or follower.tag in closing or follower.word in ("的", "过")
    return word in ("寄", "送") or (word in ("寄到", "送到") and not arrived)


def _known_to_others(reader: Reader) -> bool:
    """我儿子清楚, 你们比我清楚, 清楚的只有他; not 业务员讲得很清楚."""
    before = reader.clause.tokens[: reader.at]
    rest = reader.clause.tokens[reader.at + 1 :]
    if any(t.word == "只有" for t in (*before, *rest)):
        return not any(t.tag is Tag.SELF for t in rest)
    others = [place for place, t in enumerate(before) if t.tag is Tag.OTHER]
    told = before[others[-1] :] if others else before
    if reader.token.word in TOLD or any(t.tag in (Tag.TELL, Tag.SAID) for t in told):
        return False
    if reader.token.word.startswith("听"):
        return False
    return reader.subject is Tag.OTHER or (bool(before) and before[-1].tag is Tag.YOU)


def _of_something_else(reader: Reader) -> bool:
    """我知道你是谁, 清楚的人不是我; not 你说的我知道, 知道的."""
    follower, then = reader.peek(), reader.peek(2)
    if follower is None or then is None or reader.negations:
        return False
    if follower.tag is Tag.YOU:
        return then.tag not in (Tag.TELL, Tag.FILLER) and then.word != "的"
    if then.tag is Tag.ALL and (again := reader.peek(3)) is not None and again.word == reader.token.word:
        return reader.peek(-1) is None  # 懂的都懂
    return follower.word == "的" and then.tag in (Tag.FILLER, Tag.OTHER, Tag.WORD, None)


def signing(reader: Reader, tag: Tag) -> None:
    """Who signed: the subject nearest to the verb; 代 and 替 make it somebody else."""
    token = reader.token
    others = reader.subject is Tag.OTHER and not reader.stated
    if tag is Tag.OWN_HAND and others and token.word.startswith(("自己", "亲", "本人")):
        tag = Tag.SIGN  # 业务员自己签的, 我儿子亲笔签的
        following = reader.next_meaningful()
        if token.word in _ADVERBS and following is not None and following.tag in PREDICATES:
            return
    elif tag is Tag.OWN_HAND and token.word in _ADVERBS:
        following = reader.next_meaningful()
        if following is not None and following.tag in (Tag.SIGN, Tag.OWN_HAND):
            reader.subject = Tag.SELF
            return
        if following is not None and following.tag in PREDICATES:
            return  # 业务员亲手交给我的
        reader.subject = Tag.SELF
    if tag is Tag.SIGN and reader.subject is Tag.OTHER and reader.doubt[reader.at] is Doubt.NAMED:
        reader.say(Meaning.UNSURE)  # 我老公说签了
        return
    signer = reader.peek(-1)
    if tag is Tag.SIGN and signer is not None and signer.tag is Tag.YOU and not reader.rhetoric:
        if not reader.stated:
            reader.say(Meaning.UNSURE)  # 是你签的
        return
    if tag is Tag.SIGN and positive(reader) and (_another(reader) or reader.clause.has(Tag.HUMAN)):
        reader.say(Meaning.UNSURE)  # 签过别的合同, 电脑签的
        return
    when = any(t.word in _MOMENTS for t in reader.clause.tokens[reader.at + 1 :])
    if tag is Tag.SIGN and reader.subject is None and (token.word == "写" or when):
        return
    if tag is Tag.SIGN and reader.subject is None and _handed_over(reader):
        tag = Tag.PROXY
    if tag is Tag.OWN_HAND and any(t.word in IN_PLACE_OF for t in reader.clause.tokens[: reader.at]):
        tag = Tag.PROXY
    rest = reader.clause.tokens[reader.at + 1 :]
    if any(t.tag is Tag.OTHER and after.word == "的" for t, after in pairwise(rest)):
        reader.say(Meaning.UNSURE)  # 签的是别人的名字
        return
    own = tag is Tag.OWN_HAND or (tag is Tag.SIGN and reader.subject is Tag.SELF)
    other = tag is Tag.PROXY or (tag is Tag.SIGN and reader.subject in (Tag.OTHER, Tag.SOMEBODY))
    yes = positive(reader)
    if own:
        absent = bool(reader.negations) and reader.negations[-1] not in DENIALS
        undone = not yes and (absent or scorned(reader))
        reader.say(Meaning.SIGNED if yes else Meaning.NOT_SIGNED if undone else Meaning.OTHER_SIGNED)
    elif other:
        reader.say(Meaning.OTHER_SIGNED if yes else Meaning.NO_PROXY)
    else:
        reader.say(Meaning.SIGNED_UNSAID if yes else Meaning.NOT_SIGNED)


def _handed_over(reader: Reader) -> bool:
    """被签了, 叫人签的, 托人签的."""
    words = [t.word for t in reader.clause.tokens[: reader.at]]
    agent = any(word in ("让人", "叫人", "托人", "请人", "找人", "被") for word in words)
    return agent or any(a in ("让", "叫", "托", "请", "找", "被") and b == "人" for a, b in pairwise(words))


def handle(reader: Reader) -> None:
    """我老婆办的: done by somebody else, perhaps signed by him too."""
    yes = positive(reader)
    if reader.subject is Tag.OTHER:
        reader.say(Meaning.OTHER_DID if yes else Meaning.UNSURE)
    elif reader.subject is Tag.SELF and not yes:
        reader.say(Meaning.OTHER_DID)


def telling(reader: Reader) -> None:
    """没人给我解释过: nobody told; 讲 and 说 alone say nothing."""
    follower = reader.peek()
    if reader.negations and follower is not None and follower.tag is Tag.SELF:
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
    if (
        word in ("没什么", "没啥", "没别的")
        and following is not None
        and following.tag in (*PREDICATES, Tag.NOT)
    ):
        reader.negations, reader.spent = [*([] if reader.spent else reader.negations), "没"], False
    else:
        reader.say(Meaning.NO_MORE)
