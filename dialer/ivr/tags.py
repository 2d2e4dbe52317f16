"""What a word does in an answer: the parts of speech of this small grammar."""

from __future__ import annotations

from enum import StrEnum, auto


class Tag(StrEnum):
    """One for each word of the dictionary (``words``)."""

    # --- whole answers ---
    AGREE = auto()
    """Bare agreement: it follows the literal question."""
    WEAK = auto()
    """Acknowledgement; never more than "yes, please confirm"."""
    CONSENT = auto()
    """Leave to go on; no statement of fact."""
    EASE = auto()
    """没事: nothing left, go on."""
    DENY = auto()
    NONE = auto()
    """A whole negative answer: 没有没有, 从来没有."""
    NOT_YET = auto()
    NO_MORE = auto()
    NEEDLESS = auto()
    HELLO = auto()
    WHAT_MATTER = auto()
    """什么事: at the identity question nearly a yes."""
    MIDDLING = auto()
    """一般, 还行: neither yes nor no."""

    # --- who ---
    SELF = auto()
    YOU = auto()
    OTHER = auto()
    NOBODY = auto()
    SOMEBODY = auto()

    # --- predicates ---
    HAVE = auto()
    GRASP = auto()
    """Know, understand, be clear about."""
    MUDDLED = auto()
    """糊涂: the contrary of knowing."""
    RECEIVE = auto()
    ELSEWHERE = auto()
    """The paper is still with somebody else or on its way."""
    READ = auto()
    SIGN = auto()
    OWN_HAND = auto()
    PROXY = auto()
    """Signed, copied or answered by somebody in the customer's place."""
    HANDLE = auto()
    PROMISE = auto()
    DEPOSIT = auto()
    """存款, 理财: with a saying it is a reproach; negated it is knowledge."""
    SAID = auto()
    """Somebody told, or didn't tell."""
    DEED = auto()
    """喝茶, 拆: what people do beside the facts asked about; done or not done, it answers nothing."""
    TELL = auto()
    """说, 讲: the verb alone, that needs what was said."""
    CONTENT = auto()
    """Satisfied."""
    DISCONTENT = auto()
    TROUBLE = auto()
    """问题, 疑问: with a negation it is "no problem"."""
    MORE = auto()
    """别的, 其他: with a negation it is "nothing left"."""
    ASK = auto()
    """The customer announces a question of his own."""

    # --- what turns or doubts a predicate ---
    NOT = auto()
    """Negation that takes a predicate: 不 没 没有 未 无 别."""
    RHETORIC = auto()
    """怎么, 哪, 谁说, 难道: turns the polarity of what follows."""
    SCORN = auto()
    """个啥, 个屁: turns the polarity of what stands before."""
    RECALL = auto()
    """想起来了: what was said before it was said too soon."""
    REPAIR = auto()
    """The speaker takes back what was said: 不对, 哦不, 说错了."""
    HEDGE = auto()
    """好像, 应该: the whole clause is a guess."""
    UNSURE = auto()
    """忘了, 不确定, 说不上: what follows isn't claimed."""
    BELIEF = auto()
    """以为, 希望: what follows was thought or hoped, not said to be so."""
    HEARSAY = auto()
    """听说, 据说: what follows is another's word."""
    PARTLY = auto()
    """基本, 一点, 除了: true in part."""
    IF = auto()
    """如果, 要是: what follows is supposed, not said."""
    WILL = auto()
    """想, 接受: wished for, not done; refused when negated."""
    QUESTION = auto()
    WHETHER = auto()
    """A-not-A: 是不是, 有没有."""
    CHECK = auto()
    """吗, 吧: the sentence asks or guesses."""
    REPROACH = auto()
    """当初, 说好: a promise that wasn't kept."""

    # --- what means the same whatever was asked ---
    REPEAT = auto()
    BUSY = auto()
    LATER = auto()
    CALL = auto()
    """打, 联系: makes a time a wish for another call."""
    WRONG = auto()
    ABSENT = auto()
    """不在: the person asked for isn't there."""
    BOUGHT = auto()
    REFUSE = auto()
    COMPLAINT = auto()
    HUMAN = auto()
    BYE = auto()
    COURTESY = auto()

    # --- what holds a clause together and changes nothing ---
    BUT = auto()
    PAUSE = auto()
    """Particle that ends a statement, as a comma would: 啊 呀 呢."""
    BOUND = auto()
    """Ends the reach of a negation: 了 after a verb, 已经, 早就."""
    COPULA = auto()
    LINK = auto()
    """的 地 得."""
    ASPECT = auto()
    DEGREE = auto()
    ALL = auto()
    MANNER = auto()
    WHEN = auto()
    """A time gone by, or a point of it: 昨天, 签的时候."""
    PLACE = auto()
    THIS = auto()
    NUMBER = auto()
    UNIT = auto()
    PAPER = auto()
    """合同, 保单: what is received, read and signed."""
    TOPIC = auto()
    """犹豫期, 收益: what is known."""
    MEDIUM = auto()
    """短信, 电话: what else may be received."""
    PREP = auto()
    """给 跟 把 让: who did it to whom."""
    MODAL = auto()
    FILLER = auto()
    """Empty beside a plain statement: 就 也 还 呃."""
    WORD = auto()
    """Known, but no part of a plain statement."""


FILLERS = frozenset(
    {
        Tag.LINK, Tag.ASPECT, Tag.DEGREE, Tag.ALL, Tag.MANNER, Tag.WHEN, Tag.PLACE, Tag.THIS, Tag.NUMBER,
        Tag.UNIT, Tag.PAPER, Tag.TOPIC, Tag.MEDIUM, Tag.PREP, Tag.MODAL, Tag.FILLER, Tag.WORD, Tag.YOU,
        Tag.TELL,
    }
)  # fmt: skip
"""Words that a negation reaches across on its way to a predicate."""
