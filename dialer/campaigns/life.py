"""A campaign's life: versions locked by their content, and one table of steps (R9, R21, R48-R50).

``advance`` gives the version after a step or raises and changes nothing. ``docs/operations.md`` draws
TABLE (``python -m dialer.campaigns.life``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from dialer.errors import IllegalTransition
from dialer.model import same_person


class CampaignState(StrEnum):
    DRAFT = "draft"
    LINTED = "linted"
    REHEARSED = "rehearsed"
    APPROVED = "approved"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    SUPERSEDED = "superseded"
    """A later version took its place."""


LOCKED = frozenset(CampaignState) - {CampaignState.DRAFT}
"""States in which a version's content can't change any more: another content is another version."""
IN_FORCE = frozenset({CampaignState.RUNNING, CampaignState.PAUSED})
"""States that at most one version of a campaign has."""


class CampaignStep(StrEnum):
    LINT = "lint"
    REHEARSE = "rehearse"
    APPROVE = "approve"
    NOTIFY = "notify"
    """R80: customers were told before the call-back."""
    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    FINISH = "finish"
    SUPERSEDE = "supersede"
    CARRY_OVER = "carry over"
    """Under way when campaigns got approvals; nobody takes this step later."""


TABLE: Mapping[tuple[CampaignState, CampaignStep], CampaignState] = {
    (CampaignState.DRAFT, CampaignStep.LINT): CampaignState.LINTED,
    (CampaignState.DRAFT, CampaignStep.SUPERSEDE): CampaignState.SUPERSEDED,
    (CampaignState.LINTED, CampaignStep.LINT): CampaignState.LINTED,
    (CampaignState.LINTED, CampaignStep.REHEARSE): CampaignState.REHEARSED,
    (CampaignState.LINTED, CampaignStep.SUPERSEDE): CampaignState.SUPERSEDED,
    (CampaignState.REHEARSED, CampaignStep.REHEARSE): CampaignState.REHEARSED,
    (CampaignState.REHEARSED, CampaignStep.APPROVE): CampaignState.APPROVED,
    (CampaignState.REHEARSED, CampaignStep.SUPERSEDE): CampaignState.SUPERSEDED,
    (CampaignState.APPROVED, CampaignStep.NOTIFY): CampaignState.APPROVED,
    (CampaignState.APPROVED, CampaignStep.START): CampaignState.RUNNING,
    (CampaignState.APPROVED, CampaignStep.FINISH): CampaignState.FINISHED,
    (CampaignState.APPROVED, CampaignStep.SUPERSEDE): CampaignState.SUPERSEDED,
    (CampaignState.RUNNING, CampaignStep.NOTIFY): CampaignState.RUNNING,
    (CampaignState.RUNNING, CampaignStep.PAUSE): CampaignState.PAUSED,
    (CampaignState.RUNNING, CampaignStep.FINISH): CampaignState.FINISHED,
    (CampaignState.RUNNING, CampaignStep.SUPERSEDE): CampaignState.SUPERSEDED,
    (CampaignState.PAUSED, CampaignStep.RESUME): CampaignState.RUNNING,
    (CampaignState.PAUSED, CampaignStep.FINISH): CampaignState.FINISHED,
    (CampaignState.PAUSED, CampaignStep.SUPERSEDE): CampaignState.SUPERSEDED,
}


@dataclass(frozen=True, slots=True)
class CampaignVersion:
    """One content of a campaign. Its texts are kept, so that it goes on whatever becomes of the files."""

    campaign: str
    number: int
    """1, 2, ...; 0 for a campaign that was under way before campaigns had approvals."""
    state: CampaignState
    author: str
    created_at: datetime
    plan_text: str = ""
    script_text: str = ""

    @property
    def digest(self) -> str:
        """Empty for a campaign that was carried over: nobody approved a content."""
        return digest(self.plan_text, self.script_text) if self.number else ""

    @property
    def carried_over(self) -> bool:
        return self.head.carried_over

    @property
    def head(self) -> CampaignHead:
        return CampaignHead(self.campaign, self.number, self.state, self.digest)


@dataclass(frozen=True, slots=True)
class CampaignHead:
    """The version of a campaign that counts, without its texts."""

    campaign: str
    number: int
    state: CampaignState
    digest: str

    @property
    def carried_over(self) -> bool:
        """Under way since before approvals: it has no file, and its tasks name their scripts themselves."""
        return self.number == 0


@dataclass(frozen=True, slots=True)
class StepTaken:
    """Who took which step when."""

    step: CampaignStep
    by: str
    at: datetime
    note: str = ""
    account: str = ""
    """Of the operating system, under which the command ran."""


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One line of a campaign's history."""

    campaign: str
    number: int
    taken: StepTaken
    before: CampaignState
    after: CampaignState
    digest: str


def digest(plan_text: str, script_text: str) -> str:
    """SHA-256 over both texts: what an approval was given for."""
    sums = (hashlib.sha256(text.encode()).digest() for text in (plan_text, script_text))
    return hashlib.sha256(b"".join(sums)).hexdigest()


def advance(version: CampaignVersion, taken: StepTaken) -> CampaignVersion:
    """The version after the step. Raises IllegalTransition; nothing changes then."""
    name = f"campaign {version.campaign} version {version.number}"
    following = TABLE.get((version.state, taken.step))
    if following is None:
        allowed = ", ".join(step for state, step in TABLE if state is version.state) or "nothing"
        raise IllegalTransition(f"{name} is {version.state}: {taken.step} isn't possible, only {allowed}")
    if not taken.by.strip():
        raise IllegalTransition(f"{name}: {taken.step} needs the name of who does it")
    if taken.step is CampaignStep.APPROVE and same_person(taken.by, version.author):
        raise IllegalTransition(f"{name}: {taken.by} wrote it, somebody else must approve it (R48, R49)")
    return replace(version, state=following)


@dataclass(frozen=True, slots=True)
class Change:
    """What one step writes: versions in this order, and the history's lines."""

    version: CampaignVersion
    """The one that was asked for."""
    versions: tuple[CampaignVersion, ...] = ()
    records: tuple[StepRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class Content:
    """A campaign's file and its script, as they are now."""

    campaign: str
    author: str
    plan_text: str
    script_text: str


def register(known: Sequence[CampaignVersion], content: Content, by: str, at: datetime) -> Change:
    """The version that holds this plan and script; a new one where no live version does.

    ``known``: the campaign's versions. A draft takes the new texts itself; from ``linted`` on another
    content is another version, and what wasn't approved of the older ones is superseded.
    """
    texts = (content.plan_text, content.script_text)
    over = (CampaignState.FINISHED, CampaignState.SUPERSEDED)
    same = [one for one in known if one.digest == digest(*texts) and one.state not in over]
    if same:
        return Change(same[-1])
    last = max((one.number for one in known), default=0)
    drafts = [one for one in known if one.state not in LOCKED]
    if drafts:
        redrafted = replace(drafts[-1], author=content.author, plan_text=texts[0], script_text=texts[1])
        return Change(redrafted, (redrafted,))
    new = CampaignVersion(content.campaign, last + 1, CampaignState.DRAFT, content.author, at, *texts)
    unapproved = [one for one in known if one.state in (CampaignState.LINTED, CampaignState.REHEARSED)]
    taken = StepTaken(CampaignStep.SUPERSEDE, by, at, f"version {new.number}")
    gone = [_moved(one, taken) for one in unapproved]
    return Change(new, (*(one for one, _ in gone), new), tuple(record for _, record in gone))


def step(known: Sequence[CampaignVersion], number: int, taken: StepTaken) -> Change:
    """A step of one version; starting it supersedes what was in force. Raises IllegalTransition."""
    version = next((one for one in known if one.number == number), None)
    if version is None:
        raise IllegalTransition(f"there is no version {number}")
    moved, record = _moved(version, taken)
    if taken.step is not CampaignStep.START:
        return Change(moved, (moved,), (record,))
    older = [one for one in known if one.number < number or one.state in IN_FORCE]
    replaced = StepTaken(CampaignStep.SUPERSEDE, taken.by, taken.at, f"version {number}", taken.account)
    gone = [_moved(one, replaced) for one in older if (one.state, CampaignStep.SUPERSEDE) in TABLE]
    return Change(moved, (*(one for one, _ in gone), moved), (*(line for _, line in gone), record))


def _moved(version: CampaignVersion, taken: StepTaken) -> tuple[CampaignVersion, StepRecord]:
    after = advance(version, taken)
    record = StepRecord(version.campaign, version.number, taken, version.state, after.state, version.digest)
    return after, record


def heads(versions: Iterable[CampaignHead]) -> list[CampaignHead]:
    """Of each campaign the version that counts: the one in force, else the latest."""
    found: dict[str, CampaignHead] = {}
    for one in versions:
        other = found.get(one.campaign)
        if other is None or (one.state in IN_FORCE, one.number) > (other.state in IN_FORCE, other.number):
            found[one.campaign] = one
    return list(found.values())


def as_it_stood(history: Iterable[StepRecord], moment: datetime) -> CampaignHead | None:
    """The version of one campaign that counted then. None: no step had been taken."""
    stood = {
        one.number: CampaignHead(one.campaign, one.number, one.after, one.digest)
        for one in history
        if one.taken.at <= moment
    }
    return next(iter(heads(stood.values())), None)


def diagram() -> str:
    """TABLE as a Mermaid state diagram; what supersedes a version is left out."""
    lines = ["stateDiagram-v2", f"    [*] --> {CampaignState.DRAFT}"]
    lines += [
        f"    {source} --> {target}: {step}"
        for (source, step), target in TABLE.items()
        if step is not CampaignStep.SUPERSEDE
    ]
    return "\n".join([*lines, f"    {CampaignState.FINISHED} --> [*]"])


if __name__ == "__main__":
    print(diagram())
