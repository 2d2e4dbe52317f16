"""What a customer asks of the call itself, in words: slower, in dialect, whether this is a machine.

Their class is decided by ``answers`` (REPEAT, HUMAN); here only which of them it is.
"""

from __future__ import annotations

from dialer.model import AnswerClass

_SLOWER = ("慢点", "慢一点", "慢些", "慢一些", "慢慢", "太快", "说得快", "讲得快", "语速")
_DIALECT = (
    "方言", "本地话", "家乡话", "土话", "粤语", "广东话", "白话", "闽南", "潮汕", "客家话", "上海话",
    "四川话", "温州话", "福州话", "湖南话", "东北话", "藏语", "维语", "蒙语", "当地话",
)  # fmt: skip
_NO_MANDARIN = ("不懂", "不会", "不好", "不太", "不来")
_MACHINE = ("机器", "电脑", "人工智能", "真人", "自动语音", "语音系统", "录音吗")
_MIDDLING = (
    "一般", "还行", "还可以", "凑合", "马马虎虎", "将就", "勉强", "不好不坏", "普普通通", "就那样",
    "差不多", "过得去",
)  # fmt: skip

_DIALECT_CLASSES = (AnswerClass.HUMAN, AnswerClass.REPEAT, AnswerClass.UNCLEAR)


def slower(words: str) -> bool:
    """能说慢点吗, 太快了: of a REPEAT."""
    return any(word in words for word in _SLOWER)


def dialect(answer_class: AnswerClass, words: str) -> str:
    """The dialect or the word for it that is wished for; empty where none is (R46).

    听不懂普通话 is such a wish, too.
    """
    if answer_class not in _DIALECT_CLASSES:
        return ""
    if "普通话" in words and any(word in words for word in _NO_MANDARIN):
        return "普通话"
    return next((word for word in _DIALECT if word in words), "")


def asks_for_machine(words: str) -> bool:
    """你是机器人吗."""
    return any(word in words for word in _MACHINE)


def middling(words: str) -> str:
    """一般, 还行: to a question about satisfaction that is no yes (R66). The word, or empty."""
    return next((word for word in _MIDDLING if word in words), "")
