"""The phrases that a recogniser should expect, by kind of question.

Only the recogniser's grammar is made of phrases; what they mean is decided by ``answers``, which also
reads what stands in no list. No punctuation: a recogniser writes none. A string of one hissed syllable
(是是是) is left out on purpose: noise would match it.
"""

from __future__ import annotations

import itertools

from dialer.ivr.patterns import CONSENT, DOUBTS, KNOWN, LEFT, READ, RECEIVED, RISK, SIGNED, TURNS
from dialer.model import QuestionKind

_AGREEMENT = """是 是的 是啊 对 对的 对对对 对呀 对啊 没错 嗯 嗯嗯 嗯对 嗯是的 哦 好 好的 好啊 可以 行
    没问题 确实是 当然 肯定的 不错 是的是的"""
_DENIAL = "不是 不是的 不对 没有 没有啊 没有没有 没 从来没有 不 还没有"
_RECEIVING = """收到了 我收到了 已经收到了 早收到了 都收到了 拿到了 上个礼拜就拿到了 昨天收到的 收到过
    没收到 我没收到 还没收到 没有收到 一直没收到 一次都没收到 没拿到 没给我 没见过 在业务员那里 不收到了
    没有收到了 是的没收到 没错没收到 收到是收到了没看 签收了"""
_SIGNING = """是我签的 我签的 我亲笔签的 是本人签的 是我本人签的 我自己签的 是我自己签的 签了 没签 没签过
    不是我签的 不是本人签的 别人签的 别人代签的 我老公签的 我老婆签的 我儿子签的 业务员签的 业务员代签的
    他帮我签的 没人代签 不对是我签的 怎么不是我签的 是我抄的 不是我抄的 我自己抄的"""
_READING = "看了 看过 都看了 看过了 仔细看了 没看 没看过 没仔细看 没怎么看 还没看"
_GRASP = """知道 我知道 知道的 知道了 都知道 清楚 我清楚 清楚的 很清楚 都清楚 明白 明白了 听明白了 了解
    都了解 懂了 不知道 我不知道 不清楚 我不清楚 不太清楚 不是很清楚 不明白 不了解 不太了解 不懂 没听说过
    讲得不清楚 没人跟我说过 清楚个啥 不是不清楚 晓得 不晓得 我不知道啊我老婆办的"""
_RISK = """有 有的 有人承诺过保本 业务员说保本 业务员承诺保本 承诺过 说过保本 有人代签 没人承诺 没有承诺过
    没人承诺过 没有人 没说过 有人教我说的 没人教我"""
_LEFT = """没有了 没了 没别的了 没有问题了 没有其他问题 没什么问题 没有疑问 没什么了 不用了 不需要了 有
    有的 有问题 还有一个问题 我想问一下 怎么领钱 什么时候返钱"""
_CONSENT = """方便 方便的 可以的 你说 你说吧 您说 请讲 说吧 行啊 有空 同意 不介意 不方便 现在不方便
    不太方便"""
_SATISFACTION = "满意 很满意 非常满意 挺好的 一般 还行 不满意 不太满意 不是很满意 很不满意"
_IDENTITY = """是我 我是 我就是 我是本人 是本人 对我是 就是我 请讲 什么事 哪位 你是哪里 不是我 我不是
    我不是本人 他不在 她不在家"""
_UNSURE = """忘了 我忘了 记不清了 不记得了 不确定 我问问我爱人 不会吧 应该是吧 应该是 好像是 好像没有
    可能吧 大概吧 随便 说不清楚 让我想想 差不多"""
_REPEAT = """你说什么 啊 听不清楚 没听清楚 没听清 听不见 能说慢点吗 声音太小了 喂喂 喂 再说一遍 请再说一遍
    什么 什么意思 信号不好 大声一点"""
_BUSY = """在外地漫游呢 过一会儿吧 明天再打吧 明天下午再打吧 明天上午再打吧 后天再打吧 下午再打
    下午三点再打 晚点再打 在上班没空 我在开会 我在开车 我现在忙 没时间 没空 改天吧 等会儿再打 下周再打吧"""
_WRONG = "打错了 你打错了 不认识这个人 你打错电话了 这是我妈的保险 你找谁 没有这个人 你找错人了"
_REFUSE = """不想说 不可以 我不接受回访 我挂了啊 别骚扰我 不要 不需要 不同意 没兴趣 别打了 不要再打了
    不愿意 不行"""
_COMPLAINT = "业务员骗我 乱扣我的钱 误导我 我要退保 当初说是存款 说好保本的 我要投诉 骗人的"
_HUMAN = "转人工 人工 人工服务 让你们经理接 能不能换个人 不跟机器说话 找个人跟我说 你是机器人吧"
_CLOSING = "好的好的拜拜 拜拜 再见 谢谢 好的谢谢 对不起 没有了谢谢"

_ALWAYS = (
    _AGREEMENT, _DENIAL, _UNSURE, _REPEAT, _BUSY, _WRONG, _REFUSE, _COMPLAINT, _HUMAN, _CLOSING,
)  # fmt: skip
_FACT = (_RECEIVING, _SIGNING, _READING, _SATISFACTION, "有的 有 知道 清楚 不知道 不清楚")
_OWN: dict[QuestionKind, tuple[str, ...]] = {
    QuestionKind.POS: _FACT,
    QuestionKind.NEG: _FACT,
    QuestionKind.KNOW: (_GRASP, _READING, "有的 有"),
    QuestionKind.BAD: (_RISK, _SIGNING, "知道 不知道"),
    QuestionKind.LEFT: (_LEFT,),
    QuestionKind.CONS: (_CONSENT, "不用了"),
    QuestionKind.IDENTITY: (_IDENTITY, _CONSENT),
    QuestionKind.FREE: (_LEFT, _SATISFACTION),
}

_PUT_TOGETHER: dict[QuestionKind, tuple[tuple[str, ...], ...]] = {
    QuestionKind.POS: (SIGNED, RECEIVED, READ, TURNS),
    QuestionKind.NEG: (SIGNED, RECEIVED, READ, TURNS),
    QuestionKind.KNOW: (KNOWN, READ, TURNS, LEFT),
    QuestionKind.BAD: (RISK, SIGNED),
    QuestionKind.LEFT: (LEFT, KNOWN),
    QuestionKind.CONS: (CONSENT,),
    QuestionKind.IDENTITY: (CONSENT,),
}


LIKELIER = 3
"""A listed phrase counts as much as so many that are put together."""


def phrases(kind: QuestionKind) -> tuple[str, ...]:
    """What a customer is likely to say to a question of this kind: no duplicates, no punctuation."""
    return tuple(dict.fromkeys(grammar(kind)))


def grammar(kind: QuestionKind) -> tuple[str, ...]:
    """The same for a recogniser: what is likelier stands in it more than once."""
    listed = tuple(word for part in (*_OWN[kind], *_ALWAYS) for word in part.split())
    return (*listed * LIKELIER, *itertools.chain(*_PUT_TOGETHER.get(kind, ()), DOUBTS))


def all_phrases() -> tuple[str, ...]:
    """Every phrase of every kind: the vocabulary that a model must know."""
    return tuple(dict.fromkeys(phrase for kind in QuestionKind for phrase in phrases(kind)))
