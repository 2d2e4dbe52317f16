"""What an utterance says -> its class: a fact beats particles, a contradiction is unclear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dialer.ivr.meanings import BARE, DENYING, OPPOSITES, ROWS, Meaning
from dialer.ivr.readings import INVITING
from dialer.ivr.sense import Sense
from dialer.model import AnswerClass, QuestionKind


@dataclass(frozen=True, slots=True)
class Classified:
    """``decided_by``: the words that decided the class; empty where nothing did."""

    answer_class: AnswerClass
    decided_by: str


_CONFIRM = {AnswerClass.YES: AnswerClass.MAYBE_YES}
RISKY = (QuestionKind.BAD, QuestionKind.LEFT)
"""Where yes is what needs looking after: said once, it counts."""
_THINKING = ("想想", "想一下", "想一想", "回忆一下")
_YES = (AnswerClass.YES, AnswerClass.MAYBE_YES)
_NO = (AnswerClass.NO, AnswerClass.MAYBE_NO)
_OUTWEIGHING = frozenset(
    {
        Meaning.KNOWN,
        Meaning.NOT_KNOWN,
        Meaning.NOT_TOLD,
        Meaning.OTHER_SIGNED,
        Meaning.OTHER_DID,
        Meaning.PROMISED,
    }
)
"""What still counts after a concession: 收到是收到了, but ..."""
_SUPERSEDED: tuple[tuple[Meaning, frozenset[Meaning]], ...] = (
    (Meaning.SIGNED_UNSAID, frozenset({Meaning.SIGNED, Meaning.OTHER_SIGNED})),
    (
        Meaning.QUERY,
        frozenset({Meaning.MORE, Meaning.NOT_KNOWN, Meaning.NOT_TOLD, Meaning.NOT_RECEIVED}),
    ),
    (Meaning.NOT_TOLD, frozenset({Meaning.NO_PROMISE})),
    (Meaning.TOLD, frozenset()),
    (Meaning.MATTER, frozenset()),
)
"""The first says less than any of the second (empty: than anything else)."""
_IDENTITY = {
    Meaning.AGREE: AnswerClass.YES,
    Meaning.ME: AnswerClass.YES,
    Meaning.WEAK: AnswerClass.MAYBE_YES,
    Meaning.CONSENT: AnswerClass.MAYBE_YES,
    Meaning.EASE: AnswerClass.MAYBE_YES,
    Meaning.MATTER: AnswerClass.MAYBE_YES,
    Meaning.DENY: AnswerClass.WRONG,
    Meaning.NOT_ME: AnswerClass.WRONG,
    Meaning.NOT_BOUGHT: AnswerClass.WRONG,
    Meaning.NEEDLESS: AnswerClass.REFUSE,
    Meaning.HELLO: AnswerClass.REPEAT,
    Meaning.QUERY: AnswerClass.REPEAT,
}


LACKING = frozenset(
    {
        Meaning.NOT_RECEIVED, Meaning.NOT_KNOWN, Meaning.NOT_SIGNED, Meaning.NOT_READ, Meaning.OTHER_SIGNED,
        Meaning.NOT_TOLD, Meaning.DISSATISFIED,
    }
)  # fmt: skip


def corrected(said: list[Sense]) -> list[Sense]:
    """不对, 说错了 between two statements takes back the first; at the end it leaves nothing."""
    for place in range(len(said) - 1, -1, -1):
        before = [s for s in said[:place] if s.meaning not in (*DENYING, Meaning.WEAK, Meaning.HELLO)]
        if said[place].repair and said[place].meaning is Meaning.UNSURE:
            return said[place + 1 :] or said[place:]  # 没有,哦想起来了,收到了
        if said[place].repair and before:
            return said[place + 1 :] or [Sense(Meaning.UNSURE, said[place].words)]
    return said


def _joined(said: list[Sense]) -> list[Sense]:
    """Statements that complete each other: 签了,我本人; 跟我讲清楚了; 我想问一下怎么领钱."""
    meanings = {sense.meaning for sense in said}
    if {Meaning.SIGNED_UNSAID, Meaning.ME} <= meanings:
        said = [
            replace(s, meaning=Meaning.SIGNED) if s.meaning is Meaning.SIGNED_UNSAID else s
            for s in said
            if s.meaning is not Meaning.ME
        ]
    if {Meaning.NO_PROXY, Meaning.ME} <= meanings:
        said = [
            replace(s, meaning=Meaning.SIGNED) if s.meaning is Meaning.NO_PROXY else s
            for s in said
            if s.meaning is not Meaning.ME
        ]
    if {Meaning.SIGNED_UNSAID, Meaning.NOT_ME} <= meanings:
        said = [
            replace(s, meaning=Meaning.OTHER_SIGNED) if s.meaning is Meaning.NOT_ME else s
            for s in said
            if s.meaning is not Meaning.SIGNED_UNSAID
        ]
    if any(s.meaning is Meaning.CONSENT and s.words.endswith(INVITING) for s in said):
        said = [s for s in said if s.meaning is not Meaning.NO_PROBLEM]  # 没问题你问
    if any(s.meaning in LACKING for s in said):
        said = [s for s in said if s.meaning is not Meaning.NO_PROBLEM]  # 没问题,就是没收到
    emptier = {
        vague
        for vague, clear in _SUPERSEDED
        if vague in meanings and meanings & (clear or meanings - {vague})
    }
    return [s for s in said if s.meaning not in emptier]


def decide(kind: QuestionKind, said: list[Sense]) -> Classified:
    said = _joined(said)
    if _goes_on(said) and said[0].meaning is Meaning.NO_PROBLEM:
        return Classified(AnswerClass.UNCLEAR, "".join(s.words for s in said))
    facts = [s for s in said if s.meaning not in BARE | {Meaning.HELLO, Meaning.UNSURE}]
    doubts = [i for i, s in enumerate(said) if s.meaning is Meaning.UNSURE and not _thought_over(said, i)]
    if facts:
        if doubts and doubts[-1] > said.index(facts[-1]):
            return Classified(AnswerClass.UNCLEAR, said[doubts[-1]].words)
        content = all(s.meaning in (Meaning.KNOWN, Meaning.SATISFIED) for s in facts)
        if kind is QuestionKind.LEFT and content and any(s.meaning is Meaning.NONE for s in said):
            return Classified(AnswerClass.NO, "".join(s.words for s in said))
        found = _merge(kind, facts, weak=bool(doubts) and kind is not QuestionKind.BAD)
        return _taken_back(kind, said, facts, found)
    asks = kind is QuestionKind.LEFT and said and said[0].words.startswith(_ONE_MORE)
    if doubts and not asks:
        return Classified(AnswerClass.UNCLEAR, said[doubts[-1]].words)  # but 有一个,受益人能不能改
    return _taken_back(kind, said, [], _bare(kind, said))


HOWEVER = ("但", "可是", "不过", "然而", "其实", "只是", "结果", "后来")
_ONE_MORE = ("还有", "有一个", "有个", "有几个", "有一点", "有点")
_DISOWNING = frozenset({Meaning.NOT_ME, Meaning.OTHER_DID})


def _taken_back(
    kind: QuestionKind, said: Sequence[Sense], facts: Sequence[Sense], found: Classified
) -> Classified:
    """收到了,没有 states nothing; what another saw to (清楚,别人办的) is a yes to be confirmed."""
    if kind in RISKY:
        turned = any(  # 没有,其实不是; 没人承诺,不过写了; 没问题,还有一个
            s.meaning in (*DENYING, Meaning.HAVE, Meaning.SIGNED_UNSAID) and s.words.startswith(HOWEVER)
            for s in said
        ) or _goes_on(said)
        if turned and found.answer_class is AnswerClass.NO:
            return Classified(AnswerClass.UNCLEAR, "".join(s.words for s in said))
        return found
    if found.answer_class not in _YES or not facts:
        return found
    claimed = next((i for i, s in enumerate(said) if s in facts and s.words in found.decided_by), None)
    after = said[claimed + 1 :] if claimed is not None else []
    gone = (*DENYING, Meaning.NO_MORE) if _turns(after) else DENYING
    if any(s.meaning in gone and "人" not in s.words for s in after):  # 我自己签的,没别人
        return Classified(AnswerClass.UNCLEAR, "".join(s.words for s in said))
    signed = said[claimed].meaning is Meaning.SIGNED if claimed is not None else False
    if not signed and any(s.meaning in _DISOWNING for s in after):
        return Classified(AnswerClass.MAYBE_YES, found.decided_by)
    return found


def _goes_on(said: Sequence[Sense]) -> bool:
    """没问题,还有一个; 没问题,等等,有一个."""
    return any(s.meaning is Meaning.HAVE and any(one in s.words for one in _ONE_MORE) for s in said[1:])


def _turns(after: Sequence[Sense]) -> bool:
    """后来又没了: it is gone; not 清楚,没了."""
    return any(s.words.startswith(("后来", "结果", "又")) for s in after)


def _thought_over(said: list[Sense], place: int) -> bool:
    """让我想想,哦对,收到了: the hesitation ended in an answer."""
    rest = said[place + 1 :]
    agreed = next((i for i, s in enumerate(rest) if s.meaning is Meaning.AGREE), None)
    return said[place].words.endswith(_THINKING) and agreed is not None and len(rest) > agreed + 1


def _bare(kind: QuestionKind, said: Sequence[Sense]) -> Classified:
    """Particles only. 对,没有 is 没有; 是,不是 is nothing."""
    for meaning, rivals in (
        (Meaning.NONE, (Meaning.HAVE, Meaning.CONSENT)),
        (Meaning.DENY, (Meaning.AGREE, Meaning.HAVE, Meaning.CONSENT)),
        (Meaning.HAVE, ()),
        (Meaning.AGREE, ()),
        (Meaning.CONSENT, ()),
        (Meaning.EASE, ()),
        (Meaning.WEAK, ()),
        (Meaning.HELLO, ()),
    ):
        of_it = [s for s in said if s.meaning is meaning]
        if of_it:
            if any(s.meaning in rivals for s in said):
                return Classified(AnswerClass.UNCLEAR, "".join(s.words for s in said))
            return single(kind, of_it[-1])
    return Classified(AnswerClass.UNCLEAR, "")


def _merge(kind: QuestionKind, facts: list[Sense], *, weak: bool) -> Classified:
    """Several facts: each answers the questions that it is about; for one question the graver one counts."""
    kept: list[Sense] = []
    for fact in facts:
        same = next((k for k in kept if k.meaning is fact.meaning), None)
        if same is not None:
            praised = same.meaning is Meaning.SATISFIED and not same.weak  # 满意的,你们服务挺好
            kept[kept.index(same)] = replace(same, weak=fact.weak and not praised)
            continue
        rival = next((k for k in kept if frozenset({k.meaning, fact.meaning}) in OPPOSITES), None)
        if rival is None:
            kept.append(fact)
        elif single(kind, fact).answer_class in _YES and kind not in RISKY:
            return Classified(AnswerClass.UNCLEAR, rival.words + fact.words)
        elif kind is QuestionKind.BAD and fact.weak and rival.meaning is Meaning.OTHER_SIGNED:
            continue  # 他签一半我签一半
        else:
            kept[kept.index(rival)] = fact
    if any(k.conceded for k in kept):
        kept = [k for k in kept if k.conceded or k.meaning in _OUTWEIGHING]
    votes = [(vote, k) for k in kept if (vote := single(kind, k)).answer_class is not AnswerClass.UNCLEAR]
    if not votes:
        return Classified(AnswerClass.UNCLEAR, kept[0].words)
    chosen, _ = votes[0]
    classes = {vote.answer_class for vote, _ in votes}
    for alike in (_YES, _NO):
        if classes <= set(alike):
            chosen = min((vote for vote, _ in votes), key=lambda vote: alike.index(vote.answer_class))
    if kind is QuestionKind.BAD:
        risky = [vote for vote, _ in votes if vote.answer_class in _YES]
        chosen = min(risky, key=lambda vote: _YES.index(vote.answer_class)) if risky else chosen
    elif (
        kind is QuestionKind.KNOW
        and chosen.answer_class in _YES
        and any(k.meaning is Meaning.PROMISED for k in kept)
    ):
        return Classified(AnswerClass.UNCLEAR, "".join(k.words for k in kept))  # 知道保本的
    elif kind is QuestionKind.KNOW:
        chosen = next((vote for vote, _ in votes if vote.answer_class in _NO), chosen)
    elif classes & set(_YES) and classes & set(_NO) and not _papers(kept):
        return Classified(AnswerClass.UNCLEAR, "".join(k.words for k in kept))
    return (
        Classified(_CONFIRM.get(chosen.answer_class, chosen.answer_class), chosen.decided_by)
        if weak
        else chosen
    )


def _papers(facts: list[Sense]) -> bool:
    """Receiving and reading are two questions: the one said first is the one asked.

    签了没收到 may answer either: nothing that wasn't received is affirmed.
    """
    if any(fact.meaning is Meaning.NOT_RECEIVED for fact in facts[1:]):
        return False
    paper = (
        Meaning.RECEIVED, Meaning.NOT_RECEIVED, Meaning.READ, Meaning.NOT_READ, Meaning.SIGNED,
        Meaning.SIGNED_UNSAID,
    )  # fmt: skip
    return all(fact.meaning in paper for fact in facts)


def single(kind: QuestionKind, sense: Sense) -> Classified:
    if kind is QuestionKind.IDENTITY:
        row = ROWS[sense.meaning]
        general = row[QuestionKind.CONS] if len(set(row.values())) == 1 else AnswerClass.UNCLEAR
        answer = _IDENTITY.get(sense.meaning, general)
    else:
        answer = ROWS[sense.meaning][kind]
    if sense.weak and sense.meaning is Meaning.SIGNED and answer is AnswerClass.NO:
        answer = AnswerClass.UNCLEAR  # 一半我签的: and the other half?
    if sense.weak:
        answer = _CONFIRM.get(answer, answer)
    return Classified(answer, sense.words)
