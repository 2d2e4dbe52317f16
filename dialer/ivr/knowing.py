"""Who knows, and what: 我儿子清楚 and 知道没签 say nothing of what the customer was asked."""

from __future__ import annotations

import re
from itertools import pairwise

from dialer.ivr.clauses import Token
from dialer.ivr.scope import TOLD
from dialer.ivr.sense import ABSENCES, Reader
from dialer.ivr.tags import Tag

_COMPANY = re.compile(r"(你们?)?(这个|这家|那家)?(保险)?公司(我|俺|咱)们?(是|都|也|倒是|当然)?")
_MAKING = frozenset({"让", "叫", "使"})
_SIGNED = (Tag.SIGN, Tag.OWN_HAND, Tag.PROXY)
_DONE = (*_SIGNED, Tag.RECEIVE, Tag.READ)
_PASSED = (Tag.PAPER, Tag.SELF, Tag.FILLER, Tag.HANDLE, Tag.COPULA)


def known_to_others(reader: Reader) -> bool:
    """我儿子清楚, 你们比我清楚, 清楚的只有他; not 业务员讲得很清楚."""
    before = reader.clause.tokens[: reader.at]
    rest = reader.clause.tokens[reader.at + 1 :]
    if any(t.word == "只有" for t in (*before, *rest)):
        return not any(t.tag is Tag.SELF for t in rest)
    others = [place for place, t in enumerate(before) if t.tag is Tag.OTHER]
    told = before[others[-1] :] if others else before
    if any(a.word in _MAKING and b.tag is Tag.SELF for a, b in pairwise(told)):
        return False  # 他让我弄明白了
    if reader.token.word in TOLD or any(t.tag in (Tag.TELL, Tag.SAID) for t in told):
        return False
    return reader.subject is Tag.OTHER or (bool(before) and before[-1].tag is Tag.YOU)


def of_something_else(reader: Reader) -> bool:
    """我知道你是谁, 清楚的人不是我; not 你说的我知道, 知道的."""
    follower, then = reader.peek(), reader.peek(2)
    if _COMPANY.fullmatch("".join(t.word for t in reader.clause.tokens[: reader.at])):
        return True  # 你们公司我是知道的
    if follower is None or reader.negations:
        return False
    if follower.tag is Tag.DISCONTENT or _undone(reader):
        return True  # 理解不到位
    if then is None:
        return False
    if follower.tag is Tag.YOU:
        return then.tag not in (Tag.TELL, Tag.FILLER) and then.word != "的"
    if (reader.peek(-1) or follower).word == "就" and follower.tag in (Tag.MODAL, Tag.COPULA, Tag.OTHER):
        return True  # 我就知道会亏
    if then.tag is Tag.ALL and (again := reader.peek(3)) is not None and again.word == reader.token.word:
        return reader.peek(-1) is None  # 懂的都懂
    return follower.word == "的" and then.tag in (Tag.FILLER, Tag.OTHER, Tag.WORD, None)


def _undone(reader: Reader) -> bool:
    """知道没签, 知道丢了, 知道是他签的: what is known is that it wasn't done, or not by the customer."""
    after = reader.clause.tokens[reader.at + 1 :]
    first, *rest = [t for t in after if t.tag not in _PASSED] or [Token("", None)]
    denied = first.word in ABSENCES or first.word == "不是" or first.tag is Tag.NOBODY
    done = _DONE if denied else _SIGNED if first.tag in (Tag.OTHER, Tag.SOMEBODY) else ()
    return first.tag is Tag.ELSEWHERE or any(t.tag in done for t in rest)
