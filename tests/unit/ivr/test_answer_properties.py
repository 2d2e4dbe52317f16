"""What no wording may do: make a yes of a doubt, or a clean answer of a qualified denial."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.ivr.answers import classify
from dialer.model import QuestionKind

POS, KNOW, BAD, LEFT, NEG, CONS = (QuestionKind(k) for k in ("POS", "KNOW", "BAD", "LEFT", "NEG", "CONS"))
FACTS = ("收到了", "我收到了", "合同拿到了", "签了", "我自己签的", "看了", "都看过了", "满意")
GRASPS = ("清楚", "我清楚", "知道", "我都知道", "明白", "都了解", "听懂了")
DENIALS = ("没有", "没人承诺过", "没承诺过保本", "没人代签", "没有人教我")
NOTHING = ("没有了", "没别的了", "没有问题了")
VERBS = ("收到", "拿到", "签", "签字", "看", "看过", "见过")
KNOWING = ("知道", "清楚", "明白", "听懂")

DOUBTED = """{}吗 {}吧 {}没有 {}是不是 {}对不对 {},是吗 {},对吧 {},真的假的 好像{} 可能{} 大概{} 应该{}
    估计{} 差点{} 如果{} 要是{} 就算{} 除非{} {}的话 {}就好了 {}该多好 希望{} 我以为{} 还以为{}呢 比如{}
    谁说{} 怎么可能{} 他说{} 业务员说{} 他们跟我说{} 快递说我{} 他让我说{} 听说{} 还说{}呢 你说{}就{}
    什么叫{} 凭啥说{} 明天{} 过几天{}"""
"""Guessed, asked, supposed, wished, told, scoffed at or still to come."""
TAKEN_BACK = """{},才怪 {},骗你的 {},逗你的 {},胡说的 {},瞎说的 {},开玩笑的 {},随口说的 {},说错了 {},不对
    {},没有 {},不是 {},其实没有 {},其实不是 {},不可能 {},哪有 {},没门 {},没影的事 {},忘了 {},记不清了
    {},我猜的 {},应该吧 {},他说的 {},业务员说的 {},听说的 {},业务员让我说的 {},问我老公 {},你问他"""
"""Said, and then denied, guessed, or put into another's mouth."""


def got(kind: QuestionKind, text: str) -> str:
    return classify(kind, text).answer_class.value


def made(kind: QuestionKind, frames: str, phrases: tuple[str, ...], clean: str) -> list[str]:
    texts = [frame.replace("{}", phrase) for frame, phrase in itertools.product(frames.split(), phrases)]
    return [text for text in texts if got(kind, text) == clean]


@pytest.mark.parametrize(("kind", "phrases"), [(POS, FACTS), (KNOW, GRASPS)])
def test_what_is_doubted_or_taken_back_is_no_yes(kind: QuestionKind, phrases: tuple[str, ...]) -> None:
    plain = [phrase for phrase in phrases if got(kind, phrase) != "Y"]
    assert plain == [], "each is a yes by itself"
    assert made(kind, f"{DOUBTED} {TAKEN_BACK}", phrases, "Y") == []


def test_a_supposed_or_foreign_consent_is_no_consent() -> None:
    frames = "如果{} 要是{} 就算{} 应该{} 他{} 我老公{} 他们说{} {}才怪"
    assert made(CONS, frames, ("方便", "可以", "同意", "有空"), "Y") == []


RISKY = """好像{} 可能{} 应该{} 希望{} 我以为{} 他说{} 业务员说{} 听说{} 他让我说{} 还说{}呢 不能说{} {}吗
    {}吧 {},骗你的 {},随口说的 {},我猜的 {},忘了 {},其实有 {},不过写了 {},其实不是 {},除了利息"""


def test_a_doubted_denial_of_a_risk_is_not_clean() -> None:
    assert [d for d in DENIALS if got(BAD, d) != "N"] == []
    assert made(BAD, RISKY, DENIALS, "N") == []


def test_a_doubted_nothing_left_is_not_clean() -> None:
    frames = "好像{} 可能{} 希望{} 我以为{} 他说{} 业务员说{} 听说{} 他让我说{} {}才怪 {},骗你的 {}吗 {}吧"
    assert [n for n in NOTHING if got(LEFT, n) != "N"] == []
    assert made(LEFT, frames, NOTHING, "N") == []


@given(
    st.sampled_from(["业务员", "他", "客户经理", ""]),
    st.sampled_from(["没", "没有", "也没", "倒没"]),
    st.sampled_from(["直接", "当面", "明着", "明确", "书面", "怎么"]),
    st.sampled_from(["承诺过", "保证过收益", "说过保本", "代签", "教我怎么答"]),
    st.sampled_from(["", "啊", "吧", "嘛"]),
)
def test_denying_the_manner_is_not_denying_the_deed(
    who: str, negation: str, manner: str, deed: str, end: str
) -> None:
    assert got(BAD, who + negation + manner + deed + end) != "N"


@given(
    st.sampled_from(["", "我", "合同", "这个", "我这边", "我们家"]),
    st.sampled_from(["", "到现在", "至今", "一直", "都", "确实", "真的", "当时"]),
    st.sampled_from(
        [
            "没",
            "没有",
            "从来没",
            "从来没有",
            "还没",
            "还没有",
            "根本没",
            "完全没有",
            "压根没",
            "尚未",
            "还未",
            "未曾",
        ]
    ),
    st.sampled_from(["", "怎么", "好好", "仔细", "认真"]),
    st.sampled_from(VERBS),
    st.sampled_from(["", "过", "啊", "呢", "嘛"]),
)
def test_no_absence_is_a_yes(who: str, when: str, absence: str, how: str, verb: str, end: str) -> None:
    text = who + when + absence + how + verb + end
    assert got(POS, text) not in ("Y", "Y?"), text


@given(
    st.sampled_from(["", "我", "条款", "这个我", "犹豫期"]),
    st.sampled_from(["", "到现在", "至今", "一直", "都", "确实", "真的"]),
    st.sampled_from(
        ["不", "不太", "不大", "不是很", "不怎么", "并不", "完全不", "压根不", "没", "从来没有", "还未"]
    ),
    st.sampled_from(KNOWING),
    st.sampled_from(["", "啊", "呢", "嘛", "的"]),
)
def test_no_denied_grasp_is_a_yes(who: str, when: str, denial: str, verb: str, end: str) -> None:
    text = who + when + denial + verb + end
    assert got(KNOW, text) not in ("Y", "Y?"), text


@given(
    st.sampled_from(["我老公", "我妈", "业务员", "他", "别人", "我儿子"]),
    st.sampled_from(["", "都", "已经", "当时", "帮我", "替我", "到现在"]),
    st.sampled_from(["签的", "签了", "看了", "看过了", "代签的", "抄的"]),
    st.sampled_from(["", "啊", "呢", "嘛"]),
)
def test_what_another_did_is_no_yes(who: str, how: str, deed: str, end: str) -> None:
    assert got(POS, who + how + deed + end) != "Y"


@given(st.sampled_from(["对不起", "不好意思", "抱歉"]), st.sampled_from(["", ",", "啊"]), st.data())
def test_an_apology_before_a_denial_stays_a_denial(sorry: str, pause: str, data: st.DataObject) -> None:
    denial = data.draw(st.sampled_from(["没收到", "没签", "不是我签的", "没看", "没有", "不是"]))
    assert got(POS, sorry + pause + denial) == "N"


PARTS = """第一页{} 最后一页{} 第二份{} 有一份{} 我有一份{} 有几个{} 有两张{} 其中一个{} 里面有一张{}
    前面的{} 前面那份{} 后面的{} 前几页{} 后两页{} 封面{} 背面{} 有的{} 有些{} 一些{} 一部分{} 大部分{}
    好几份{} 一两份{} 个别几份{} 上面那张{} 左边那个{} 合同第一页{}"""
WHOLES = "{} 都{} 每一页都{} 每份都{} 两份都{} 三个名字都{} 一共三份,都{} 合同{} 这份{}"
SIGNED = ("是我签的", "是我自己签的", "我签的", "是我亲笔签的", "是我写的", "我签了")
GLANCES = """看了第一页 看了几页 看了两眼 翻了翻 翻了一下 大致看过 大概翻了翻 随便翻了翻 看了个开头
    看了一部分 看了一半 看了前面几页 扫了一眼 浏览了一下 看了些"""


def test_what_is_true_in_part_is_no_clean_answer() -> None:
    for kind, clean in ((POS, "Y"), (NEG, "Y"), (BAD, "N")):
        assert made(kind, PARTS, SIGNED, clean) == []
        wholes = [frame.replace("{}", deed) for frame in WHOLES.split() for deed in SIGNED]
        assert [text for text in wholes if got(kind, text) != clean] == []
    assert made(POS, "{} 我{} 就{} 合同{} 那天{}", tuple(GLANCES.split()), "Y") == []


WISHES = """让我{} 叫我{} 请让我{} 你得让我{} 你得叫我{} 麻烦让我{} 先让我{} 让我好好{} 你们要让我{}
    总得让我{} 告诉我让我{} 给我{} 帮我{} 我得{} 我要{} 我想{} 我需要{} 让咱{}"""
PLANS = "我先{} 我再{} 我去{} 我回去{} 我慢慢{}"
COMING_TO_KNOW = "了解 弄懂 弄明白 搞清楚 看明白 了解清楚 知道一下 清楚一下 了解了解"


def test_to_be_told_is_wished_for_and_not_known() -> None:
    assert made(KNOW, WISHES, ("知道", "清楚", "明白", *COMING_TO_KNOW.split()), "Y") == []
    assert made(KNOW, PLANS, tuple(COMING_TO_KNOW.split()), "Y") == []
    reports = "我{}了 我都{}了 我已经{}了 我去{}了 他让我{}了 业务员叫我{}了 他们让我都{}了"
    done = ("弄懂", "弄明白", "搞清楚", "看明白", "听明白", "了解清楚")
    told = [frame.replace("{}", grasp) for frame in reports.split() for grasp in done]
    assert [text for text in told if got(KNOW, text) != "Y"] == []


STEPS = """早说我 早点说我 早告诉我我 你告诉我我 你讲一下我 你一说我 你给个资料我 你发给我我 查一下 查查
    问问 问业务员 看看 看了 看完 翻翻合同 打个电话 上网查查 听你说 回去看看 再看看 签了 收到了 去趟银行
    找人问问 以后 到时候 慢慢 过段时间"""
PAST = "当时一看就{}了 昨天看了就{}了 以前就{}了 签的时候就{}了 后来问了就{}了 早就{}了 我本来就{} 看了{}了"


def test_a_condition_that_no_word_marks_states_nothing() -> None:
    hinges = ("就{}", "就{}了", "就都{}了", "自然就{}了", "不就{}了", ",就{}了")
    frames = " ".join(step + hinge for step in STEPS.split() for hinge in hinges)
    assert made(KNOW, frames, KNOWING[:3], "Y") == []
    assert [text for text in PAST.replace("{}", "知道").split() if got(KNOW, text) != "Y"] == []
    offers = "你给我看我就{} 你发给我我就{} 早给我我就{} 你寄给我我就{} 请给我看我就{}"
    assert made(POS, offers, ("看了", "签了", "收到了", "看"), "Y") == []
    deeds = ("看了就签了", "当场就签了", "他给我我就签了", "你们让我签我就签了", "我就签了")
    assert [text for text in deeds if got(POS, text) != "Y"] == []


USELESS = """有什么用 有啥用 有个屁用 有何用 有什么意义 顶什么用 管什么用 也没用 能怎样 又怎样 又能如何
    又能怎么样 又能改变什么 干嘛 干什么 做什么"""


def test_scorn_is_no_yes() -> None:
    objects = ("", "了", "这个", "那么多", "这些", "了又", "了,")
    frames = " ".join(f"{{}}{what}{scorn}" for what in objects for scorn in USELESS.split())
    assert made(KNOW, frames, ("知道", "清楚", "明白", "了解", "我知道"), "Y") == []
    assert made(POS, frames, ("看", "看了", "收到", "签"), "Y") == []
    assert got(KNOW, "不知道有什么用") == "N"


@given(
    st.sampled_from(["", "我", "这个", "这些我", "实在", "都"]),
    st.sampled_from(["明白", "弄明白", "了解", "看明白", "懂"]),
    st.sampled_from(["", "啊", "呢", "了"]),
)
def test_what_one_is_unable_to_grasp_is_not_known(who: str, verb: str, end: str) -> None:
    assert got(KNOW, f"{who}{verb}不过来{end}") == "N"


@given(
    st.sampled_from(["我没", "我当时没", "那天我没", "业务员没", "我压根没", "没人", "当时没人"]),
    st.sampled_from(["在", "去", "来", "到场", "在场", "在家", "跟着去", "去银行"]),
    st.sampled_from(["", "啊", "呀", "呢", ",不清楚"]),
)
def test_who_was_not_there_denies_nothing(who: str, absent: str, end: str) -> None:
    assert got(BAD, who + absent + end) != "N"
    assert got(LEFT, who + absent + end) != "N"


def test_what_is_known_of_something_undone_is_no_yes() -> None:
    undone = ("没签", "没收到", "没看", "丢了", "合同丢了", "合同没收到", "不是我签的", "没人签")
    assert made(KNOW, "知道{} 我知道{} 清楚{} 早就知道{} 我明白{}", undone, "Y") == []
    assert made(KNOW, "我就知道{} 就知道{}", ("会亏", "要亏", "是骗人的", "他会骗我"), "Y") == []
    risks = ("不保本", "有风险", "有损失", "会亏", "没有保底", "不是存款", "退保有损失")
    assert [risk for risk in risks for know in ("知道", "我清楚") if got(KNOW, know + risk) != "Y"] == []


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (BAD, "不保本谁买啊"),
        (BAD, "没有别人,就我儿子"),
        (BAD, "第一次没有,第二次来说的"),
        (BAD, "没有白纸黑字"),
        (BAD, "没有 哦 有"),
        (LEFT, "没啥,就一个事"),
        (LEFT, "没别的,就是发票没给我"),
    ],
)
def test_a_denial_that_leaves_something_over_is_none(kind: QuestionKind, words: str) -> None:
    assert got(kind, words) == "U"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (BAD, "没有,就是我自己签的"),
        (LEFT, "没有了,就这样吧"),
        (LEFT, "没有,就这些"),
    ],
)
def test_a_whole_denial_may_be_rounded_off(kind: QuestionKind, words: str) -> None:
    assert got(kind, words) == "N"


@pytest.mark.parametrize(
    "words",
    [
        "我妈的名字是我签的", "我爱人那个字是我签的", "两个人签的", "家里有人签收了", "上一份收到了",
        "前年那份收到了", "我按的手印", "网上能查到算不算收到", "签名那天我还在医院躺着呢",
    ],
)  # fmt: skip
def test_what_is_of_others_or_of_another_paper_is_no_plain_yes(words: str) -> None:
    assert got(POS, words) in ("Y?", "U")


@pytest.mark.parametrize(
    "words", ["那个字是我签的", "我自己签的名按的手印", "名字都是我本人签的", "我一个人签的"]
)
def test_my_own_name_is_a_plain_yes(words: str) -> None:
    assert got(POS, words) == "Y"
