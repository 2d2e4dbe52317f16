"""An utterance, clause by clause: what each says once doubt, question and politeness are taken off.

The same for every question; ``answers`` weighs it for one, ``why`` tells it to a person.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

from dialer.ivr.clauses import Clause, clauses
from dialer.ivr.contrasts import (
    answers_itself,
    credits_another,
    explains,
    explanation,
    outdated,
    over,
    resumes,
    untrue,
)
from dialer.ivr.frames import Supposed, hanging, of_no_use
from dialer.ivr.intents import away_then, intent
from dialer.ivr.meanings import BARE, DENYING, Meaning
from dialer.ivr.partly import in_part, of_several
from dialer.ivr.pauses import without_pauses
from dialer.ivr.scope import Doubt, announces, conditional
from dialer.ivr.sense import ABSURD, Reading, Sense
from dialer.ivr.senses import senses
from dialer.ivr.tags import Tag
from dialer.ivr.unfinished import as_far_as_said

INVITING = ("说", "讲", "问", "说吧", "讲吧", "问吧", "来吧")
_LATELY = re.compile(
    r"刚刚?才?(知道|明白|清楚|了解|晓得|懂)|你(这么|这样|这|给我|跟我)?一?(说|讲)(完|了|过)?我?(就|才|倒)?(知道|明白|清楚|懂)"
)
"""Known only since this call."""
_AT_ISSUE = ("问题", "疑问", "意见", "异议", "别的", "其他", "其它")
"""如果有问题: supposed; 方便的话我想问一下 is a question all the same."""
_LOSABLE = BARE | {Meaning.NO_MORE}
_EASILY_LOST = frozenset({Meaning.AGREE, Meaning.WEAK, Meaning.HAVE, Meaning.NONE, Meaning.DENY})
_STANDS_WHEN_ASKED = frozenset(
    {
        Meaning.CONSENT,
        Meaning.NEEDLESS,
        Meaning.HELLO,
        Meaning.QUERY,
        Meaning.MATTER,
        Meaning.REPEAT,
        Meaning.MORE,
    }
)
_DENIED = frozenset(
    {Meaning.NOT_RECEIVED, Meaning.NOT_KNOWN, Meaning.NOT_SIGNED, Meaning.NOT_READ, Meaning.OTHER_SIGNED}
)
_CLAIMS = frozenset(
    {
        Meaning.AGREE, Meaning.WEAK, Meaning.HAVE, Meaning.CONSENT, Meaning.EASE, Meaning.NO_PROBLEM,
        Meaning.NO_QUERY, Meaning.ME, Meaning.KNOWN, Meaning.NOTHING_UNKNOWN, Meaning.RECEIVED,
        Meaning.READ, Meaning.SIGNED, Meaning.SIGNED_UNSAID, Meaning.NO_PROXY, Meaning.NO_PROMISE,
        Meaning.SATISFIED, Meaning.NO_MORE, Meaning.NONE,
    }
)  # fmt: skip
"""What may need no ticket: never taken from a wish, a demand or another person's word."""

_DIVISIBLE = frozenset(
    {
        Meaning.KNOWN, Meaning.NOTHING_UNKNOWN, Meaning.RECEIVED, Meaning.READ, Meaning.SIGNED,
        Meaning.SIGNED_UNSAID, Meaning.NO_PROXY, Meaning.SATISFIED,
    }
)  # fmt: skip
"""What may be so of one page or paper and not of the next."""


@lru_cache(maxsize=64)
def readings(text: str) -> tuple[Reading, ...]:
    """In the order of speech. A condition (如果) reaches to the end, a report (听说) into the next clause."""
    found: list[Reading] = []
    supposed = announced = complete = False
    echo: list[Sense] = []
    heard = clauses(text)
    for clause, hangs in zip(heard, hanging(heard), strict=True):
        supposed = (supposed and not (complete and resumes(clause))) or conditional(clause)
        complete = complete or over(clause)
        own = senses(clause, supposed=supposed or announced or hangs is Supposed.WHOLLY)
        announced = announces(clause)
        general = intent(clause, own)
        signed_by_another = any(s.meaning is Meaning.OTHER_SIGNED for reading in found for s in reading.said)
        if general is Meaning.UNSURE and signed_by_another and away_then(clause):
            found.append(Reading(clause, ()))
        elif general in (Meaning.UNSURE, Meaning.CONSENT, Meaning.MATTER):
            found.append(Reading(clause, (Sense(general, clause.text),)))
        elif general is not None:
            found.append(Reading(clause, tuple(own), general))
        elif of_no_use(clause):
            found.append(Reading(clause, (Sense(Meaning.UNSURE, clause.text),)))
        elif untrue(clause):
            found.append(Reading(clause, (Sense(Meaning.NO_MORE, clause.text),)))
        else:
            stated = [sense for reading in found for sense in reading.said]
            said = [] if _asks_back(clause, stated) else _doubted(clause, own, hangs)
            found = _related(found, clause, echo, said)
        echo = own
    return as_far_as_said(without_pauses(found))


def _related(found: list[Reading], clause: Clause, echo: list[Sense], said: list[Sense]) -> list[Reading]:
    """``found`` and one more, each seen in the other's light. ``echo``: what the clause before names."""
    if not found or found[-1].intent is not None:
        return [*found, Reading(clause, tuple(said))]
    before = found[-1]
    was = list(before.said)
    if explains(clause, was) and not any(sense.meaning is Meaning.UNSURE for sense in said):
        was = [*was[:-1], replace(was[-1], weak=False)]
        said = explanation(said)
    elif credits_another(clause):
        was = [replace(sense, weak=True) for sense in was]
    elif answers_itself(before.clause, echo, said):
        was = [Sense(Meaning.BESIDE, before.clause.text)]
    else:
        was = outdated(before.clause, was, clause, said)
    return [*found[:-1], replace(before, said=tuple(was)), Reading(clause, tuple(said))]


def _asks_back(clause: Clause, stated: list[Sense]) -> bool:
    """没收到,你们寄了吗: what the customer asks us casts no doubt on what he denied."""
    first = clause.tokens[0].tag if clause.tokens else None
    if first is Tag.RHETORIC and all(t.tag is Tag.PAUSE for t in clause.tokens[1:]) and stated:
        return stated[-1].meaning in DENYING  # 没有没有,哪能呢
    asks = clause.asked or any(token.word == "吗" for token in clause.tokens)
    return bool(stated) and stated[-1].meaning in _DENIED and asks and first is Tag.YOU


def _doubted(clause: Clause, own: list[Sense], hangs: Supposed) -> list[Sense]:
    """A clause that asks, guesses or hedges states nothing; nor does a particle amid unknown words."""
    rhetorical = clause.has(Tag.RHETORIC)
    asks = (clause.asked or clause.has(Tag.CHECK)) and not rhetorical
    hedged = clause.has(Tag.HEDGE)
    if not own and (hedged or clause.has(Tag.MIDDLING, Tag.SCORN, Tag.CHECK)):
        return [Sense(Meaning.UNSURE, clause.text)]
    if not own and len(clause.tokens) == 1 and clause.tokens[0].tag is Tag.PAUSE:
        return [Sense(Meaning.HELLO, clause.text)]
    if clause.trails and own and all(sense.meaning is Meaning.WEAK for sense in own):
        return [Sense(Meaning.UNSURE, clause.text)]
    if clause.asked and own and all(sense.meaning is Meaning.WEAK for sense in own):
        return [Sense(Meaning.HELLO, clause.text)]
    result = []
    unknowing = any(sense.meaning is Meaning.NOT_KNOWN for sense in own)
    scorns = clause.has(Tag.SCORN) and not any(token.word in ABSURD for token in clause.tokens)
    if any(sense.doubt is Doubt.NAMED and sense.meaning is Meaning.OTHER_SIGNED for sense in own):
        own = [s for s in own if s.meaning not in (*_CLAIMS, Meaning.UNSURE)]  # 教我说清楚: coached
    for sense in own:
        supposed = sense.meaning is Meaning.MORE and conditional(clause) and sense.words.endswith(_AT_ISSUE)
        supposed = supposed or (
            sense.meaning in (Meaning.CONSENT, Meaning.NEEDLESS)
            and clause.has(Tag.IF, Tag.HEDGE)
            and not sense.words.endswith(INVITING)
        )  # 要是方便, 应该不用了
        stands = sense.meaning in _STANDS_WHEN_ASKED and not supposed
        doubt = sense.doubt is Doubt.OPEN and not stands
        doubt = doubt or (hedged and sense.meaning is Meaning.CONSENT)
        doubt = doubt or (sense.meaning is Meaning.CONSENT and _told_by_another(clause))
        doubt = doubt or (sense.doubt is Doubt.NAMED and sense.meaning in _CLAIMS)
        doubt = doubt or (scorns and sense.meaning in _CLAIMS)  # 没问题个屁
        doubt = doubt or (clause.has(Tag.SCORN) and sense.meaning is Meaning.NO_MORE)  # 没有了才怪
        doubt = doubt or (unknowing and sense.meaning is Meaning.NO_PROMISE)  # 不知道有人承诺没有
        lost = clause.unknown >= (1 if sense.meaning in _EASILY_LOST else 2) and sense.meaning in _LOSABLE
        invites = sense.words.endswith(INVITING)
        shy = asks and sense.meaning is Meaning.CONSENT and not invites
        lately = sense.meaning is Meaning.KNOWN and _LATELY.search(clause.text) is not None
        partly = in_part(clause) or lately or sense.weak or shy or hangs is Supposed.PERHAPS
        partly = partly or (sense.meaning in _DIVISIBLE and of_several(clause))
        partly = partly or (sense.meaning is Meaning.SATISFIED and _praises(clause))
        result.append(Sense(Meaning.UNSURE, clause.text) if doubt or lost else replace(sense, weak=partly))
    return result


def _praises(clause: Clause) -> bool:
    """业务员人挺好的, 产品挺好: of somebody or something, perhaps beside the question."""
    return clause.has(Tag.OTHER, Tag.PAPER, Tag.YOU) and "满意" not in clause.text


def _told_by_another(clause: Clause) -> bool:
    """他跟我讲答是就行: leave that another gave."""
    return clause.has(Tag.OTHER) and clause.has(Tag.TELL, Tag.SAID) and clause.text.endswith(("行", "可以"))
