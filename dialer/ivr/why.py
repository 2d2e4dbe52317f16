"""Why an answer got its class, in words that a person can check: clause by clause, in both languages."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.ivr.answers import classify
from dialer.ivr.meanings import Meaning
from dialer.ivr.readings import readings
from dialer.ivr.scope import unexplained
from dialer.ivr.sense import Sense
from dialer.model import AnswerClass, QuestionKind


@dataclass(frozen=True, slots=True)
class Because:
    """``words`` as they were read, and what they were taken to say."""

    words: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Why:
    """The class, the words that decided it, and every clause."""

    kind: QuestionKind
    text: str
    answer_class: AnswerClass
    decided_by: str
    because: tuple[Because, ...]


_SAYS: dict[Meaning, tuple[str, str]] = {
    Meaning.AGREE: ("同意,按问题的字面", "agrees with the question as it was put"),
    Meaning.WEAK: ("应声,还算不上回答", "acknowledges; no answer by itself"),
    Meaning.CONSENT: ("请您往下说", "leave to go on"),
    Meaning.EASE: ("没事", "nothing is the matter"),
    Meaning.DENY: ("否认,按问题的字面", "denies the question as it was put"),
    Meaning.NONE: ("没有", "there is or was none"),
    Meaning.NOT_YET: ("还没有", "not yet"),
    Meaning.HAVE: ("有", "there is or was some"),
    Meaning.ME: ("是本人", "the person in question"),
    Meaning.NOT_ME: ("不是本人", "not the person in question"),
    Meaning.KNOWN: ("清楚、知道", "knows or understands"),
    Meaning.NOTHING_UNKNOWN: ("没有不清楚的", "nothing is unclear"),
    Meaning.NOT_KNOWN: ("不清楚、不知道", "doesn't know or understand"),
    Meaning.RECEIVED: ("收到了", "received"),
    Meaning.NOT_RECEIVED: ("没收到", "not received"),
    Meaning.READ: ("看过了", "read"),
    Meaning.NOT_READ: ("没看", "not read"),
    Meaning.SIGNED: ("本人签的", "signed in person"),
    Meaning.NOT_SIGNED: ("没签", "not signed"),
    Meaning.SIGNED_UNSAID: ("签了,没说谁签的", "signed, by whom isn't said"),
    Meaning.OTHER_SIGNED: ("别人签的", "signed by somebody else"),
    Meaning.NO_PROXY: ("没有人代签", "nobody signed in his place"),
    Meaning.OTHER_DID: ("别人办的", "somebody else saw to it"),
    Meaning.SATISFIED: ("满意", "satisfied"),
    Meaning.DISSATISFIED: ("不满意", "dissatisfied"),
    Meaning.NO_PROBLEM: ("没问题", "no problem: fine, or nothing left"),
    Meaning.NO_QUERY: ("没有疑问", "nothing to ask, or no objection"),
    Meaning.NO_MORE: ("没有别的了", "nothing left"),
    Meaning.MORE: ("还有事要说", "something is left"),
    Meaning.NEEDLESS: ("不用了", "not needed"),
    Meaning.PROMISED: ("有人承诺过", "something was promised"),
    Meaning.NO_PROMISE: ("没有承诺过", "nothing was promised"),
    Meaning.TOLD: ("有人说过", "somebody told him"),
    Meaning.NOT_TOLD: ("没人说过", "nobody told him"),
    Meaning.QUERY: ("反问", "asks a question"),
    Meaning.MATTER: ("问什么事", "asks what it is about"),
    Meaning.BESIDE: ("说的是别的事", "tells of something that wasn't asked"),
    Meaning.UNSURE: ("拿不准、没有肯定", "a guess, a question or a hedge: nothing stated"),
    Meaning.REPEAT: ("没听清", "didn't hear or follow"),
    Meaning.HELLO: ("招呼或没听清", "a greeting, or didn't hear"),
    Meaning.BUSY: ("现在没空", "busy now"),
    Meaning.WRONG: ("打错了,不是本人", "wrong person or number"),
    Meaning.REFUSE: ("拒绝", "refuses"),
    Meaning.COMPLAINT: ("投诉", "complains"),
    Meaning.HUMAN: ("要人工", "wants a person"),
    Meaning.NOT_BOUGHT: ("没买过", "says that he bought nothing"),
}


def why(kind: QuestionKind, text: str) -> Why:
    """Any text; raises nothing."""
    found = classify(kind, text)
    because = []
    for reading in readings(text):
        if reading.intent is not None:
            because.append(_because(Sense(reading.intent, reading.clause.text)))
            continue
        because += [_because(sense) for sense in reading.said]
        if not reading.said and reading.clause.text:
            because.append(Because(reading.clause.text, "没有说明什么", "says nothing to the question"))
        if rest := "".join(unexplained([reading.clause])):
            because.append(Because(rest, "不认识的词,不据此判“是”", "unknown words: no yes without a check"))
    return Why(kind, text, found.answer_class, found.decided_by, tuple(because))


def _because(sense: Sense) -> Because:
    zh, en = _SAYS[sense.meaning]
    if sense.conceded:
        zh, en = f"{zh}(让步)", f"{en} (granted, a but follows)"
    if sense.repair:
        zh, en = f"{zh}(改口)", f"{en} (takes back what was said)"
    if sense.weak:
        zh, en = f"{zh}(须确认)", f"{en} (to be confirmed)"
    return Because(sense.words, zh, en)
