"""A forecast as tables, Chinese or English."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dialer.model import Disposition, TaskState
from dialer.reports.sections import Cell, Section, Share
from dialer.simulation.forecast import Count, Forecast

_WORDS: Mapping[str, tuple[str, str]] = {
    "forecast": ("预测", "forecast"),
    "figure": ("指标", "figure"),
    "value": ("数值", "value"),
    "tasks": ("任务", "tasks"),
    "due": ("期限内应访", "due within the days"),
    "on_time": ("按期回访成功", "called back in time"),
    "done_on_time": ("按期完成率", "done within deadline"),
    "success_a": ("回访成功率(甲)", "success A"),
    "success_b": ("回访成功率(乙)", "success B"),
    "cooling_off_success": ("犹豫期内回访成功率", "success in cooling-off"),
    "ticket_ratio": ("问题件比率", "ticket ratio"),
    "visits_and_letters": ("上门及信函占比", "visits and letters"),
    "calls": ("拨打次数", "attempts"),
    "calls_per_task": ("每任务拨打次数", "attempts per task called"),
    "refreshed": ("重新确认号码", "numbers re-verified"),
    "drained": ("全部处理完", "nobody left to call after"),
    "never": ("期末仍有待访", "some are left at the end"),
    "lines": ("线路", "lines"),
    "given": ("现有线路", "lines given"),
    "needed": ("需要线路", "lines needed"),
    "at_least": ("至少 {}", "at least {}"),
    "most": ("最多同时占用", "most at once"),
    "mean": ("平均占用", "busy on average"),
    "p95": ("95% 时间内不超过", "95 % of the time at most"),
    "full": ("线路占满时间", "time with all busy"),
    "agents": ("坐席", "agents"),
    "asked": ("客户要求人工", "customers who asked for a person"),
    "missed": ("无空闲坐席", "when no agent was free"),
    "agent_hours": ("坐席通话小时", "hours of talk with agents"),
    "states": ("期末任务状态", "tasks at the end"),
    "state": ("状态", "state"),
    "number": ("数量", "number"),
    "share": ("占比", "share"),
    "outcomes": ("拨打结果", "calls by outcome"),
    "outcome": ("结果", "outcome"),
    "by_attempt": ("按拨打次序", "by attempt"),
    "attempt": ("第几次拨打", "attempt"),
    "by_hour": ("按小时", "by hour"),
    "hour": ("小时", "hour"),
    "reached": ("接通", "answered"),
    "reach": ("接通率", "answered, share"),
    "done": ("回访成功", "called back"),
    "days": ("每日拨打", "calls by day"),
    "day": ("日期", "day"),
}


def tables(
    found: Forecast, lang: str, states: Mapping[TaskState, str], outcomes: Mapping[Disposition, str]
) -> list[Section]:
    """``states``, ``outcomes``: their names in ``lang``, which is ``zh`` or ``en``."""

    def word(key: str) -> str:
        return _WORDS[key][lang == "en"]

    def section(title: str, headings: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Section:
        return Section(title, tuple(map(word, headings)), tuple(tuple(row) for row in rows))

    def counted(title: str, heading: str, counts: Sequence[Count]) -> Section:
        rows = [
            (
                one.name,
                one.calls,
                one.reached,
                Share(one.reached / one.calls if one.calls else None),
                one.done,
            )
            for one in counts
        ]
        return section(word(title), (heading, "calls", "reached", "reach", "done"), rows)

    def summary() -> list[Sequence[Cell]]:
        per_task = found.calls_per_task
        rows: list[Sequence[Cell]] = [
            (word("tasks"), found.tasks),
            (word("due"), found.due),
            (word("on_time"), found.on_time),
        ]
        rows += [
            (word(key), Share(getattr(found, key)))
            for key in (
                "done_on_time", "success_a", "success_b", "cooling_off_success", "ticket_ratio",
                "visits_and_letters",
            )
        ]  # fmt: skip
        rows += [
            (word("calls"), found.calls),
            (word("calls_per_task"), "-" if per_task is None else f"{per_task:.2f}"),
            (word("refreshed"), found.refreshed),
            (word("drained"), word("never") if found.drained is None else found.drained.isoformat()),
        ]
        return rows

    lines, agents = found.lines, found.agents
    needed: Cell = word("at_least").format(lines.needed) if lines.short else lines.needed
    return [
        section(
            f"{word('forecast')} {found.start} + {found.days} (seed {found.seed})",
            ("figure", "value"),
            summary(),
        ),
        section(
            word("lines"),
            ("figure", "value"),
            [
                (word("given"), lines.given),
                (word("needed"), needed),
                (word("most"), lines.most),
                (word("mean"), f"{lines.mean:.1f}"),
                (word("p95"), lines.p95),
                (word("full"), Share(lines.full)),
            ],
        ),
        section(
            word("agents"),
            ("figure", "value"),
            [
                (word("number"), agents.given),
                (word("asked"), agents.asked),
                (word("missed"), agents.missed),
                (word("agent_hours"), f"{agents.talk_hours:.1f}"),
            ],
        ),
        section(
            word("states"),
            ("state", "number", "share"),
            [(states[one], n, Share(n / found.tasks)) for one, n in found.states.items()],
        ),
        section(
            word("outcomes"),
            ("outcome", "number", "share"),
            [
                (outcomes[one], n, Share(n / sum(found.outcomes.values())))
                for one, n in found.outcomes.items()
            ],
        ),
        counted("by_attempt", "attempt", found.by_attempt),
        counted("by_hour", "hour", found.by_hour),
        section(word("days"), ("day", "calls"), [(day.isoformat(), n) for day, n in found.by_day.items()]),
    ]
