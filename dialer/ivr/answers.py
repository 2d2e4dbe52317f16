"""Heard words + the question's kind -> class of the answer. Never a default yes.

What means the same to every question (``intents``) wins, then what is said as a fact, then bare particles: a
fact beats the particle before it (是的,没收到). A hedge or a question makes the statement unclear, and so do
contradictions. The answer that needs no ticket is given only where every word was understood.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dialer.ivr.contrasts import hollow
from dialer.ivr.intents import HANGING_UP
from dialer.ivr.meanings import Meaning
from dialer.ivr.pauses import takes_leave
from dialer.ivr.readings import readings
from dialer.ivr.scope import exceptions, told_after_denial, unexplained
from dialer.ivr.sense import Reading, Sense
from dialer.ivr.tags import Tag
from dialer.ivr.weighing import HOWEVER, LACKING, RISKY, Classified, corrected, decide, single
from dialer.model import AnswerClass, QuestionKind

__all__ = ["Classified", "classify"]

_PRECEDENCE = (
    Meaning.COMPLAINT, Meaning.NOT_BOUGHT, Meaning.HUMAN, Meaning.WRONG, Meaning.REFUSE, Meaning.BUSY,
    Meaning.REPEAT,
)  # fmt: skip
_POLITE = frozenset(
    {Meaning.AGREE, Meaning.WEAK, Meaning.CONSENT, Meaning.EASE, Meaning.UNSURE, Meaning.HELLO}
)
_SIGNING = (Meaning.SIGNED, Meaning.SIGNED_UNSAID, Meaning.OTHER_SIGNED)


def classify(kind: QuestionKind, text: str) -> Classified:
    """The class of ``text`` as an answer to a question of this kind. Any text; raises nothing."""
    if kind is QuestionKind.FREE:
        kind = QuestionKind.LEFT  # nothing to say, or something: what it is belongs to people
    heard = readings(text)
    said = [sense for reading in heard for sense in reading.said]
    intents: dict[Meaning, str] = {}
    for reading in heard:
        if reading.intent is not None:
            intents.setdefault(reading.intent, reading.clause.text)
    signed = any(sense.meaning in _SIGNING for sense in said)
    for sense in said:
        if sense.meaning is Meaning.WRONG and signed:
            continue  # 签名的不是我,是我儿子: who signed, not who answers
        if sense.meaning is Meaning.REPEAT and _explained(said[said.index(sense) + 1 :]):
            continue  # 啥合同,没给过我
        if sense.meaning in (Meaning.WRONG, Meaning.BUSY, Meaning.REFUSE, Meaning.REPEAT):
            intents.setdefault(sense.meaning, sense.words)
    if Meaning.BUSY in intents and any(words in intents.get(Meaning.REFUSE, "") for words in HANGING_UP):
        del intents[Meaning.REFUSE]  # 开车呢,不说了
    calling = any(reading.clause.has(Tag.CALL, Tag.LATER) for reading in heard)
    if Meaning.BUSY in intents and not calling and any(s.meaning in _SIGNING for s in said):
        del intents[Meaning.BUSY]  # 我人在外地,我弟签的
    for meaning in _PRECEDENCE:
        if meaning in intents:
            return single(kind, Sense(meaning, intents[meaning]))
    said = [replace(s, meaning=Meaning.NOT_ME) if signed and s.meaning is Meaning.WRONG else s for s in said]
    spoken = [reading.clause for reading in heard]
    if any(clause.has(Tag.BYE) for clause in spoken):
        said = _leaving(said)
    found = decide(kind, corrected(said))
    rest = (
        unexplained([clause for clause in spoken if not takes_leave(clause.text)])
        + _unread_negations(heard)
        + (told_after_denial(spoken) if kind is QuestionKind.BAD else [])
        + (exceptions(spoken) + hollow(spoken) + _unread_turns(heard) if kind in RISKY else [])
    )
    return _checked(kind, found, " ".join(rest))


def _explained(later: list[Sense]) -> bool:
    """What follows a question answers it: the question was indignation."""
    return any(sense.meaning in LACKING for sense in later)


def _unread_negations(heard: Sequence[Reading]) -> list[str]:
    """Negations that no sense took up: something was denied, and it isn't known what."""
    return [
        token.word
        for reading in heard
        for token in reading.clause.tokens
        if token.tag is Tag.NOT and not any(token.word in sense.words for sense in reading.said)
    ]


def _unread_turns(heard: Sequence[Reading]) -> list[str]:
    """没人承诺,不过写了: what follows a "but" and isn't understood."""
    return [
        reading.clause.text
        for reading in heard[1:]
        if not reading.said and len(reading.clause.tokens) > 1 and reading.clause.text.startswith(HOWEVER)
    ]


def _checked(kind: QuestionKind, found: Classified, rest: str) -> Classified:
    """The class that needs no ticket is given only where every word is understood (``rest`` is empty)."""
    if not rest:
        return found
    if kind in RISKY:
        harmless = found.answer_class is AnswerClass.NO
        return Classified(AnswerClass.UNCLEAR, rest) if harmless else found
    if found.answer_class is AnswerClass.YES:
        return Classified(AnswerClass.MAYBE_YES, found.decided_by)
    return found


def _leaving(said: list[Sense]) -> list[Sense]:
    """Politeness and goodbye is a wish to hang up, not an answer; a fact said before it stands."""
    if all(sense.meaning in _POLITE for sense in said):
        return [Sense(Meaning.UNSURE, "".join(sense.words for sense in said))]
    return [
        Sense(s.meaning, s.words, weak=True, repair=s.repair) if s.meaning is Meaning.KNOWN else s
        for s in said
    ]
