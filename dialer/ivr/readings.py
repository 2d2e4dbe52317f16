"""An utterance, clause by clause: what each says once doubt, question and politeness are taken off.

The same for every question; ``answers`` weighs it for one, ``why`` tells it to a person.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from dialer.ivr.clauses import Clause, clauses
from dialer.ivr.intents import intent
from dialer.ivr.meanings import BARE, DENYING, Meaning
from dialer.ivr.scope import Doubt, announces, conditional
from dialer.ivr.sense import Sense
from dialer.ivr.senses import senses
from dialer.ivr.tags import Tag

INVITING = ("说", "讲", "问", "说吧", "讲吧", "问吧", "来吧")
_LATELY = re.compile(
    r"刚刚?才?(知道|明白|清楚|了解|晓得|懂)|你(这么|这样|这|给我|跟我)?一?(说|讲)(完|了|过)?我?(就|才|倒)?(知道|明白|清楚|懂)"
)
"""Known only since this call."""
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
        Meaning.SATISFIED,
    }
)  # fmt: skip
"""What may need no ticket: never taken from a wish, a demand or another person's word."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One clause. ``intent``: what it means to every question, and then ``said`` counts for nothing."""

    clause: Clause
    said: tuple[Sense, ...]
    intent: Meaning | None = None


@lru_cache(maxsize=64)
def readings(text: str) -> tuple[Reading, ...]:
    """In the order of speech. A condition (如果) reaches to the end, a report (听说) into the next clause."""
    found = []
    supposed = announced = False
    for clause in clauses(text):
        supposed = supposed or conditional(clause)
        own = senses(clause, supposed=supposed or announced)
        announced = announces(clause)
        general = intent(clause, own)
        if general in (Meaning.UNSURE, Meaning.CONSENT, Meaning.MATTER):
            found.append(Reading(clause, (Sense(general, clause.text),)))
        elif general is not None:
            found.append(Reading(clause, tuple(own), general))
        else:
            stated = [sense for reading in found for sense in reading.said]
            said = [] if _asks_back(clause, stated) else _doubted(clause, own)
            found.append(Reading(clause, tuple(said)))
    return tuple(found)


def _asks_back(clause: Clause, stated: list[Sense]) -> bool:
    """没收到,你们寄了吗: what the customer asks us casts no doubt on what he denied."""
    first = clause.tokens[0].tag if clause.tokens else None
    if first is Tag.RHETORIC and all(t.tag is Tag.PAUSE for t in clause.tokens[1:]) and stated:
        return stated[-1].meaning in DENYING  # 没有没有,哪能呢
    asks = clause.asked or any(token.word == "吗" for token in clause.tokens)
    return bool(stated) and stated[-1].meaning in _DENIED and asks and first is Tag.YOU


def _doubted(clause: Clause, own: list[Sense]) -> list[Sense]:
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
    if any(sense.doubt is Doubt.NAMED and sense.meaning is Meaning.OTHER_SIGNED for sense in own):
        own = [s for s in own if s.meaning not in (*_CLAIMS, Meaning.UNSURE)]  # 教我说清楚: coached
    for sense in own:
        doubt = sense.doubt is Doubt.OPEN and sense.meaning not in _STANDS_WHEN_ASKED
        doubt = doubt or (hedged and sense.meaning is Meaning.CONSENT)
        doubt = doubt or (sense.doubt is Doubt.NAMED and sense.meaning in _CLAIMS)
        lost = clause.unknown >= (1 if sense.meaning in _EASILY_LOST else 2) and sense.meaning in _LOSABLE
        invites = sense.words.endswith(INVITING)
        shy = asks and sense.meaning is Meaning.CONSENT and not invites
        lately = sense.meaning is Meaning.KNOWN and _LATELY.search(clause.text) is not None
        partly = clause.has(Tag.PARTLY) or lately or sense.weak or shy
        result.append(Sense(Meaning.UNSURE, clause.text) if doubt or lost else replace(sense, weak=partly))
    return result
