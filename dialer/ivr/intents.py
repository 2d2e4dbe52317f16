"""Answers that mean the same to every question: later, wrong person, refusal, complaint, human, again."""

from __future__ import annotations

import re

from dialer.ivr.clauses import Clause
from dialer.ivr.meanings import Meaning
from dialer.ivr.sense import NOT_FOLLOWED, Sense
from dialer.ivr.tags import Tag

_SELLERS = (
    "业务员",
    "销售",
    "销售员",
    "代理人",
    "客户经理",
    "理财经理",
    "营销员",
    "保险员",
    "推销员",
    "工作人员",
)
_POSSESSED = re.compile(r"^的?(保险|保单|合同|电话|手机|号码|号)")
_FACTUAL = frozenset(
    {
        Meaning.KNOWN, Meaning.NOT_KNOWN, Meaning.RECEIVED, Meaning.NOT_RECEIVED, Meaning.READ,
        Meaning.NOT_READ, Meaning.SIGNED, Meaning.OTHER_SIGNED, Meaning.NOT_SIGNED, Meaning.SIGNED_UNSAID,
    }
)  # fmt: skip
_SENIORS = [["经理"], ["领导"], ["主管"], ["负责人"], ["主任"], ["老板"]]
_PERSON = re.compile(
    r"(让|叫|请|喊|找|要|换|有)(你们?)?的?个?"
    r"(经理|领导|主管|负责人|老板|主任|客服|真人|活人|人工)"
)
_AGAIN = re.compile(
    r"再(给我)?(说|讲|问|念|来|重复)一?(遍|次|下|哈|回|说|讲)|慢一?(点|些)"
    r"|^(你们?|请|麻烦|能不能|能|可以|再)*(说|讲)(得|的)?再?(清楚|明白|清|具体|详细)一?(点|些)"
    r"|大一?(点|些)声|大声一?(点|些)|声音?再?大"
    r"|(没|不)有?(太|大|怎么)?听(太|得)?(清|见|到|着|准|真|全)(?!过)|听得?不(太|大|怎么)?(清|见|到|着|真|准)"
)
_FOLLOWED_NOT = re.compile(r"听得?(不|没)(太|大|怎么)?(懂|明白)")
_NOTHING_TO_SAY = re.compile(
    r"没(空|闲?功夫|闲?工夫|时间|精力)(来)?(跟|和|陪|听)你们?(扯|啰|废|磨|闲|瞎|唠|耗)"
    r"|没(什么|啥)(好|可)(说|聊|谈|讲)|没(那个)?(兴趣|心思|心情)"
    r"|不(想)?(跟|和)你们?(说|讲|聊|谈)"
)
_OUTRAGE = re.compile(
    r"兑现|不像话|过分|生气|欺负|天理|媒体|热线|凭(什么|啥)扣|为(什么|啥)扣"
    r"|不是.{0,2}(骗|坑|忽悠|欺|抢|误导).{0,4}吗|不是.{0,5}(说|讲|承诺)的那(样|么)"
    r"|(收|拿|吞|卷)(了|走|走了)我的?.{0,3}(钱|现金)"
    r"|(跟|和|与).{0,6}(说|讲|承诺|宣传)的.{0,3}(差|不符|不同|两回事|对不上|两样|两码)|上.{1,4}的?当了"
    r"|(没|不|没有)(跟|和|给|同)(我|俺|咱)们?(说|讲|打)一?声|招呼都(没|不)打"
    r"|不退我?就|不给我?退|不退我?(钱|款)|退不了|把.{0,6}退了"
)
_NOT_HERE = re.compile(
    r"号码?(是|我|都)*(刚|新|才)(刚)?(换|办|买|申请|领)|(不用|不使|停用|注销).{0,3}(手机|号|电话)"
    r"|(叫|喊|让|换)(他|她|我.{1,2}|老.{1,2})(自己|来|过来)*(听|接)(电话|吧|一下)?$"
    r"|(电话|手机)(给|交给|拿给|递给|转给)(他|她|我.{1,2}|老.{1,2})$"
    r"|找的?(是)?(谁|哪个|哪位)|(替|帮|代).{1,4}接的?电话"
    r"|^(我们?)?(这|这里|这儿|这边|我们这)是.{0,6}(店|馆|厂|学校|医院|餐厅|超市|单位|派出所|公司|食堂|宿舍)(啊|呀)?$"
)
_CALLED_AWAY = re.compile(
    r"(我?(老板|领导|孩子|娃|老婆|老公|妈|爸|儿子|女儿|同事|客户|老师)|有人|人家)(在)?(叫|喊|找|催)(我|俺)(了|呢|啊)?$"
)
"""方便,哦,老板叫我."""
_ADDRESSES = frozenset({"姑娘", "小姑娘", "小伙子", "先生", "女士", "小姐", "老师", "师傅", "阿姨"})
"""Of the one who calls: 收到了姑娘合同在家里."""
_NOW = ("现在", "今天", "目前", "这会", "这会儿", "眼下")
_LATER_THEN = re.compile(
    r"(改天|改日|明天|后天|晚上|下午|上午|中午|回头|晚点|下次|过两天|过几天|等一?会儿?|过一?会儿?|周末|下周).{0,3}"
    r"(行不行|好不好|可不可以|可以不|(行|好|可以|成)(吗|吧|么))"
)
"""改天行不行, 明天上午可以吗."""
_SOUGHT = ("你找", "你们找", "你要找", "你们要找", "你说的这个", "你问的这个", "找的这个", "要找的这个")
_NUMBER = frozenset({"电话", "手机", "号码", "号", "机主"})
HANGING_UP = ("不说了", "挂了", "挂电话", "不聊了", "不聊")
_FORBIDDING = frozenset({"别", "甭", "不许", "不准", "不让", "少"})
_CALLING = ("回访", "调查", "电话", "管", "告诉你")
_KINDLY = (
    "的",
    "急",
    "着急",
    "担心",
    "客气",
    "误会",
    "慌",
    "挂",
    "太久",
    "太长",
    "太慢",
    "超过",
    "耽误太",
    "拖",
)
_MACHINE = ("机器", "机器人", "机器说话", "电脑", "人工智能", "语音系统", "自动语音")
_THAT_DAY = frozenset({"那天", "当天", "当时", "当初", "那时候", "那会儿"})


def _tags(clause: Clause, tag: Tag) -> list[int]:
    return [i for i, token in enumerate(clause.tokens) if token.tag is tag]


def _negated(clause: Clause, place: int) -> bool:
    """An odd number of negations stands before ``place``."""
    negations = [t for t in clause.tokens[:place] if t.tag is Tag.NOT and t.word not in _FORBIDDING]
    return len(negations) % 2 == 1


def _human(clause: Clause) -> Meaning | None:
    places = _tags(clause, Tag.HUMAN)
    if clause.has(Tag.SIGN, Tag.PROXY, Tag.PROMISE):
        return None  # 没让人代签, 有没有人承诺
    if [token.word for token in clause.tokens] in _SENIORS or _PERSON.search(clause.text):
        return Meaning.HUMAN  # 经理
    if not places:
        return None
    declined = any(t.tag is Tag.NEEDLESS or t.word == "不要" for t in clause.tokens[: places[0]])
    if declined and clause.tokens[places[0]].word not in _MACHINE:
        return Meaning.UNSURE
    return Meaning.HUMAN


def _wrong(clause: Clause, said: list[Sense]) -> Meaning | None:
    if clause.has(Tag.WRONG) or _NOT_HERE.search(clause.text):
        return Meaning.WRONG
    if clause.has(Tag.ABSENT) and not (
        clause.has(Tag.REPROACH, Tag.SIGN) or any(s.meaning in _FACTUAL for s in said)
    ):
        pairs = zip(clause.tokens, [*clause.tokens[1:], None], strict=True)
        mine = any(
            token.tag is Tag.SELF and "本人" not in token.word and (then is None or then.tag is not Tag.OTHER)
            for token, then in pairs
        )
        return Meaning.BUSY if mine else Meaning.WRONG
    for place, token in enumerate(clause.tokens):
        rest = "".join(token.word for token in clause.tokens[place + 1 :])
        somebody = token.tag is Tag.OTHER and token.word not in _SELLERS
        not_mine = token.tag is Tag.SELF and _negated(clause, place) and rest.startswith("的")
        addressed = token.word in _ADDRESSES and not rest.startswith("的")
        if (somebody or not_mine) and not addressed and _POSSESSED.match(rest):
            return Meaning.WRONG
        if token.tag is Tag.PAPER and rest.startswith("不是我的"):
            return Meaning.WRONG
        denied = rest.startswith(("不是", "不对")) or (not rest and clause.tokens[0].word == "不是")
        if token.word in _NUMBER and place + bool(rest) and denied:
            return Meaning.WRONG
        this = place > 0 and clause.tokens[place - 1].tag is Tag.THIS
        if token.word == "人" and this and _negated(clause, place):
            return Meaning.WRONG
        sought = token.word == "人" and clause.text[: clause.text.find("人")].startswith(_SOUGHT)
        if sought and any(t.tag is Tag.NOT for t in clause.tokens[place:]):
            return Meaning.WRONG  # 你找的这个人我没听说过
    return None


def _refused(clause: Clause, said: list[Sense]) -> Meaning | None:
    places = _tags(clause, Tag.REFUSE)
    if _NOTHING_TO_SAY.search(clause.text):
        return Meaning.REFUSE
    if places:
        now = any(word in clause.text for word in _NOW)
        if now and clause.tokens[places[0]].word in ("不行", "不可以", "不成"):
            return Meaning.BUSY
        if clause.has(Tag.BYE) and clause.tokens[places[0]].word in HANGING_UP:
            return Meaning.UNSURE  # 好了不说了拜拜
        if clause.has(Tag.BUSY) and clause.tokens[places[0]].word in HANGING_UP:
            return Meaning.BUSY  # 先不说了在开会
        return Meaning.UNSURE if _negated(clause, places[0]) else Meaning.REFUSE
    for place in _tags(clause, Tag.WILL):
        if any(t.tag is Tag.NOT and t.word.startswith("不") for t in clause.tokens[:place]):
            return Meaning.REFUSE
    if _forbids(clause, said) or _keeps_to_himself(clause):
        return Meaning.REFUSE
    calls = clause.has(Tag.CALL) or any(token.word in _CALLING for token in clause.tokens)
    if clause.has(Tag.NEEDLESS) and (calls or _no_need_to_tell(clause)):
        return Meaning.REFUSE
    return None


def _keeps_to_himself(clause: Clause) -> bool:
    """我是不会回答你的, 我不会告诉你们; not 他不会告诉你的, 我不会说普通话."""
    tokens = [t for t in clause.tokens if t.tag not in (Tag.LINK, Tag.PAUSE, Tag.BOUND, Tag.COURTESY)]
    for place, token in enumerate(tokens[1:], start=1):
        telling = token.tag in (Tag.TELL, Tag.SAID) or token.word in ("告诉你", "跟你说")
        unwilling = tokens[place - 1].word in ("不", "不会", "不能", "不再")
        rest = tokens[place + 1 :]
        if telling and unwilling and all(t.tag is Tag.YOU for t in rest):
            to_you = bool(rest) or token.word in ("回答", "告诉你", "跟你说")
            return to_you and not any(t.tag in (Tag.OTHER, Tag.NOBODY, Tag.PAPER) for t in tokens)
    return False


def _no_need_to_tell(clause: Clause) -> bool:
    """没必要跟你说; not 不用说了,我知道."""
    firm = any(t.tag is Tag.NEEDLESS and "必要" in t.word for t in clause.tokens)
    telling = clause.has(Tag.TELL, Tag.SAID) or any(t.word in ("跟你说", "告诉你") for t in clause.tokens)
    return firm and telling


def _forbids(clause: Clause, said: list[Sense]) -> bool:
    """别录音, 别啰嗦: an order not to, unless it is kindly meant (别急)."""
    tokens = [t for t in clause.tokens if t.tag not in (Tag.YOU, Tag.COURTESY, Tag.FILLER)]
    if len(tokens) < 2 or tokens[0].word not in _FORBIDDING or any(s.meaning in _FACTUAL for s in said):
        return False
    return not tokens[1].word.startswith(_KINDLY)


def _busy(clause: Clause, said: list[Sense]) -> Meaning | None:
    places = _tags(clause, Tag.BUSY)
    if clause.tokens[0].tag is Tag.YOU and clause.has(Tag.CHECK):
        return None  # 你吃饭了吗
    if places and any(sense.meaning is Meaning.NOT_READ for sense in said):
        return None
    if places and any(t.word in _THAT_DAY for t in clause.tokens[: places[0]]):
        if any(sense.meaning is Meaning.OTHER_SIGNED for sense in said):
            return None  # 那天我出差我老婆替我签的
        return Meaning.UNSURE  # 签名那天我还在医院
    if places:
        if clause.tokens[places[0]].word in ("有事", "有点事") and clause.has(Tag.CHECK):
            return Meaning.MATTER
        if any(sense.meaning in _FACTUAL for sense in said) and clause.tokens[0].tag is Tag.OTHER:
            return None  # 他骑车给我送来的
        if clause.tokens[0].word in ("他", "她") and not clause.has(Tag.LATER, Tag.CALL):
            return Meaning.WRONG
        nothing = any(t.word in ("没什么", "没啥") for t in clause.tokens[: places[0]])  # 没什么不方便
        return Meaning.CONSENT if nothing or _negated(clause, places[0]) else Meaning.BUSY
    if _LATER_THEN.fullmatch(clause.text) or _CALLED_AWAY.search(clause.text):
        return Meaning.BUSY
    calls = [clause.tokens[i].word for i in _tags(clause, Tag.CALL)]
    later = clause.has(Tag.LATER) or any(t.word in ("有空", "有时间") for t in clause.tokens)
    if not said and (_somewhere(clause) or _occupied(clause)):
        return Meaning.BUSY
    if (
        calls
        and not clause.has(Tag.IF)
        and (later or any(word.startswith(("再打", "再联", "再来", "回", "改", "另")) for word in calls))
    ):
        return Meaning.BUSY
    if any(word.startswith("再说") for word in calls) and not _AGAIN.search(clause.text):
        return Meaning.UNSURE
    factual = any(sense.meaning in _FACTUAL or sense.meaning is Meaning.UNSURE for sense in said)
    return Meaning.BUSY if clause.has(Tag.LATER) and not factual else None


def away_then(clause: Clause) -> bool:
    """我那天上班: why another did it."""
    return clause.has(Tag.BUSY) and any(token.word in _THAT_DAY for token in clause.tokens)


def _said_of_policy(clause: Clause) -> bool:
    """业务员讲的没听明白, 条款没听懂: what wasn't understood is the policy, not the question just asked."""
    follow = any(token.word in NOT_FOLLOWED for token in clause.tokens) or _FOLLOWED_NOT.search(clause.text)
    conceded = re.match(r"(讲|说|介绍|解释)(是|倒是)\1", clause.text) is not None
    return bool(follow) and (conceded or clause.has(Tag.OTHER, Tag.PAPER, Tag.TOPIC))


def _foretold(clause: Clause, said: list[Sense]) -> bool:
    """当初说随时能取: what was said then, and it isn't so; not 当时说得很清楚."""
    pairs = zip(clause.tokens, clause.tokens[1:], strict=False)
    then = any(a.tag is Tag.REPROACH and b.word in ("说", "讲", "说是") for a, b in pairs)
    return (
        then and not clause.has(Tag.GRASP, Tag.READ, Tag.SIGN, Tag.RECEIVE, Tag.SELF) and len(clause.text) > 5
    )


def _occupied(clause: Clause) -> bool:
    """骑车呢, 干着活: doing something that the dictionary doesn't know."""
    going_on = clause.tokens[-1].word == "呢" or any(t.word == "着" for t in clause.tokens)
    return going_on and clause.unknown > 0


def _somewhere(clause: Clause) -> bool:
    """在菜市场, 我正在拖地呢: at a place or at something that the dictionary doesn't know."""
    tokens = [t for t in clause.tokens if t.tag not in (Tag.SELF, Tag.BUT, Tag.FILLER, Tag.PAUSE)]
    at = len(tokens) > 1 and tokens[0].word in ("在", "正在")
    return at and tokens[1].tag is None


def _broken_promise(clause: Clause, said: list[Sense]) -> bool:
    """说好的五年就能取: agreed on, and it isn't so."""
    if _OUTRAGE.search(clause.text) or _foretold(clause, said):
        return True
    told = any(token.word in ("说的", "讲的", "承诺的", "答应的") for token in clause.tokens)
    if told and clause.has(Tag.REPROACH) and clause.has(Tag.NOT):
        return True  # 完全不是当初说的那样
    agreed = any(token.word in ("说好", "说好的", "讲好", "口口声声") for token in clause.tokens)
    return agreed and not clause.has(Tag.CALL, Tag.LATER) and len(clause.text) >= 6


def intent(clause: Clause, said: list[Sense]) -> Meaning | None:
    """The question-free meaning of a clause, or None where its senses decide. UNSURE: it was taken back."""
    if any(sense.meaning is Meaning.COMPLAINT for sense in said) or _broken_promise(clause, said):
        return Meaning.COMPLAINT
    if clause.has(Tag.BOUGHT):
        return Meaning.NOT_BOUGHT
    again = clause.has(Tag.REPEAT) or _AGAIN.search(clause.text)
    repeat = Meaning.REPEAT if again and not _said_of_policy(clause) else None
    return _human(clause) or _wrong(clause, said) or _refused(clause, said) or _busy(clause, said) or repeat
