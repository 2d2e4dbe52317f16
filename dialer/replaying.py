"""A logged day made again: each decision of the ledger, by what it went by then, must come out the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path

from dialer.errors import ConfigError
from dialer.model import CallId, Reason, TaskId
from dialer.office import with_store
from dialer.policy.calendar import Calendar
from dialer.policy.ledger import Rules
from dialer.policy.rulebook import RULEBOOK
from dialer.policy.ruling import INTERNAL_ERROR
from dialer.policy.settings import PolicySettings
from dialer.policy.verdict import Decision, Dial, decide
from dialer.policy.zones import find_zone
from dialer.ports import LedgerEntry
from dialer.site import Site
from dialer.store.database import SqlStore
from dialer.store.effects import CUSTOMER_BUSY

_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Difference:
    """A decision that didn't come out again."""

    decision: int
    """Its number in the ledger."""
    task_id: TaskId
    at: datetime
    said: Decision
    """As it was logged."""
    again: Decision | None
    """What the rules make of the same inputs; None: they couldn't be asked."""
    why: Reason | None = None
    """Why they couldn't."""

    @property
    def rules(self) -> tuple[str, ...]:
        """Whose word differs, in order."""
        if self.again is None:
            return ()
        said = {one.rule: one for one in self.said.findings}
        again = {one.rule: one for one in self.again.findings}
        return tuple(rule for rule in dict.fromkeys([*said, *again]) if said.get(rule) != again.get(rule))

    @property
    def reprogrammed(self) -> tuple[str, ...]:
        """Of these, the rules that are programmed otherwise now than when they spoke."""
        then = {one.rule: one.version for one in self.said.findings}
        return tuple(
            rule
            for rule in self.rules
            if rule in then and (now := RULEBOOK.get(rule)) and now.version != then[rule]
        )


@dataclass
class Replay:
    """What a day's ledger was worth."""

    day: date
    start: datetime
    end: datetime
    decisions: int = 0
    same: int = 0
    faults: int = 0
    """Tasks set aside for a fault of the program: no rule spoke."""
    calls: int = 0
    differences: list[Difference] = field(default_factory=list)
    undecided: list[CallId] = field(default_factory=list)
    """Calls that no decision of the ledger permits."""

    @property
    def proved(self) -> bool:
        return not self.differences and not self.undecided


async def replay(home: Path, day: date, tell: Callable[[int], None] = lambda _count: None) -> Replay:
    """``day``: in the zone of the rules. ``tell(decisions)`` after each page.

    Raises StoreError, ConfigError, DialerError without a database.
    """
    zone = find_zone(Site(home).settings.calling.zone)
    if zone is None:
        raise ConfigError(f"calling.zone: {Site(home).settings.calling.zone!r} is not an IANA zone")
    start = datetime.combine(day, time(), zone)
    found = Replay(day, start, datetime.combine(day + timedelta(days=1), time(), zone))

    async def look(store: SqlStore) -> None:
        judge, after = _Judge(store), 0
        while page := await store.ledger_entries(found.start, found.end, after, _AT_ONCE):
            for entry in page:
                await _replay_one(found, judge, entry)
            after = page[-1].id
            tell(found.decisions)
        found.calls, found.undecided = await store.undecided_calls(found.start, found.end)

    await with_store(home, look)
    return found


async def _replay_one(found: Replay, judge: _Judge, entry: LedgerEntry) -> None:
    found.decisions += 1
    if entry.decision.verdict.rule == INTERNAL_ERROR:
        found.faults += 1
        return
    again = await judge.again(entry.decision)
    if isinstance(again, Decision) and _same(entry.decision, again):
        found.same += 1
        return
    made, why = (again, None) if isinstance(again, Decision) else (None, again)
    found.differences.append(Difference(entry.id, entry.task_id, entry.at, entry.decision, made, why))


def _same(said: Decision, again: Decision) -> bool:
    if said.verdict.why == CUSTOMER_BUSY[0]:
        # The rules said dial; the database, which alone sees every node, stopped it.
        return isinstance(again.verdict, Dial) and said.findings[:-1] == again.findings
    return (said.verdict, said.findings) == (again.verdict, again.findings)


class _Judge:
    """Remembers the rules that it has read."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self._known: dict[str, tuple[PolicySettings, Calendar] | Reason] = {}

    async def again(self, said: Decision) -> Decision | Reason:
        """Raises StoreError."""
        went_by = said.inputs
        if went_by is None:
            return Reason("未保存判定依据", "what it went by wasn't stored")
        if went_by.rules not in self._known:
            self._known[went_by.rules] = _read(went_by.rules, await self._store.rules(went_by.rules))
        known = self._known[went_by.rules]
        if isinstance(known, Reason):
            return known
        settings, calendar = known
        about = (went_by.task, went_by.attempts, went_by.customer_attempts)
        return decide(*about, went_by.now, calendar, settings, went_by.resources)


def _read(fingerprint: str, rules: Rules | None) -> tuple[PolicySettings, Calendar] | Reason:
    if rules is None:
        return Reason(f"没有保存规则 {fingerprint}", f"the rules {fingerprint} weren't kept")
    try:
        return rules.settings(), rules.calendar()
    except (ValueError, KeyError, TypeError) as error:
        return Reason(
            f"当前版本无法读取规则 {fingerprint}:{error}",
            f"this version can't read the rules {fingerprint}: {error}",
        )
