"""Answer classes: two labelled tables, the traps by name, and properties over all of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.ivr.answers import classify
from dialer.ivr.clauses import clauses
from dialer.ivr.lexicon import all_phrases, phrases
from dialer.ivr.meanings import COLUMNS
from dialer.model import AnswerClass, QuestionKind

DATA = Path(__file__).parents[2] / "data"
YES = (AnswerClass.YES, AnswerClass.MAYBE_YES)
GENERAL = ("REPEAT", "BUSY", "WRONG", "REFUSE", "COMPLAINT", "HUMAN")

Row = tuple[str, str, dict[QuestionKind, str]]


def table(name: str) -> list[Row]:
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()[1:]
    cells = [line.split("\t") for line in lines]
    return [(cell[0], cell[1], dict(zip(COLUMNS, cell[2:8], strict=True))) for cell in cells]


GIVEN = table("answers-dev.tsv")
MORE = table("answers-more.tsv")
ROUNDS = {n: table(f"answers-round{n}.tsv") for n in range(1, 26)}
"""Lists written before the classifier was run on them; docs/answers.md has what each found at first."""
DOUBTS = table("answers-doubts.tsv")
"""Denials, hearsay, scorn and half-knowledge in the words of a yes: never a yes to a statement."""
EVERY = GIVEN + MORE + DOUBTS + [row for rows in ROUNDS.values() for row in rows]
OPEN = ("-", "X")
"""A cell that isn't scored: speakers differ (-), or anything will do but a yes (X)."""


def got(kind: QuestionKind, text: str) -> str:
    return classify(kind, text).answer_class.value


def hits(rows: list[Row], change: str = "") -> float:
    """Share of cells that come out as labelled, with the characters of ``change`` taken out."""
    cells = [
        got(kind, "".join(c for c in text if c not in change)) == wanted
        for _, text, row in rows
        for kind, wanted in row.items()
        if wanted not in OPEN
    ]
    return sum(cells) / len(cells)


@pytest.mark.parametrize(("text", "row"), [(text, row) for _, text, row in GIVEN])
def test_labelled_phrase(text: str, row: dict[QuestionKind, str]) -> None:
    assert {kind: got(kind, text) for kind in COLUMNS} == row


def test_further_phrases_are_classed_as_labelled() -> None:
    assert len(MORE) >= 350
    assert hits(MORE) >= 0.99


@pytest.mark.parametrize("number", ROUNDS)
def test_lists_written_blind_are_classed_as_labelled(number: int) -> None:
    assert len(ROUNDS[number]) >= 50
    assert hits(ROUNDS[number]) >= 0.97


def test_most_survives_without_commas() -> None:
    assert hits(EVERY, ",，?？") >= 0.98


def test_no_and_unclear_never_become_yes() -> None:
    for _, text, row in EVERY:
        for kind, wanted in row.items():
            if wanted in ("N", "N?", "U", "X"):
                assert got(kind, text) != "Y", (text, kind)


def test_no_and_unclear_never_become_yes_without_pauses() -> None:
    """BAD is left out: 不是,我签的 and 不是我签的 are two answers to it."""
    for _, text, row in EVERY:
        for kind, wanted in row.items():
            if wanted in ("N", "N?", "U", "X") and kind != "BAD":
                assert got(kind, text.replace(",", "")) != "Y", (text, kind)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("是我", "Y"), ("我就是", "Y"), ("对", "Y"), ("是的我是", "Y"), ("我是王芳", "Y?"),
        ("请讲", "Y?"), ("什么事?", "Y?"), ("嗯", "Y?"), ("不是", "WRONG"), ("不是我", "WRONG"),
        ("我不是", "WRONG"), ("我不是本人", "WRONG"), ("我是他儿子", "WRONG"), ("他不在家", "WRONG"),
        ("打错了", "WRONG"), ("喂", "REPEAT"), ("你是谁", "REPEAT"), ("在开会", "BUSY"), ("忘了", "U"),
        ("应该是吧", "U"), ("收到了", "U"), ("", "U"), ("我没买过保险", "WRONG"), ("不需要", "REFUSE"),
    ],
)  # fmt: skip
def test_identity(text: str, wanted: str) -> None:
    assert got(QuestionKind.IDENTITY, text) == wanted


@pytest.mark.parametrize(
    ("kind", "text", "wanted"),
    [
        ("KNOW", "不是不清楚", "Y?"),
        ("KNOW", "清楚什么", "U"),
        ("KNOW", "我怎么不知道", "N"),
        ("KNOW", "怎么不知道", "Y"),
        ("POS", "收到多少钱", "U"),
        ("POS", "签的是别人的名字", "U"),
        ("POS", "到时候看", "U"),
        ("POS", "收到那是不可能的", "N"),
        ("POS", "是的没让我抄", "N"),
        ("POS", "是啊不是我签的", "N"),
        ("POS", "我没去我老公签的", "N"),
        ("KNOW", "我不识字看不懂", "N"),
        ("KNOW", "明白啥", "U"),
        ("POS", "签了没收到", "U"),
        ("POS", "签字了没拿到合同", "U"),
        ("BAD", "不能说没有", "U"),
        ("BAD", "也不能说没有", "U"),
        ("IDENTITY", "对她是我妈", "WRONG"),
        ("IDENTITY", "对是我妈", "WRONG"),
        ("IDENTITY", "对他是我老公", "WRONG"),
        ("KNOW", "没有不清楚的", "Y"),
        ("KNOW", "我怎么知道", "N"),
        ("KNOW", "大概知道", "U"),
        ("KNOW", "基本清楚", "Y?"),
        ("KNOW", "不是存款", "Y"),
        ("POS", "收到没有", "U"),
        ("POS", "当然没有", "N"),
        ("POS", "收到了,不对,没收到", "N"),
        ("POS", "收到了,好像", "U"),
        ("POS", "今天天气不错", "U"),
        ("POS", "不是我签的是谁签的", "Y"),
        ("POS", "没看懂合同但是收到了", "Y"),
        ("BAD", "业务员帮我填的", "Y?"),
        ("BAD", "不是我本人签的", "Y"),
        ("BAD", "有人承诺过保本", "Y"),
        ("BAD", "没人承诺过保本", "N"),
        ("BAD", "没有,但是业务员说保本", "Y"),
        ("LEFT", "没有,都清楚了", "N"),
        ("LEFT", "我想问一下怎么领钱", "Y"),
        ("CONS", "不忙,你说", "Y"),
        ("CONS", "现在不方便", "BUSY"),
        ("CONS", "不用转人工", "U"),
        ("POS", "没哦", "N"),
        ("POS", "谁说不是呢", "Y?"),
        ("POS", "没收到,你们什么时候寄", "N"),
        ("KNOW", "你怎么知道我电话", "REPEAT"),
        ("KNOW", "今天才知道", "Y?"),
        ("KNOW", "知道一点", "Y?"),
        ("BAD", "的确没有", "N"),
        ("CONS", "应该方便", "U"),
        ("CONS", "现在不行", "BUSY"),
        ("CONS", "今天没空明天吧", "BUSY"),
        ("NEG", "对", "N"),
        ("NEG", "不是", "Y?"),
        ("POS", "从来没有看过", "N"),
        ("POS", "完全没有收到", "N"),
        ("POS", "还不曾看过", "N"),
        ("KNOW", "还未明白", "N"),
        ("POS", "到现在没看过", "N"),
        ("KNOW", "到现在没明白", "N"),
        ("POS", "到现在不知道", "U"),
        ("POS", "收到了,没有", "U"),
        ("POS", "他帮我看了", "U"),
        ("POS", "签了,是我老公", "N"),
        ("KNOW", "我老公听懂了", "U"),
        ("POS", "收到了,他说的", "Y?"),
        ("POS", "收到了,骗你的", "U"),
        ("POS", "明天签了", "U"),
        ("POS", "压根收到了", "Y?"),
        ("KNOW", "清楚是不是", "U"),
        ("BAD", "没有,骗你的", "U"),
        ("BAD", "没当面承诺过", "U"),
        ("BAD", "没怎么教我", "U"),
        ("BAD", "没人承诺过,除了利息", "U"),
        ("BAD", "没承诺过,其实有", "U"),
        ("BAD", "他们跟我说没人承诺过", "U"),
        ("LEFT", "没有了才怪", "U"),
        ("LEFT", "他说没有了", "U"),
        ("CONS", "要是方便", "U"),
        ("CONS", "我老公同意", "U"),
        ("POS", "不是没收到,是还没拆", "Y"),
        ("POS", "没收到,哦想起来了,收到了", "Y"),
        ("BAD", "可以保本这种话没人跟我讲过", "N"),
    ],
)
def test_trap(kind: str, text: str, wanted: str) -> None:
    assert got(QuestionKind(kind), text) == wanted


def test_the_deciding_words_are_named() -> None:
    assert classify(QuestionKind.POS, "是的,没收到").decided_by == "没收到"
    assert "开会" in classify(QuestionKind.POS, "对不起我在开会").decided_by
    assert classify(QuestionKind.POS, "").decided_by == ""


kinds = st.sampled_from(list(QuestionKind))
said = st.sampled_from([text for _, text, _ in EVERY])


@given(kinds, st.text(max_size=60))
def test_any_text_has_a_class(kind: QuestionKind, text: str) -> None:
    assert classify(kind, text) == classify(kind, text)


@given(kinds, st.text(alphabet=" ,.?!;-abcXYZ0129，。？！、…\n\t\u3000", max_size=30))
def test_punctuation_and_latin_say_nothing(kind: QuestionKind, text: str) -> None:
    assert got(kind, text) == "U"


@given(kinds, said, st.sampled_from(["对不起", "对不起,", "不好意思,", "抱歉,", "不好意思"]))
def test_an_apology_never_makes_a_yes(kind: QuestionKind, text: str, apology: str) -> None:
    if classify(kind, apology + text).answer_class is AnswerClass.YES:
        assert classify(kind, text).answer_class in YES


@given(
    st.sampled_from([QuestionKind.POS, QuestionKind.KNOW, QuestionKind.BAD]),
    said.filter(lambda text: len(clauses(text)) == 1),
    st.sampled_from(["好像", "可能", "大概", "应该"]),
)
def test_a_hedge_never_leaves_a_yes(kind: QuestionKind, text: str, hedge: str) -> None:
    assert classify(kind, hedge + text).answer_class is not AnswerClass.YES


@given(
    st.sampled_from(["", "我", "这个", "合同", "嗯", "其实"]),
    st.sampled_from(["没", "没有", "从来没", "还没", "一直没"]),
    st.sampled_from(["收到", "拿到", "看过", "签过", "收到过", "签收", "看", "签字"]),
    st.sampled_from(["", "啊", "呢", "谢谢"]),
)
def test_negation_flips_a_fact(subject: str, negation: str, verb: str, end: str) -> None:
    plain, negated = f"{subject}{verb}了", f"{subject}{negation}{verb}{end}"
    assert got(QuestionKind.POS, plain) in ("Y", "Y?"), plain
    assert got(QuestionKind.POS, negated) == "N", negated


@given(
    st.sampled_from(["", "我", "这个我", "嗯"]),
    st.sampled_from(["不", "不太", "不是很", "不怎么", "一点都不", "完全不", "真不"]),
    st.sampled_from(["知道", "清楚", "明白", "了解"]),
)
def test_negation_flips_knowing(subject: str, negation: str, verb: str) -> None:
    assert got(QuestionKind.KNOW, subject + verb) == "Y"
    assert got(QuestionKind.KNOW, subject + negation + verb) == "N"


@given(said.filter(lambda text: "," not in text), st.sampled_from(["嗯,", "是的,", "对,", "没错,", "好的,"]))
def test_a_particle_in_front_never_turns_a_no_into_a_yes(text: str, particle: str) -> None:
    for kind in (QuestionKind.POS, QuestionKind.KNOW):
        if got(kind, text) in ("N", "N?"):
            assert got(kind, particle + text) not in ("Y", "Y?"), particle + text


def test_every_phrase_of_the_grammar_is_understood() -> None:
    lost = [
        phrase
        for phrase in all_phrases()
        if all(not classify(kind, phrase).decided_by for kind in QuestionKind)
        and phrase not in ("谢谢", "对不起", "拜拜", "再见")
    ]
    assert lost == []


@pytest.mark.parametrize("kind", list(QuestionKind))
def test_grammars_hold_no_phrase_twice_and_no_punctuation(kind: QuestionKind) -> None:
    words = phrases(kind)
    assert len(set(words)) == len(words)
    assert all(word.isalnum() for word in words)
    assert {"听不清楚", "转人工", "打错了", "不是", "是的"} <= set(words)


@pytest.mark.parametrize(
    ("family", "text", "row"), [row for row in GIVEN + MORE if row[2][QuestionKind.POS] in GENERAL]
)
def test_general_intents_hold_at_every_question(family: str, text: str, row: dict[QuestionKind, str]) -> None:
    if len(set(row.values())) == 1:
        assert {got(kind, text) for kind in COLUMNS} == set(row.values()), family


SOME = EVERY[::7]
FACTUAL = (QuestionKind.POS, QuestionKind.KNOW)
DENIED = [(kind, text) for _, text, row in SOME for kind in FACTUAL if row[kind] in ("N", "N?")]
AFFIRMED = [
    (kind, text)
    for _, text, row in SOME
    for kind in FACTUAL
    if row[kind] == "Y" and len(clauses(text)) == 1 and not any(c in text for c in "怎咋岂哪谁难能,")
]


@pytest.mark.parametrize("front", ["对不起", "不好意思", "嗯", "是的", "没错", "好的", "其实", "说实话"])
def test_nothing_polite_in_front_makes_a_yes_of_a_no(front: str) -> None:
    made = [(kind, text) for kind, text in DENIED if got(kind, front + text) == "Y"]
    assert made == []


@pytest.mark.parametrize("end", ["吗", "吧", "?"])
def test_asked_or_scorned_no_yes_stays_plain(end: str) -> None:
    asked = [(kind, text) for kind, text in AFFIRMED if got(kind, text + end) == "Y"]
    assert asked == []


@pytest.mark.parametrize(
    "front",
    [
        "好像",
        "可能",
        "大概",
        "应该",
        "估计",
        "如果",
        "要是",
        "听说",
        "据说",
        "说是",
        "我以为",
        "希望",
        "不记得",
    ],
)
def test_guessed_supposed_or_told_no_yes_stays_plain(front: str) -> None:
    guessed = [(kind, text) for kind, text in AFFIRMED if got(kind, front + text) == "Y"]
    assert guessed == []


@pytest.mark.parametrize(
    "tail", [",不对,没有", ",哦不,不是", ",好像", ",我也不确定", ",记不清了", ",忘了", ",不对"]
)
def test_a_longer_contradiction_never_stays_confident(tail: str) -> None:
    kept = [(kind, text) for kind, text in AFFIRMED if got(kind, text + tail) == "Y"]
    assert kept == []


@pytest.mark.parametrize(
    ("kind", "text", "wanted"),
    [
        ("POS", "合同是吧,收到了", "Y"), ("POS", "合同是吧", "U"), ("POS", "签字对吧,我签的", "Y"),
        ("KNOW", "嗯那个,我晓得", "Y"), ("POS", "那个", "U"), ("POS", "等等", "BUSY"),
        ("POS", "你等等,我想想看", "U"), ("POS", "嗯嗯,等会儿,不是,没收到", "N"),
        ("LEFT", "没有还有一个问题", "Y"), ("KNOW", "没有还有一个问题", "U"), ("LEFT", "没问题还有一个", "U"),
        ("LEFT", "没问题了,等等,还有一个", "U"), ("LEFT", "没问题,还有一个", "U"),
        ("CONS", "那个,嗯,就是说吧", "U"), ("CONS", "不方便,算了你说吧", "Y"), ("CONS", "不方便", "BUSY"),
        ("CONS", "方便是方便,别太久", "Y?"), ("POS", "都是都是,快点吧", "U"),
    ],
)  # fmt: skip
def test_who_keeps_his_turn_has_not_answered_yet(kind: str, text: str, wanted: str) -> None:
    assert got(QuestionKind(kind), text) == wanted


@pytest.mark.parametrize(
    ("kind", "text", "wanted"),
    [
        ("POS", "满意", "Y"), ("POS", "挺好的", "Y"), ("POS", "业务员人挺好的", "Y?"),
        ("POS", "除了我没人签", "Y"), ("BAD", "除了我没人签", "N"), ("POS", "没人签", "N"),
        ("POS", "不是别人,是我签的", "Y"), ("BAD", "不是别人,是我签的", "N"),
        ("POS", "我签的哦不是我儿子签的", "U"), ("BAD", "我签的哦不是我儿子签的", "U"),
        ("POS", "我签的,不是我儿子签的", "Y"), ("POS", "咋可能不是我签的", "Y"),
        ("BAD", "谁也没跟我打过包票", "N"), ("POS", "保费还没扣呢", "U"), ("POS", "没给我返过钱", "U"),
        ("POS", "哪有什么返佣啊", "U"), ("POS", "钱扣了都没跟俺讲一声", "COMPLAINT"),
    ],
)  # fmt: skip
def test_whom_and_what_an_answer_is_about(kind: str, text: str, wanted: str) -> None:
    assert got(QuestionKind(kind), text) == wanted


@pytest.mark.parametrize(
    ("kind", "text", "wanted"),
    [
        ("POS", "银行卡收到了", "U"), ("POS", "宣传单我看了", "U"), ("POS", "合同我看了", "Y"),
        ("KNOW", "你们公司我是知道的", "U"), ("KNOW", "公司的条款我知道", "Y"),
        ("POS", "收到了我再告诉你", "U"), ("POS", "收到的那个", "U"), ("POS", "对了那个", "U"),
        ("CONS", "方便是方便,就是", "U"), ("CONS", "方便是方便就是", "U"), ("POS", "就是", "Y"),
        ("POS", "对是对,但是", "U"), ("CONS", "好,我叫她来听", "WRONG"), ("CONS", "真行啊你们", "U"),
        ("KNOW", "没问题,等等,有一个", "U"), ("LEFT", "没问题,等等,有一个", "U"),
        ("POS", "对对对,你们都对", "U"), ("POS", "对对对,都对", "Y"), ("KNOW", "知道了,我就来", "U"),
        ("CONS", "没事,是保险公司的", "U"), ("CONS", "改天行不行", "BUSY"), ("CONS", "方便不方便", "U"),
        ("POS", "是这样的", "Y?"), ("POS", "是这样的,收到了", "Y"), ("KNOW", "知道哎不不知道", "N"),
        ("KNOW", "不不,知道", "Y"),
    ],
)  # fmt: skip
def test_a_yes_word_beside_the_question_is_no_yes(kind: str, text: str, wanted: str) -> None:
    assert got(QuestionKind(kind), text) == wanted


@pytest.mark.parametrize(
    ("kind", "text", "wanted"),
    [
        ("POS", "合同收到的那天", "U"), ("POS", "是因为当时", "U"), ("POS", "满意的地方就是", "U"),
        ("KNOW", "没问题的前提是", "U"), ("KNOW", "没有不清楚的地方", "Y"), ("CONS", "好就好在", "U"),
        ("POS", "到了到了,噢,那是发票", "U"), ("KNOW", "知道的,啊,还要交十年", "U"),
        ("KNOW", "知道的,还要交十年", "Y"), ("KNOW", "讲清楚了,我才签", "U"),
        ("KNOW", "讲清楚了,我才签的", "Y"),
        ("POS", "打算月底再签", "U"), ("CONS", "他跟我讲答是就行", "U"), ("KNOW", "看懂三条", "Y?"),
        ("POS", "签在哪一页啊", "U"), ("CONS", "行行行,给你买", "U"), ("CONS", "好,我把电话给我妈", "WRONG"),
        ("POS", "对,就是要退", "COMPLAINT"), ("POS", "扣款没问题,就是合同没来", "N"),
        ("POS", "收到了,大概是上礼拜三吧", "Y"),
        ("POS", "收到了,有问题我再找你们", "Y"),
        ("LEFT", "没了,有事我再打给你们", "N"), ("CONS", "可以可以,正好在休息", "Y"),
        ("CONS", "在休息", "BUSY"),
        ("BAD", "那天我出差我老婆替我签的", "Y"), ("POS", "没看过,我不识几个字", "N"),
        ("KNOW", "不知道,头一回听说", "N"), ("POS", "满意的,你们服务挺好", "Y"),
        ("POS", "没有了你们服务挺好的", "Y?"),
        ("LEFT", "有一个,受益人能不能改", "Y"), ("BAD", "没人让我这么回答的", "N"),
        ("POS", "签字的是我老公", "N"), ("BAD", "签的是我老公", "Y"), ("POS", "签字的是我", "Y"),
        ("POS", "以前买的那份是我签的", "Y?"), ("POS", "收到的时候", "U"), ("KNOW", "我知道就是那个", "U"),
        ("POS", "签什么字啊", "U"), ("POS", "收到了,等等,那是去年的", "U"), ("POS", "收到了,是去年那份", "U"),
        ("POS", "收到了,是去年收到的", "Y"), ("CONS", "方便,哦,老板叫我", "BUSY"),
        ("POS", "行,收到了告诉你", "U"),
        ("POS", "收到了姑娘合同在家里放着", "U"), ("POS", "我姑娘的合同", "WRONG"),
    ],
)  # fmt: skip
def test_where_an_answer_leads_counts(kind: str, text: str, wanted: str) -> None:
    assert got(QuestionKind(kind), text) == wanted
