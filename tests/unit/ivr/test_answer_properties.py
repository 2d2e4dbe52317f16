"""What no wording may do: make a yes of a doubt, or a clean answer of a qualified denial."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.ivr.answers import classify
from dialer.model import QuestionKind

POS, KNOW, BAD, LEFT, CONS = (QuestionKind(k) for k in ("POS", "KNOW", "BAD", "LEFT", "CONS"))
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
