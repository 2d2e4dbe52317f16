"""The report as tables: the same rows for the terminal and the workbook, Chinese or English."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dialer.kpi import Dimension, Method
from dialer.model import Disposition
from dialer.reports.month import Line, MonthReport
from dialer.reports.words import DIMENSIONS, FIGURES, METHODS, SECTIONS, word


@dataclass(frozen=True, slots=True)
class Share:
    """A cell that is a share of 0 to 1, or nothing to take a share of."""

    value: float | None

    def __str__(self) -> str:
        return "-" if self.value is None else f"{100 * self.value:.2f}%"


Cell = str | int | Share


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def sections(
    report: MonthReport,
    lang: str,
    outcome_names: Mapping[Disposition, str],
    by: Sequence[Dimension] = tuple(Dimension),
    *,
    wide: bool = True,
) -> list[Section]:
    """Figures, methods, causes, outcomes, slots, then one section for each dimension of ``by``.

    ``wide``: all counts and figures in these, more than a terminal shows in a line.
    """
    return [
        _summary(report, lang),
        _methods(report, lang),
        _causes(report, lang),
        _outcomes(report, lang, outcome_names),
        _slots(report, lang),
        *(_split(report, dimension, lang, wide) for dimension in by),
        *([_roots(report, lang)] if report.roots else []),
    ]


def _titles(lang: str, *keys: str) -> tuple[str, ...]:
    return tuple(word(key, lang) for key in keys)


def _summary(report: MonthReport, lang: str) -> Section:
    tally = report.tally
    counts: list[tuple[str, Cell]] = [
        ("due", tally.due),
        ("refused", tally.refused),
        ("surrendered", tally.surrendered),
        ("successes", tally.successes),
        ("in_cooling_off", tally.in_cooling_off),
        ("called_back", report.called_back),
        ("calls", tally.calls),
        ("answered", tally.answered),
        ("with_ticket", tally.with_ticket),
        ("tickets", tally.tickets),
        ("unsettled", tally.unsettled),
        ("recordings", report.recordings),
        ("talk_minutes", round(report.talk_s / 60)),
        ("sample", report.sample),
    ]
    figures = [(f"{FIGURES[name][lang]}", Share(value)) for name, value in report.figures.items()]
    rows: list[tuple[Cell, ...]] = [(word(key, lang), value) for key, value in counts]
    rows += figures
    if report.goal_reached is not None:
        rows.append((word("goal", lang), word("yes" if report.goal_reached else "no", lang)))
    if report.over_cap:
        rows.append((word("cap", lang), word("over", lang)))
    title = f"{word('report', lang)} {report.month}" + (f" ({report.campaign})" if report.campaign else "")
    return Section(title, _titles(lang, "figure", "value"), tuple(rows))


def _methods(report: MonthReport, lang: str) -> Section:
    rows = tuple(
        (METHODS[method][lang], report.tally.by(method), Share(report.methods[method])) for method in Method
    )
    return Section(SECTIONS["methods"][lang], _titles(lang, "method", "number", "share"), rows)


def _causes(report: MonthReport, lang: str) -> Section:
    rows = tuple(
        (one.category, one.question, one.tickets, Share(one.share), one.unsettled, one.major)
        for one in report.causes
    )
    keys = ("category", "cause", "tickets", "share", "unsettled", "major")
    return Section(SECTIONS["causes"][lang], _titles(lang, *keys), rows)


def _outcomes(report: MonthReport, lang: str, names: Mapping[Disposition, str]) -> Section:
    calls = report.tally.calls
    rows = tuple(
        (names[outcome], number, Share(number / calls if calls else None))
        for outcome, number in report.outcomes.items()
    )
    return Section(SECTIONS["outcomes"][lang], _titles(lang, "outcome", "number", "share"), rows)


def _slots(report: MonthReport, lang: str) -> Section:
    rows = tuple(
        (
            word("agreed", lang) if one.slot == "a" else _window(one.slot, lang),
            one.calls,
            one.answered,
            Share(one.answered / one.calls if one.calls else None),
        )
        for one in report.slots
    )
    return Section(SECTIONS["slots"][lang], _titles(lang, "slot", "calls", "answered", "share"), rows)


def _roots(report: MonthReport, lang: str) -> Section:
    rows = tuple((str(one.day), f"{one.first}-{one.last}", one.root, one.public_key) for one in report.roots)
    return Section(SECTIONS["roots"][lang], _titles(lang, "day", "entries", "root", "public_key"), rows)


def _window(index: str, lang: str) -> str:
    """Windows are counted from 0 in a slot's key, from 1 by people."""
    return f"{word('window', lang)} {int(index) + 1}" if index.isdecimal() else index


_COUNTS = (
    "due", "refused", "surrendered", "successes", "in_cooling_off", "called_back", "calls", "answered",
    "tickets", "unsettled",
)  # fmt: skip
_FEW_COUNTS = ("due", "successes", "called_back", "tickets")
_FEW_FIGURES = ("success_a", "success_b", "cooling_off_success", "ticket_ratio", "completion")


def _split(report: MonthReport, dimension: Dimension, lang: str, wide: bool) -> Section:
    counts = _COUNTS if wide else _FEW_COUNTS
    figures = tuple(report.figures) if wide else _FEW_FIGURES
    names = tuple(FIGURES[name][lang] for name in figures)
    headings = (DIMENSIONS[dimension][lang], *_titles(lang, *counts), *names, word("ticket_share", lang))
    rows = tuple(_line(one, counts, figures, lang) for one in report.by[dimension])
    return Section(f"{SECTIONS['split'][lang]}{DIMENSIONS[dimension][lang]}", headings, rows)


def _line(one: Line, counts: Sequence[str], figures: Sequence[str], lang: str) -> tuple[Cell, ...]:
    numbers = (int(getattr(one.tally, key)) for key in counts)
    shares = (Share(one.figures[name]) for name in figures)
    return (one.name or word("unnamed", lang), *numbers, *shares, Share(one.ticket_share))
