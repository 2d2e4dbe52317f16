"""Commands that try the rules: days to come against customers by chance, and a logged day made again."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dialer.command import EN, Context, errors, json_option, show, show_sections
from dialer.errors import DialerError

if TYPE_CHECKING:
    from dialer.forecasting import Planned
    from dialer.policy.verdict import Verdict
    from dialer.replaying import Difference, Replay
    from dialer.simulation import Forecast
    from dialer.site import Site

_DAY = click.DateTime(["%Y-%m-%d"])
_MOST_TASKS = 10_000_000
_SHOWN = 20
"""Differences on the screen; --json has them all."""


@click.command(name="simulate", help="模拟若干天的外呼并预测结果 / simulate days of calling, and forecast")
@click.option(
    "--tasks",
    required=True,
    metavar="FILE|N",
    help="客户名单 (CSV/xlsx),或虚拟客户数 / a customer list, or how many customers to invent",
)
@click.option("--days", type=click.IntRange(1, 400), default=30, show_default=True, help="天数 / days")
@click.option("--seed", type=click.IntRange(0, 2**31), default=1, show_default=True, help="随机种子 / seed")
@click.option("--from", "start", type=_DAY, help="第一天,默认明天 / first day, tomorrow by default")
@click.option(
    "--lines", type=click.IntRange(1, 100_000), help="线路数,默认取配置 / lines, else as configured"
)
@click.option("--cps", type=click.FloatRange(0, 10_000, min_open=True), help="每秒起呼数 / calls a second")
@click.option("--agents", type=click.IntRange(0, 100_000), help="坐席数 / agents")
@click.option(
    "--at-once", is_flag=True, help="虚拟客户首日全部到齐 / invented customers are all there at first"
)
@click.option(
    "--deadline", default="", help="名单期限类型,如 R30 / deadline type of a list's rows without one"
)
@click.option(
    "--callees",
    type=click.Path(path_type=Path, dir_okay=False),
    help="客户行为模型,默认 config/callees.toml / how customers behave",
)
@json_option
@click.pass_obj
@errors
def simulate_command(
    ctx: Context,
    tasks: str,
    days: int,
    seed: int,
    start: datetime | None,
    lines: int | None,
    cps: float | None,
    agents: int | None,
    at_once: bool,
    deadline: str,
    callees: Path | None,
    as_json: bool,
) -> None:
    from dialer import forecasting, views
    from dialer.simulation import forecast, simulate
    from dialer.simulation.people import seldom_collected
    from dialer.site import Site

    site = Site(ctx.home or Path())
    count, file = _tasks(ctx, tasks)
    with seldom_collected():
        planned = forecasting.plan_for(
            site,
            forecasting.Question(
                start=_first_day(site, start),
                days=days,
                seed=seed,
                count=count,
                file=file,
                deadline=deadline,
                at_once=at_once,
                lines=lines,
                cps=cps,
                agents=agents,
                callees=callees,
            ),
        )
        _name_bad_rows(ctx, planned)
        found = forecast(simulate(planned.plan, _progress(ctx, days)))
        gc.freeze()  # the command is at its end: to take a month of calls apart lasts seconds
    if as_json:
        click.echo(views.dumps(found))
    else:
        _print_forecast(ctx, found)
    sys.exit(1 if found.broken else 0)


@click.command(name="replay", help="按台账重演一天的判定 / make a logged day's decisions again")
@click.argument("day", type=_DAY)
@json_option
@click.pass_obj
@errors
def replay_command(ctx: Context, day: datetime, as_json: bool) -> None:
    from dialer import replaying, views

    found = asyncio.run(replaying.replay(ctx.site(), day.date(), _pages(ctx)))
    if as_json:
        click.echo(views.dumps({"proved": found.proved, "replay": found}))
    else:
        _print_replay(ctx, found)
    sys.exit(0 if found.proved else 1)


def _tasks(ctx: Context, text: str) -> tuple[int, Path | None]:
    """A number, or a file that is there. Raises DialerError."""
    if (file := Path(text)).is_file():
        return 0, file
    if not text.isdecimal():
        raise DialerError(
            ctx.say(
                f"--tasks:{text!r} 既不是数字也不是文件", f"--tasks: {text!r} is neither a number nor a file"
            )
        )
    if not 1 <= int(text) <= _MOST_TASKS:
        raise DialerError(f"--tasks: {text} is not in 1..{_MOST_TASKS}")
    return int(text), None


def _first_day(site: Site, asked: datetime | None) -> date:
    """Tomorrow where none is asked for, in the zone of the rules."""
    if asked is not None:
        return asked.date()
    from dialer.app import system_clock
    from dialer.policy.zones import find_zone

    return system_clock().astimezone(find_zone(site.settings.calling.zone)).date() + timedelta(days=1)


def _name_bad_rows(ctx: Context, planned: Planned) -> None:
    for bad in planned.errors[:_SHOWN]:
        place = ctx.say(f"第 {bad.row} 行 {bad.column}: ", f"row {bad.row} {bad.column}: ")
        click.echo(f"dialer: {place}{bad.message}", err=True)
    if planned.errors:
        rows = len({bad.row for bad in planned.errors})
        click.echo(
            ctx.say(f"dialer: {rows} 行有错误,未参与模拟", f"dialer: {rows} bad rows aren't simulated"),
            err=True,
        )


def _progress(ctx: Context, days: int) -> Callable[[int, int], None]:
    """A line that is written over, where somebody looks at it."""
    if not sys.stderr.isatty():
        return lambda _day, _done: None

    def tell(day: int, done: int) -> None:
        text = ctx.say(f"第 {day}/{days} 天,回访成功 {done}", f"day {day} of {days}, {done} called back")
        click.echo(f"\r\x1b[K{text}", nl=day == days, err=True)

    return tell


def _pages(ctx: Context) -> Callable[[int], None]:
    if not sys.stderr.isatty():
        return lambda _count: None
    return lambda count: click.echo(
        "\r\x1b[K" + ctx.say(f"已重演 {count} 条判定", f"{count} decisions made again"), nl=False, err=True
    )


def _print_forecast(ctx: Context, found: Forecast) -> None:
    from dialer import views
    from dialer.model import Disposition, TaskState
    from dialer.simulation.tables import tables

    states = {one: views.state_text(one, ctx.lang) for one in TaskState}
    outcomes = {one: views.outcome_text(one, ctx.lang) for one in Disposition}
    show_sections(tables(found, ctx.lang, states, outcomes))
    if not found.broken:
        click.echo(
            ctx.say(
                f"独立核对 {found.checked} 通电话,未发现违规",
                f"{found.checked} calls checked independently: no rule was broken",
            )
        )
        return
    click.echo(
        ctx.say(
            f"独立核对 {found.checked} 通电话,发现 {found.broken} 处违规:",
            f"{found.checked} calls checked independently: {found.broken} times a rule was broken:",
        )
    )
    for one in found.violations:
        click.echo(f"  {one}")


def _print_replay(ctx: Context, found: Replay) -> None:
    click.echo(
        ctx.say(
            f"{found.day}:重演 {found.decisions} 条判定,一致 {found.same} 条,"
            f"不一致 {len(found.differences)} 条;{found.calls} 通电话",
            f"{found.day}: {found.decisions} decisions made again, {found.same} the same,"
            f" {len(found.differences)} not; {found.calls} calls",
        )
    )
    if found.faults:
        click.echo(
            ctx.say(
                f"程序内部错误 {found.faults} 次,无判定可重演",
                f"{found.faults} internal errors: no rule had spoken",
            )
        )
    if found.differences:
        show(_differences(ctx, found.differences[:_SHOWN]))
    if found.undecided:
        calls = ", ".join(map(str, found.undecided[:_SHOWN]))
        click.echo(
            ctx.say(
                f"台账中没有准许记录的电话 {len(found.undecided)} 通:{calls}",
                f"{len(found.undecided)} calls that no decision of the ledger permits: {calls}",
            )
        )


def _differences(ctx: Context, found: Sequence[Difference]) -> object:
    from dialer import views
    from dialer.model import english

    rows = []
    for one in found:
        again = (
            _verdict(one.again.verdict, ctx.lang)
            if one.again is not None
            else (english(one.why or "") if ctx.lang == EN else str(one.why))
        )
        rules = ", ".join(f"{rule}*" if rule in one.reprogrammed else rule for rule in one.rules)
        rows.append(
            (str(one.decision), str(one.task_id), one.at.isoformat(timespec="seconds"),
             _verdict(one.said.verdict, ctx.lang), again, rules)
        )  # fmt: skip
    return views.table(("decision", "task", "at", "logged", "again", "rules"), rows, ctx.lang)


def _verdict(verdict: Verdict, lang: str) -> str:
    """In a line: what, by which rule, until when, why."""
    until = getattr(verdict, "until", None)
    words = verdict.en if lang == EN else verdict.why
    when = "" if until is None else f" {until.isoformat(timespec='seconds')}"
    return f"{type(verdict).__name__.lower()} {verdict.rule}{when} {words}"
