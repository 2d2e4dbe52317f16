"""Cases as JSON, one a line -> what the rules need to judge them (docs/policy.md has the format).

Every mistake names the field and what to write. A missing field, or null, takes its default; an unknown one
is refused, for what isn't applied would change the answer unseen.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from typing import Any, TypeVar

from dialer.errors import ConfigError
from dialer.model import (
    ALL_SIGNATURES,
    Attempt,
    CallId,
    Disposition,
    Phone,
    PhoneNumber,
    Policyholder,
    Segment,
    Signature,
    Task,
    TaskId,
    TaskState,
)
from dialer.policy.calendar import Calendar
from dialer.policy.settings import PolicySettings, changed
from dialer.policy.verdict import Decision, Finding, Resources, decide, examine
from dialer.policy.windows import slots_of
from dialer.policy.zones import find_zone

T = TypeVar("T", bool, int, str)
Json = Mapping[str, Any]

DEFAULT_NUMBER = "13800138000"
_CASE = ("now", "policy", "task", "attempts", "other_attempts", "resources")
_TASK = (
    "due", "cooling_off_end", "segment", "tier", "phones", "waiver", "opted_out", "surrendered",
    "do_not_call", "appointment", "zone", "deadline_type", "event", "visit_failed",
)  # fmt: skip
_ATTEMPT = ("at", "number", "outcome")
_RESOURCES = ("lines", "disk_ok", "approved", "trunk_up")
_NOTES = ("id", "name", "note", "notes", "comment", "title", "description", "expect", "expected", "reason")
"""What a file may say for its reader: allowed anywhere, never looked at."""
_ABOUT = (
    "campaign", "policy_no", "holder", "product", "premium", "pay_years", "script", "branch", "channel",
    "seller", "seller_team",
)  # fmt: skip
"""Of a task, facts that no rule reads."""
_OUTCOMES = tuple(one.value for one in Disposition)


@dataclass(frozen=True, slots=True)
class CaseInput:
    """One line, read and checked."""

    task: Task
    attempts: tuple[Attempt, ...]
    others: tuple[Attempt, ...]
    now: datetime
    settings: PolicySettings
    resources: Resources

    def decide(self, calendar: Calendar) -> Decision:
        return decide(
            self.task, self.attempts, self.others, self.now, calendar, self.settings, self.resources
        )

    def examine(self, calendar: Calendar) -> tuple[Finding, ...]:
        return examine(
            self.task, self.attempts, self.others, self.now, calendar, self.settings, self.resources
        )


def read_case(text: str, base: PolicySettings) -> CaseInput:
    """One line. ``base``: the settings that ``policy`` changes. Raises ConfigError without file and line."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"is not JSON: {error}") from None
    case = _object(data, "case", _CASE)
    settings = _settings(_object(case.get("policy"), "policy", None), base)
    given = _object(case.get("task"), "task", _TASK, _ABOUT)
    task = _task(given)
    zone = find_zone(task.zone or settings.zone) or UTC
    if case.get("now") is None:
        raise ConfigError('now: is missing; write e.g. "now": "2026-11-10T10:00:00+08:00"')
    now = _moment(case["now"], "now", zone)
    if (agreed := given.get("appointment")) is not None:
        task = dataclasses.replace(task, appointment=_moment(agreed, "task.appointment", zone))
    attempts = _attempts(case.get("attempts"), "attempts", task, now, zone, settings, 1)
    others = _attempts(case.get("other_attempts"), "other_attempts", task, now, zone, settings, 2)
    attempts, pass_no = _passes(attempts, settings, recurring=task.recurs)
    state = TaskState.OPEN
    if any(one.outcome is Disposition.TRANSFERRED for one in attempts):
        state = TaskState.WITH_AGENT
    phones = _confirmed(task.phones, given.get("phones"), attempts, pass_no)
    task = dataclasses.replace(task, pass_no=pass_no, state=state, phones=phones)
    resources = _resources(_object(case.get("resources"), "resources", _RESOURCES))
    return CaseInput(task, attempts, others, now, settings, resources)


def _task(given: Json) -> Task:
    """All but the appointment, which may need the zone."""
    return Task(
        id=TaskId(1),
        campaign="",
        policy_no="",
        holder=Policyholder(""),
        phones=_phones(given.get("phones")),
        product="",
        premium=Decimal(0),
        pay_years=0,
        script="",
        cooling_off_end=_day(given, "cooling_off_end"),
        due=_day(given, "due"),
        deadline_type=_value(given, "task.", "deadline_type", ""),
        event=_day(given, "event"),
        segment=_segment(given.get("segment")),
        tier=_value(given, "task.", "tier", ""),
        zone=_value(given, "task.", "zone", ""),
        waiver=given.get("waiver") not in (None, False),
        waiver_signatures=_signatures(given.get("waiver")),
        opted_out=_value(given, "task.", "opted_out", False),
        surrendered=_value(given, "task.", "surrendered", False),
        do_not_call=_value(given, "task.", "do_not_call", False),
        visit_failed=_value(given, "task.", "visit_failed", False),
    )


def _signatures(value: object) -> tuple[Signature, ...]:
    """``true``: signed by all three (R19); a list: by these."""
    if value is None or value is False:
        return ()
    if value is True:
        return ALL_SIGNATURES
    names = [one.value for one in ALL_SIGNATURES]
    if not isinstance(value, list):
        raise ConfigError(
            f"task.waiver: write true, false or a list of who signed, not {_shown(value)};"
            f" known: {', '.join(names)}"
        )
    for one in value:
        if one not in names:
            raise ConfigError(f"task.waiver: {_shown(one)}{_near(str(one), names)}")
    return tuple(one for one in ALL_SIGNATURES if one in value)


def _confirmed(
    phones: tuple[Phone, ...], given: object, attempts: tuple[Attempt, ...], pass_no: int
) -> tuple[Phone, ...]:
    """Where ``verified`` isn't said, a number that an earlier pass dialled isn't confirmed anew (R24),
    unless this pass has dialled it already."""
    earlier = {one.number for one in attempts if one.pass_no < pass_no}
    now = {one.number for one in attempts if one.pass_no == pass_no}
    said = given if isinstance(given, list) else [{} for _ in phones]
    return tuple(
        phone
        if one.get("verified") is not None
        else dataclasses.replace(phone, verified=phone.number in now or phone.number not in earlier)
        for phone, one in zip(phones, said, strict=True)
    )


def _segment(value: object) -> Segment:
    if value is None:
        return Segment.GENERAL
    try:
        return Segment(str(value))
    except ValueError:
        raise ConfigError(f"task.segment: {value!r} is no segment; write general or government") from None


def _phones(value: object) -> tuple[Phone, ...]:
    if value is None:
        return (Phone(PhoneNumber.parse(DEFAULT_NUMBER)),)
    phones = []
    for n, one in enumerate(_list(value, "task.phones")):
        place = f"task.phones[{n}]"
        phone = _object(one, place, ("number", "verified"))
        number = _number(phone.get("number") or DEFAULT_NUMBER, f"{place}.number")
        phones.append(Phone(number, _value(phone, f"{place}.", "verified", True)))
    return tuple(phones)


def _attempts(
    value: object,
    name: str,
    task: Task,
    now: datetime,
    zone: tzinfo,
    settings: PolicySettings,
    task_id: int,
) -> tuple[Attempt, ...]:
    """Oldest first."""
    first = task.phones[0].number if task.phones else PhoneNumber.parse(DEFAULT_NUMBER)
    found = []
    for n, one in enumerate(_list(value, name) if value is not None else ()):
        place = f"{name}[{n}]"
        given = _object(one, place, _ATTEMPT)
        if given.get("at") is None:
            raise ConfigError(f'{place}.at: is missing; write e.g. "at": "2026-11-09T10:00:00+08:00"')
        at = _moment(given["at"], f"{place}.at", zone)
        if at > now:
            raise ConfigError(f"{place}.at: {at.isoformat()} is after now; write a moment up to now")
        said = given.get("number")
        number = first if said is None else _number(said, f"{place}.number")
        outcome = _outcome(given.get("outcome", Disposition.UNKNOWN.value), f"{place}.outcome")
        slot = _slot_key(at, task.segment, zone, settings)
        found.append(
            Attempt(
                id=CallId(2 * n + task_id),
                task_id=TaskId(task_id),
                number=number,
                pass_no=1,
                slot=slot,
                invited_at=at,
                ended_at=None if outcome is None else at,
                outcome=outcome,
            )
        )
    return tuple(sorted(found, key=lambda attempt: attempt.invited_at))


def _slot_key(at: datetime, segment: Segment, zone: tzinfo, settings: PolicySettings) -> str:
    local = at.astimezone(zone)
    where = find_zone(str(zone))
    slots = slots_of(local.date(), segment, where, settings) if where else ()
    return next((slot.key for slot in slots if slot.holds(at)), f"{local.date()}/a{local:%H%M%S}")


def _passes(
    attempts: tuple[Attempt, ...], settings: PolicySettings, recurring: bool
) -> tuple[tuple[Attempt, ...], int]:
    """Which pass each attempt belongs to, and the present one: a full pass is followed by the next."""
    pass_no, made, found = 1, 0, []
    for one in attempts:
        found.append(dataclasses.replace(one, pass_no=pass_no))
        if one.outcome is not None and not one.outcome.counts_as_attempt:
            continue
        made += 1
        if recurring and one.outcome is Disposition.COMPLETED:
            pass_no, made = 1, 0
        elif made == settings.attempts_per_pass and one.outcome not in _ENDS:
            pass_no, made = pass_no + 1, 0
    return tuple(found), pass_no


_ENDS = (None, Disposition.COMPLETED, Disposition.REFUSED)
"""Live, or the last of its task: no pass follows (yet)."""


def _outcome(value: object, place: str) -> Disposition | None:
    """None (``null``): the call is live."""
    if value is None:
        return None
    try:
        return Disposition(str(value))
    except ValueError:
        raise ConfigError(f"{place}: {value!r}{_near(str(value), _OUTCOMES)}") from None


def _resources(given: Json) -> Resources:
    lines = _value(given, "resources.", "lines", 1)
    if lines < 0:
        raise ConfigError(f"resources.lines: {lines}; write 0 or more")
    return Resources(
        lines_free=lines,
        can_record=_value(given, "resources.", "disk_ok", True),
        can_record_why="disk_ok = false",
        approved=_value(given, "resources.", "approved", True),
        approved_why="approved = false",
        trunk_up=_value(given, "resources.", "trunk_up", True),
        trunk_why="trunk_up = false",
    )


def _settings(given: Json, base: PolicySettings) -> PolicySettings:
    names = [field.name for field in dataclasses.fields(PolicySettings)]
    for key in given:
        if key not in names:
            raise ConfigError(f"policy.{key}: unknown{_near(key, names)}")
    try:
        return changed(base, given)
    except ValueError as error:
        raise ConfigError(f"policy.{error}") from None


def _object(
    value: object, place: str, known: tuple[str, ...] | None, passed_over: tuple[str, ...] = ()
) -> Json:
    """``known`` None: any key, to be looked at by the caller."""
    if value is None and place != "case":
        return {}
    if not isinstance(value, dict):
        raise ConfigError(f"{place}: write an object {{...}}, not {_shown(value)}")
    for key in value if known else ():
        if known and key not in (*known, *passed_over, *_NOTES) and not key.startswith("_"):
            prefix = "" if place == "case" else f"{place}."
            raise ConfigError(f"{prefix}{key}: unknown{_near(key, known)}")
    return value


def _list(value: object, place: str) -> list[object]:
    if not isinstance(value, list):
        raise ConfigError(f"{place}: write a list [...], not {_shown(value)}")
    return value


def _value(given: Json, prefix: str, key: str, default: T) -> T:
    value = given.get(key)
    if value is None:
        return default
    if type(value) is not type(default):
        wanted = {bool: "true or false", int: "a whole number", str: "text in quotes"}[type(default)]
        raise ConfigError(f"{prefix}{key}: write {wanted}, not {_shown(value)}")
    return value


def _number(value: object, place: str) -> PhoneNumber:
    if not isinstance(value, str):
        raise ConfigError(f"{place}: write the number in quotes, not {_shown(value)}")
    try:
        return PhoneNumber.parse(value)
    except ValueError as error:
        raise ConfigError(f"{place}: {error}") from None


def _day(given: Json, key: str) -> date | None:
    value = given.get(key)
    if value is None:
        return None
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise ConfigError(f"task.{key}: {_shown(value)} is no date; write e.g. 2026-11-30 or null") from None


def _moment(value: object, place: str, zone: tzinfo) -> datetime:
    """Without an offset it is local time of the task's zone."""
    try:
        if not isinstance(value, str) or len(value) <= len("2026-11-10"):
            raise ValueError
        found = datetime.fromisoformat(value)
        found = found if found.tzinfo else found.replace(tzinfo=zone)
        if not 2000 <= found.year <= 2999:
            raise ValueError
        return found.astimezone(UTC)
    except ValueError:
        raise ConfigError(
            f"{place}: {_shown(value)} is no moment (of 2000 to 2999); write e.g. 2026-11-10T10:00:00+08:00"
        ) from None


def _near(key: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(key, known, 1)
    return f"; write {close[0]!r}" if close else "; known: " + ", ".join(known)


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:37] + "..."
