"""Commands about the rules: what they say of cases, and the work calendar that they go by."""

from __future__ import annotations

import asyncio
import dataclasses
import sys
from datetime import date, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from dialer.casefile import CaseInput, read_case
from dialer.command import EN, Context, errors, json_option, out, show
from dialer.errors import ConfigError
from dialer.model import TaskId
from dialer.policy.calendar import Calendar
from dialer.policy.settings import PolicySettings
from dialer.policy.verdict import Dial, Escalate, Wait
from dialer.policy.zones import find_zone

INVALID_CASE = "INVALID_CASE"
"""Stands where a rule would: the line is no case."""

if TYPE_CHECKING:
    from dialer.site import Site


@click.command(name="verdict", help="按规则判定案例 (JSONL) / judge cases, one JSON object a line")
@click.argument("cases", type=click.File("rb"))
@click.option("--all", "everything", is_flag=True, help="列出每条规则的意见 / add what every rule says")
@click.pass_obj
@errors
def verdict_command(ctx: Context, cases: IO[bytes], everything: bool) -> None:
    from dialer.site import Site

    site = Site(ctx.home or Path())
    calendar = site.calendar
    base = site.settings.calling if ctx.home else PolicySettings()
    wrong = 0
    for number, raw in enumerate(cases, 1):
        if not raw.strip():
            continue
        try:
            line = _answer(read_case(_text(raw), base), calendar, ctx.lang, everything)
        except ConfigError as error:
            wrong += 1
            click.echo(f"dialer: {ConfigError(error.message, cases.name, number)}", err=True)
            line = _no_case(error.message, ctx)
        click.echo(line)
    sys.exit(1 if wrong else 0)


@click.command(name="why", help="为什么拨打或不拨打 / why a task is or isn't called")
@click.argument("task", type=click.IntRange(0, 2**63 - 1))
@click.option(
    "--at",
    "asked",
    metavar="TIME",
    help="某一时刻 2026-11-10T10:30 或某一天 2026-11-10 / a moment, or a whole day; local to the customer",
)
@json_option
@click.pass_obj
@errors
def why_command(ctx: Context, task: int, asked: str | None, as_json: bool) -> None:
    from dialer import app, office, views
    from dialer.storytext import Teller

    when = None if asked is None else _asked(asked, ctx)
    day = when.date() if isinstance(when, datetime) else when
    story = asyncio.run(office.explain(ctx.site(), TaskId(task), app.system_clock(), day))
    teller = Teller(story, ctx.lang)
    if isinstance(when, datetime):
        when = when if when.tzinfo else when.replace(tzinfo=story.zone)
    if as_json:
        click.echo(views.dumps(teller.facts(when)))
        return
    click.echo(teller.head())
    for part in teller.told(when):
        if isinstance(part, str):
            click.echo(part)
        else:
            show(part)


def _asked(text: str, ctx: Context) -> date | datetime:
    """A day, or a moment. Raises ConfigError."""
    try:
        return date.fromisoformat(text) if len(text) <= len("2026-11-10") else datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            ctx.say(
                f"--at:{text!r} 既不是日期也不是时刻,请写成 2026-11-10 或 2026-11-10T10:30",
                f"--at: {text!r} is neither a day nor a moment: write 2026-11-10 or 2026-11-10T10:30",
            )
        ) from None


@click.group(name="calendar", help="工作日历 / the work calendar")
def calendar_group() -> None:
    pass


@calendar_group.command(name="show", help="一年的放假和调休 / a year's days off and make-up workdays")
@click.argument("year", type=click.IntRange(2000, 2999), required=False)
@json_option
@click.pass_obj
@errors
def calendar_show(ctx: Context, year: int | None, as_json: bool) -> None:
    from dialer import views
    from dialer.almanac import spans, year_facts

    site = _site(ctx)
    facts = year_facts(site, year or _today(site).year)
    rows = [(first, last, ctx.say("休", "off")) for first, last in spans(facts.days_off)]
    rows += [(day, day, ctx.say("班", "worked")) for day in facts.make_up]
    shown = [
        (f"{first}" if first == last else f"{first} - {last}", str((last - first).days + 1), kind)
        for first, last, kind in sorted(rows)
    ]
    source = facts.notice or "chinesecalendar"
    title = ctx.say(
        f"{facts.year} 年 {facts.workdays} 个工作日 ({source})",
        f"{facts.year}: {facts.workdays} workdays ({source})",
    )
    if not as_json:
        click.echo(title)
    out(as_json, facts, lambda: views.table(("day", "days", "kind"), shown, ctx.lang))


@calendar_group.command(name="check", help="日历是否齐全 / whether the calendars are fit and complete")
@json_option
@click.pass_obj
@errors
def calendar_check(ctx: Context, as_json: bool) -> None:
    from dialer import views
    from dialer.almanac import check

    site = _site(ctx)
    found = check(site, _today(site))
    rows = [(one.name, "✓" if one.ok else "✗", one.detail) for one in found]
    out(as_json, found, lambda: views.table(("check", "result", "detail"), rows, ctx.lang))
    sys.exit(0 if all(one.ok for one in found) else 1)


@calendar_group.command(name="add", help="载入放假通知 / load a notice into the installation")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--replace", is_flag=True, help="替换已有文件 / put it in the place of the file that is there")
@json_option
@click.pass_obj
@errors
def calendar_add(ctx: Context, file: Path, replace: bool, as_json: bool) -> None:
    from dialer import app, office, views
    from dialer.almanac import add
    from dialer.site import Site

    added = add(Site(ctx.site()), file, replace)
    dated = asyncio.run(office.date_deadlines_anew(ctx.site(), app.system_clock()))
    added = dataclasses.replace(added, dated_anew=dated)
    if as_json:
        click.echo(views.dumps(added))
        return
    facts = added.facts
    click.echo(
        ctx.say(
            f"已载入 {added.file}:{facts.year} 年 {facts.workdays} 个工作日,{facts.notice};重启服务后生效",
            f"{added.file}: {facts.year} has {facts.workdays} workdays, {facts.notice};"
            " restart the daemon to use it",
        )
    )
    if added.changed:
        days = ", ".join(str(day) for day in added.changed)
        click.echo(ctx.say(f"与之前不同的日子:{days}", f"days that differ from before: {days}"))
    if dated:
        click.echo(
            ctx.say(f"重新计算了 {dated} 个暂定期限", f"{dated} provisional deadlines were dated anew")
        )


def _site(ctx: Context) -> Site:
    from dialer.site import Site

    return Site(ctx.home or Path())


def _today(site: Site) -> date:
    """In the zone of the rules."""
    from dialer.app import system_clock

    return system_clock().astimezone(find_zone(site.settings.calling.zone)).date()


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError("is not UTF-8: save the file as UTF-8") from None


def _no_case(mistake: str, ctx: Context) -> str:
    """What can't be read isn't called; the line keeps its place in the answers."""
    from dialer import views

    why = ctx.say(f"案例无法读取:{mistake}", f"the case can't be read: {mistake}")
    return views.dumps({"decision": "refuse", "until": None, "rule": INVALID_CASE, "why": why})


def _answer(case: CaseInput, calendar: Calendar, lang: str, everything: bool) -> str:
    from dialer import views

    verdict = case.decide(calendar).verdict
    made: dict[str, object] = {
        "decision": type(verdict).__name__.lower(),
        "until": verdict.until.isoformat() if isinstance(verdict, Wait) else None,
        "rule": verdict.rule,
        "why": verdict.en if lang == EN else verdict.why,
    }
    if everything:
        made["channel"] = verdict.channel if isinstance(verdict, Escalate) else None
        made["number"] = verdict.number if isinstance(verdict, Dial) else None
        made["slot"] = verdict.slot if isinstance(verdict, Dial) else None
        made["findings"] = case.examine(calendar)
    return views.dumps(made)
