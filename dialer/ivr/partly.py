"""Whether a statement is true in part: 第一页是我签的, 看了几页, 翻了翻, 基本清楚.

A part is a phrase, whatever words the dictionary cuts it into, so these are patterns over the text.
"""

from __future__ import annotations

import re

from dialer.ivr.clauses import Clause
from dialer.ivr.tags import Tag

_TURNING = (Tag.NOT, Tag.NONE, Tag.NOBODY, Tag.DENY, Tag.NOT_YET, Tag.RHETORIC, Tag.SCORN)
_WITH_NOT = frozenset({"压根", "压根儿", "从来", "根本", "丝毫", "向来", "从"})
_N = r"(\d+|[一二两三四五六七八九十几半数多]+|好几|好些|若干)"
_PIECE = (
    r"([页张处栏行条款段章联面份本项笔样种]|个(?!多?(月|人|礼拜|星期|小时|钟|工作|半|保险)))"  # not 两个月前
)
_END = r"[面边头]"
_BY_ME = r"(我|本人|自己|亲)"
_LOOKED = r"(看|读|翻|瞧|瞄|扫|瞅|浏览|过目)(了|过|到|完|的是?)?"
_OF_THE_WHOLE = re.compile(
    rf"每|从.+到|一共|总共|共有|连.+[都也]|一{_PIECE}一|[一半]{_PIECE}[都也]?[不没未][落漏少缺差拉]"
)
"""每一页, 一页不落, 从第一页到最后一页."""
_OF_SEVERAL = re.compile(
    "|".join(
        (
            rf"第{_N}{_PIECE}|[这那]一?[页处栏联]|封[面皮底]|[首尾末扉]页|标题|目录|[背反正]面",
            rf"([前头后]|开头|末尾)的?{_N}{_PIECE}|(其中|里面|当中|里头).{{0,2}}{_N}",
            rf"[前后]{_END}(的(?!话)|那|{_BY_ME}?都?[看读翻签][了过的])|[前后左右]{_END}(都?是)?{_BY_ME}",
            rf"[上下里外左右]{_END}(的|那?{_PIECE})是?{_BY_ME}",
            rf"(?<!没)有{_N}?{_PIECE}.{{0,6}}({_BY_ME}|[是签写抄看懂收拿]|清楚|知道|明白|了解)",
            r"有一?些|有的(?=[是字页单名我]|地方|合同)|有部分|[多少半]数|个别|某些",
            rf"(别的|其[他它余]|另外)的?(都?是)?{_BY_ME}|(?<!没)有{_BY_ME}+[签写抄]的(?![字名])",
            rf"([前去]年|上次|以前|之前|老|旧)的?那{_PIECE}|(?<!以)上一?{_PIECE}",
            rf"(以前|之前|原来|早先|前几?年)(买|办|投|签)的(那{_PIECE}|合同|保单)",
            rf"(?!一个){_N}个人都?是?[签写]",
            rf"(好[多些]|许多|很多|不少|一些|几{_PIECE})是?{_BY_ME}",
            rf"^.{{0,3}}?(?<![这那]){_N}{_PIECE}(?!.*[都全]).{{0,3}}是?{_BY_ME}",
        )
    )
)
"""第一页是我签的, 有一份是我签的, 前面的是我签的: what of the others?"""
_IN_PASSING = re.compile(
    rf"{_LOOKED}了?个?(开头|结尾|[前后]面|头(?!到|至)|大概|标题|主要|重点|{_N}[页眼行段条章张])(?![一到])"
    r"|(?<!仔细)(?<!认真)(?<!好好)(?P<verb>[看读翻瞧扫瞅瞄])了(?P=verb)|(随便|随手|随意|胡乱)[地的]?([看读翻瞧]|浏览)"
    r"|([翻扫瞄瞟瞅]|浏览)[了过]?一?[下眼]|[看读翻]了一?[点些会](?!天)"
    r"|(签|收到|拿到)[了过]?[前后头]?([几两一]|\d)+页(?!一)"
    rf"|(懂|明白|清楚|知道|了解)了?{_N}[条页款](?!一)"
)
"""翻了翻, 看了几页, 随便看过: looked at, and how much of it read?"""
_NO_MORE_THAN = re.compile(
    r"^(我|那|也|嗯|反正|其实)*(就|光|仅仅?|单单?)是?"
    r"([看读翻签懂]|[收拿]到|知道|清楚|了解|明白)[了过到]?(?![了啦的就过着]|$)"
)
"""就知道收益, 光签了名."""


def in_part(clause: Clause) -> bool:
    """基本清楚, 看了一点; not 昨天才收到, which is late but whole."""
    tokens = clause.tokens
    if any(t.word in _WITH_NOT for t in tokens) and not clause.has(*_TURNING):
        return True  # 压根收到: a 没 that wasn't heard
    if len(tokens) > 2 and tokens[0].word in ("还", "我还") and tokens[-1].word == "呢":
        return True  # 还看了呢: proud, or scorn
    return any(
        token.tag is Tag.PARTLY
        and not (token.word == "才" and place + 1 < len(tokens) and tokens[place + 1].tag is Tag.RECEIVE)
        for place, token in enumerate(tokens)
    )


def of_several(clause: Clause) -> bool:
    """有一份是我签的, 看了第一页, 翻了翻: said of a part, without a word such as 部分."""
    text = clause.text
    if _NO_MORE_THAN.search(text) or _IN_PASSING.search(text):
        return not _OF_THE_WHOLE.search(text)
    found = _OF_SEVERAL.search(text)
    if found is None or _OF_THE_WHOLE.search(text):
        return False
    return not (found.group().startswith("有") and clause.has(Tag.OTHER))  # 有个快递员送来的
