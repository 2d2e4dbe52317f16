"""The phrase list and the pronunciations: what the model can put into words.

``phrases.tsv`` has a family and a phrase in each row. SENTENCE rows (with a comma) are only spoken in
training; every other row is a word of the model's vocabulary. WORD rows are short parts from which
other phrases can be put together.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Phrase:
    family: str
    text: str

    @property
    def spoken_only(self) -> bool:
        return self.family == "SENTENCE"

    @property
    def tested(self) -> bool:
        """A whole answer, not a part of one."""
        return self.family not in ("WORD", "SENTENCE")

    @property
    def held_out(self) -> bool:
        """About one longer phrase in twelve is never heard in training: does it generalise?"""
        digest = hashlib.md5(self.text.encode()).digest()
        return self.tested and len(self.text) > 2 and digest[0] % 12 == 0


def read_phrases(path: Path = HERE / "phrases.tsv") -> list[Phrase]:
    with path.open(encoding="utf-8", newline="") as lines:
        return [Phrase(row["family"], row["phrase"]) for row in csv.DictReader(lines, delimiter="\t")]


YES_COST = 0.7
"""In doubt between a no and a yes, the no is the safer mistake: a yes closes the question unseen."""
PART_COST = 2.0
SYLLABLE_COST = 3.0
SAME_SOUND_COST = 2.0


def word_costs(phrases: list[Phrase], pronounced: dict[str, list[str]]) -> dict[str, float]:
    """Cost of each vocabulary word, in nats: whole answers come free, or nearly; the short parts pay, more
    so where an answer or an earlier part sounds the same (是 must not come out as 事)."""
    costs: dict[str, float] = {}
    taken: set[tuple[str, ...]] = set()
    for phrase in sorted(phrases, key=lambda phrase: phrase.family == "WORD"):
        key = tuple(pronounced[phrase.text])
        part = PART_COST if len(phrase.text) > 1 else SYLLABLE_COST
        cost = {"WORD": part, "YES": YES_COST}.get(phrase.family, 0.0)
        costs[phrase.text] = cost + (SAME_SOUND_COST if key in taken else 0.0)
        taken.add(key)
    return costs
