"""How customers behave: chances by hour, by person and by number. What a forecast is worth, these are worth.

Every figure is a setting of ``callees.toml``; take them from your own months (``dialer report month``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import msgspec

from dialer.errors import ConfigError
from dialer.model import AppointmentWish, Disposition
from dialer.simulation.chance import Chance
from dialer.tomlread import read_toml

NOON = 12


@dataclass(frozen=True, slots=True)
class Reach:
    """``[reach]``: how likely somebody takes the call."""

    by_hour: Mapping[str, float] = field(default_factory=lambda: {"10": 0.46, "14": 0.42, "15": 0.45})
    """By the local hour in which the phone rings, e.g. "10"."""
    otherwise: float = 0.40
    """In an hour that isn't named."""
    by_weekday: tuple[float, ...] = (0.96, 1.0, 1.02, 1.0, 0.97, 1.05, 1.05)
    """Factor for Monday to Sunday."""
    half_day_swing: float = 0.25
    """Everybody is easier to reach in one half of the day: by this share more, in the other one less."""
    hard_share: float = 0.15
    """How many are hard to reach at any time."""
    hard_factor: float = 0.35
    """And by what factor."""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """``[unanswered]``: what a call is that nobody takes; weights, and shares of all calls."""

    no_answer: float = 62
    busy: float = 14
    rejected: float = 9
    unreachable: float = 15
    dead_share: float = 0.015
    """How many numbers are unallocated, whenever they are dialled."""
    trunk_failure_share: float = 0.005
    """How many calls fail by the line's fault."""
    without_18x_share: float = 0.03
    """How many calls ring without the network saying so."""


@dataclass(frozen=True, slots=True)
class Taken:
    """``[taken]``: what a call becomes that somebody takes; weights, and shares."""

    completed: float = 74
    answered_incomplete: float = 6
    wrong_person: float = 5
    refused: float = 2
    appointment: float = 6
    wants_agent: float = 3
    machine: float = 4
    with_problem_share: float = 0.08
    """How many of the completed have an answer that becomes a ticket."""


@dataclass(frozen=True, slots=True)
class Seconds:
    """``[seconds]``: how long things take. Lengths are medians, log-normal with ``spread``."""

    before_18x: tuple[float, float] = (1.0, 4.0)
    """From the INVITE to ringing, from and to."""
    before_answer: tuple[float, float] = (3.0, 17.0)
    """From ringing to the answer, from and to."""
    busy: float = 4.0
    rejected: float = 9.0
    unreachable: float = 8.0
    unallocated: float = 3.0
    trunk_failure: float = 1.0
    completed: float = 150.0
    answered_incomplete: float = 45.0
    wrong_person: float = 25.0
    refused: float = 20.0
    appointment: float = 40.0
    machine: float = 22.0
    before_agent: float = 60.0
    """Talk before the customer asks for a person."""
    agent: float = 240.0
    """Talk with the agent."""
    spread: float = 0.35


@dataclass(frozen=True, slots=True)
class Wishes:
    """``[wishes]``: when customers who have no time ask to be called; weights by day, shares."""

    today: float = 30
    tomorrow: float = 50
    later: float = 20
    with_hour_share: float = 0.6
    """How many name an hour; the others a half of the day."""


@dataclass(frozen=True, slots=True)
class Contacts:
    """``[contacts]``: what the business side makes of numbers that didn't work (R22, R24)."""

    confirmed_share: float = 0.55
    """How many come back with a confirmed number."""
    new_number_share: float = 0.7
    """And how many of these with another one."""
    workdays: int = 3
    """After so many workdays."""


@dataclass(frozen=True, slots=True)
class People:
    """``[people]``: whom ``--tasks N`` invents; shares."""

    government: float = 0.06
    second_number: float = 0.2
    second_policy: float = 0.04
    waiver: float = 0.01
    opted_out: float = 0.004
    surrendered: float = 0.012
    do_not_call: float = 0.004
    branches: int = 12
    sellers: int = 400


class Behaviour(msgspec.Struct, frozen=True):
    """One call, as it will go if nobody ends it before."""

    outcome: Disposition
    rings_after_s: float | None
    """From the INVITE to the first 18x; None: none comes."""
    answered_after_s: float | None
    """From the INVITE; None: nobody takes it."""
    ends_after_s: float | None
    """From the INVITE to the end that the far end or the talk brings; None: only our CANCEL ends it."""
    wish: AppointmentWish | None = None
    problem: bool = False
    agent_s: float = 0.0
    """How long the customer talks with the agent that was asked for."""


_TAKEN = {
    Disposition.COMPLETED: "completed",
    Disposition.ANSWERED_INCOMPLETE: "answered_incomplete",
    Disposition.WRONG_PERSON: "wrong_person",
    Disposition.REFUSED: "refused",
    Disposition.APPOINTMENT: "appointment",
    Disposition.TRANSFERRED: "wants_agent",
    Disposition.MACHINE: "machine",
}
_UNANSWERED = {
    Disposition.NO_ANSWER: "no_answer",
    Disposition.BUSY: "busy",
    Disposition.REJECTED: "rejected",
    Disposition.UNREACHABLE: "unreachable",
}


@dataclass(frozen=True, slots=True)
class Callees:
    """All of it. ``behave`` is the only thing that calls ask."""

    reach: Reach = field(default_factory=Reach)
    unanswered: Unanswered = field(default_factory=Unanswered)
    taken: Taken = field(default_factory=Taken)
    seconds: Seconds = field(default_factory=Seconds)
    wishes: Wishes = field(default_factory=Wishes)
    contacts: Contacts = field(default_factory=Contacts)
    people: People = field(default_factory=People)
    weights: tuple[Mapping[Disposition, float], Mapping[Disposition, float]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        unanswered = {one: getattr(self.unanswered, name) for one, name in _UNANSWERED.items()}
        taken = {one: getattr(self.taken, name) for one, name in _TAKEN.items()}
        _check(self, unanswered, taken)
        object.__setattr__(self, "weights", (unanswered, taken))

    def behave(self, seed: int, customer: int, number: int, attempt: int, local: datetime) -> Behaviour:
        """``attempt``: which of the task's; ``number``: the digits; ``local``: when, for the customer."""
        chance = Chance(seed, customer, attempt)
        if chance.happens(self.unanswered.trunk_failure_share):
            return Behaviour(Disposition.TRUNK_FAILURE, None, None, self.seconds.trunk_failure)
        if Chance(seed, number).happens(self.unanswered.dead_share):
            return Behaviour(Disposition.UNALLOCATED, None, None, self.seconds.unallocated)
        rings = chance.between(*self.seconds.before_18x)
        told = None if chance.happens(self.unanswered.without_18x_share) else rings
        unanswered, taken = self.weights
        if not chance.happens(self._reach(Chance(seed, customer), local)):
            outcome = chance.pick(unanswered)
            if outcome is Disposition.NO_ANSWER:
                return Behaviour(outcome, told, None, None)
            after = chance.around(getattr(self.seconds, _UNANSWERED[outcome]), self.seconds.spread)
            return Behaviour(outcome, told if after > rings else None, None, after)
        outcome = chance.pick(taken)
        answered = rings + chance.between(*self.seconds.before_answer)
        agent = outcome is Disposition.TRANSFERRED
        median = self.seconds.before_agent if agent else getattr(self.seconds, _TAKEN[outcome])
        return Behaviour(
            outcome,
            told,
            answered,
            answered + chance.around(median, self.seconds.spread),
            self._wish(chance) if outcome is Disposition.APPOINTMENT else None,
            outcome is Disposition.COMPLETED and chance.happens(self.taken.with_problem_share),
            chance.around(self.seconds.agent, self.seconds.spread) if agent else 0.0,
        )

    def _reach(self, person: Chance, local: datetime) -> float:
        reach = self.reach
        share = reach.by_hour.get(str(local.hour), reach.otherwise) * reach.by_weekday[local.weekday()]
        prefers_morning = person.happens(0.5)
        swing = reach.half_day_swing if (local.hour < NOON) == prefers_morning else -reach.half_day_swing
        return share * (1 + swing) * (reach.hard_factor if person.happens(reach.hard_share) else 1.0)

    def _wish(self, chance: Chance) -> AppointmentWish:
        wishes = self.wishes
        days = chance.pick({0: wishes.today, 1: wishes.tomorrow, 2 + int(chance.share() * 5): wishes.later})
        if chance.happens(wishes.with_hour_share):
            return AppointmentWish(days, hour=chance.pick({9: 1, 10: 3, 14: 2, 15: 3, 16: 1, 19: 1}))
        return AppointmentWish(days, "am" if chance.happens(0.5) else "pm")


_TABLES = {
    "reach": Reach,
    "unanswered": Unanswered,
    "taken": Taken,
    "seconds": Seconds,
    "wishes": Wishes,
    "contacts": Contacts,
    "people": People,
}


def read_callees(file: Path | None) -> Callees:
    """None: the defaults. Raises ConfigError with file and line."""
    if file is None:
        return Callees()
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"can't be read: {error.strerror}", str(file)) from None
    except UnicodeDecodeError:
        raise ConfigError("is not UTF-8: save it as UTF-8", str(file)) from None
    toml = read_toml(text, str(file), {}, tuple(_TABLES))
    try:
        return Callees(**{name: toml.table(name, kind) for name, kind in _TABLES.items()})
    except ValueError as error:
        table, _, key = str(error).split(":", 1)[0].partition(".")
        raise toml.error(str(error), (table, key)) from None


def _check(
    callees: Callees, unanswered: Mapping[Disposition, float], taken: Mapping[Disposition, float]
) -> None:
    """Raises ValueError, which begins with the key."""
    for table in _TABLES:
        part = getattr(callees, table)
        for name in part.__dataclass_fields__:
            value = getattr(part, name)
            for one in value.values() if isinstance(value, Mapping) else _numbers(value):
                if one < 0:
                    raise ValueError(f"{table}.{name}: {one} is below 0")
                share = name.endswith("_share") or (table == "people" and isinstance(value, float))
                if share and one > 1:
                    raise ValueError(f"{table}.{name}: {one} is a share, so at most 1")
    reach = callees.reach
    if len(reach.by_weekday) != 7:
        raise ValueError("reach.by_weekday: give seven factors, for Monday to Sunday")
    if any(not hour.isdecimal() or int(hour) > 23 or share > 1 for hour, share in reach.by_hour.items()):
        raise ValueError('reach.by_hour: write hours and shares, e.g. { "10" = 0.46 }')
    wishes = callees.wishes
    weights = ((unanswered, "unanswered"), (taken, "taken"))
    for found, table in ((sum(one.values()), table) for one, table in weights):
        if not found > 0:
            raise ValueError(f"{table}: all weights are 0")
    if not wishes.today + wishes.tomorrow + wishes.later > 0:
        raise ValueError("wishes: all weights are 0")
    for name in ("before_18x", "before_answer"):
        low, high = getattr(callees.seconds, name)
        if low > high:
            raise ValueError(f"seconds.{name}: write the shorter time first")


def _numbers(value: object) -> tuple[float, ...]:
    if isinstance(value, tuple):
        return value
    return (value,) if isinstance(value, int | float) else ()
