"""Major anomalies (重大异常) that an answer states, whatever was asked (R56)."""

from __future__ import annotations

from dialer.ivr.clauses import Clause
from dialer.ivr.meanings import Meaning
from dialer.ivr.readings import readings
from dialer.ivr.scope import DENIALS, Doubt, doubts

SIGNED_FOR = "代签名"
_SIGNS: dict[str, tuple[str, ...]] = {
    "全权委托": ("全权", "委托他操作", "委托他办", "交给他操作", "都是他操作", "都是他在操作", "账户给他"),
    "代操作": ("代操作", "代我操作", "替我操作", "帮我操作", "替我买卖", "帮我买卖", "代客操作"),
    "私自收费": (
        "私自收", "私下收", "私底下收", "另外收", "额外收", "收了我的钱", "收我的钱", "收好处费", "好处费",
        "打到他账", "转给他个人", "转到他个人", "现金给他", "现金交给他",
    ),
    "强烈不满": (
        "骗子", "骗人", "欺诈", "诈骗", "投诉到底", "气死", "律师", "法院", "起诉", "曝光", "银保监", "保监",
        "监管局", "12378", "消协", "维权", "非常不满", "强烈不满", "严重不满", "告你们", "举报",
    ),
    "资料严重失真": (
        "伪造", "造假", "冒名", "假签名", "假资料", "假的资料", "资料是假", "信息是假", "信息都是错",
        "资料都是错", "冒充", "根本没买", "没买过", "不是我买",
    ),
}  # fmt: skip


def anomaly(text: str) -> str:
    """The first that is stated, not asked, guessed or denied; empty where there is none."""
    for reading in readings(text):
        if any(s.meaning is Meaning.OTHER_SIGNED and s.doubt is Doubt.NONE for s in reading.said):
            return SIGNED_FOR
        clause = reading.clause
        if any(doubt is Doubt.OPEN for doubt in doubts(clause, supposed=False)):
            continue
        for name, signs in _SIGNS.items():
            if any(_stated(clause, sign) for sign in signs):
                return name
    return ""


def _stated(clause: Clause, sign: str) -> bool:
    """The words stand in the clause, and no denial before them."""
    place = clause.text.find(sign)
    at = 0
    for token in clause.tokens:
        if place < 0 or at >= place:
            break
        if token.tag in DENIALS:
            return False
        at += len(token.word)
    return place >= 0
