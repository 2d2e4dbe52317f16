"""Whether a paper really came and was read: which paper, by whom, and whether it is over."""

from __future__ import annotations

from itertools import pairwise

from dialer.ivr.clauses import Token
from dialer.ivr.sense import IN_PLACE_OF, REFLEXIVE, Reader, positive
from dialer.ivr.tags import Tag

_HANDED = ("送", "给", "交")
UNFINISHED = frozenset({"看", "读", "翻", "收", "拿", "领", "取", "浏览", "阅读", "细看"})
_WORD_OF_IT = ("告诉你", "告诉", "通知", "跟你说", "联系", "联系你", "打给你", "打给你们")
ADVERTISING = frozenset({"广告", "宣传单", "传单", "宣传册", "宣传页", "宣传资料"})
_SETTLED = ("了", "啦", "喽", "咯")


def handed(word: str) -> bool:
    """送来, 捎给我: another's deed that puts the paper into the customer's hands."""
    return word.startswith(_HANDED) or word.endswith(("给我", "给我了", "到我"))


def present(reader: Reader) -> bool:
    """业务员陪我看的: the customer too; the 我 of 我爸 and 帮我 is no person of its own."""
    tokens = [Token("", None), *reader.clause.tokens[: reader.at + 1]]
    return any(
        t.tag is Tag.SELF
        and t.word not in REFLEXIVE
        and after.tag is not Tag.OTHER
        and before.word not in IN_PLACE_OF
        for before, t, after in zip(tokens, tokens[1:], tokens[2:], strict=False)
    )


def another(reader: Reader) -> bool:
    """看的是别的, 签过别的合同."""
    rest = reader.clause.tokens[reader.at + 1 :]
    other = any(t.word in ("别的", "其他", "其它", "另外的") or t.tag is Tag.DEPOSIT for t in rest)
    return other and not reader.negations


def finished(reader: Reader) -> bool:
    """了, 过, 完 or 的 after the verb: it has been done."""
    rest = reader.clause.tokens[reader.at + 1 :]
    again = any(t.tag is reader.token.tag for t in rest)  # 看是看了, 翻看过
    before = any(t.tag is Tag.BOUND for t in reader.clause.tokens[: reader.at])  # 合同已收
    ended = before or any(
        t.tag in (Tag.BOUND, Tag.ASPECT, Tag.LINK) or t.word[0] in "完好到回遍次" for t in rest
    )
    return ended or again or bool(reader.negations)


def no_receipt(reader: Reader, follower: Token) -> bool:
    """见到他 is of a person; 给我 before a verb says for whom."""
    if follower.tag is Tag.OTHER:
        return reader.peek(2) is None
    given = (
        Tag.BOUND, Tag.PAUSE, Tag.LINK, Tag.PAPER, Tag.NUMBER, Tag.THIS, Tag.COURTESY, Tag.CHECK, Tag.SCORN,
        Tag.PLACE, Tag.MEDIUM, Tag.ASPECT, Tag.RECEIVE, Tag.AGREE, Tag.COPULA, Tag.NOT, Tag.QUESTION, Tag.ALL,
    )  # fmt: skip
    to_me = reader.token.word == "给我" and follower.tag not in given
    return to_me and not (follower.tag is Tag.SIGN and positive(reader))


def settled(reader: Reader) -> bool:
    follower = reader.peek()
    return follower is not None and follower.word in _SETTLED


def other_paper(reader: Reader) -> bool:
    """收到的是发票, 收到别人的, 收到短信: something came, but not this customer's contract."""
    tokens = reader.clause.tokens
    rest = tokens[reader.at + 1 :]
    words = [t.word for t in rest[:2]]
    of_other = any(t.tag in (Tag.OTHER, Tag.YOU) and after.word == "的" for t, after in pairwise(rest))
    if any(t.tag is Tag.PAPER and t.word not in ("快递", "包裹", "回执") for t in tokens):
        return False
    return words == ["的", "是"] or of_other or any(t.tag is Tag.MEDIUM for t in tokens)


def on_its_way(reader: Reader) -> bool:
    """寄了 isn't 收到; 收到我会告诉你 is when it comes; 寄到老家 is elsewhere."""
    word, follower, then = reader.token.word, reader.peek(), reader.peek(2)
    if follower is not None and follower.word in ("就", "再", "才", "会"):
        return True  # 收到就告诉你
    later = reader.peek(3)
    if settled(reader) and then is not None and then.word in _WORD_OF_IT:
        return True  # 收到了告诉你
    if settled(reader) and then is not None and then.tag is Tag.SELF and later is not None:
        return later.word in ("再", "会")  # 收到了我再告诉你
    if word.startswith("到") and reader.subject is Tag.SELF:
        return True  # 我到了
    if follower is not None and follower.tag is Tag.SELF:
        return then is not None and then.word in ("会", "就", "再")
    closing = (Tag.BOUND, Tag.PAUSE, Tag.PLACE, Tag.COURTESY)
    arrived = follower is None or follower.tag in closing or follower.word in ("的", "过")
    return word in ("寄", "送") or (word in ("寄到", "送到") and not arrived)
