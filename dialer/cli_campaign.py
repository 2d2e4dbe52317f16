"""Commands about campaigns: from a template to approved, running and finished."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from dialer.command import (
    Context,
    by_option,
    customer_options,
    errors,
    json_option,
    out,
    sample_customer,
    telephone,
)
from dialer.errors import DialerError
from dialer.model import CallId, PhoneNumber, TaskState, english

if TYPE_CHECKING:
    from dialer.campaigning import Linted, Steps
    from dialer.campaigns import CampaignHead, CampaignVersion, Plan, StepRecord
    from dialer.campaignviews import CampaignLine
    from dialer.ivr.prompt import Facts

T = TypeVar("T")

_name = click.argument("name")
_note = click.option("--note", default="", help="备注 / note")

_STATES = {
    "draft": "草稿",
    "linted": "已检查",
    "rehearsed": "已演练",
    "approved": "已审批",
    "running": "执行中",
    "paused": "已暂停",
    "finished": "已结束",
    "superseded": "已被取代",
}
_FILES = {
    "same": ("与版本一致", "as the version"),
    "changed": ("已改动", "changed"),
    "draft": ("草稿", "draft"),
    "broken": ("有误", "broken"),
    "missing": ("无文件", "no file"),
}


@click.group(name="campaign", help="回访项目 / campaigns")
def campaign_group() -> None:
    pass


def _steps(ctx: Context, name: str, by: str, work: Callable[[Steps], Awaitable[T]]) -> T:
    from dialer import app
    from dialer.campaigning import Person, Steps
    from dialer.site import Site
    from dialer.store.database import SqlStore
    from dialer.storeroom import with_new_store

    site = Site(ctx.site())

    async def run(store: SqlStore) -> T:
        return await work(Steps(site, store, name, Person(by, app.system_clock())))

    return asyncio.run(with_new_store(site.home, run))


def _say_head(ctx: Context, head: CampaignHead, as_json: bool) -> None:
    from dialer import views

    state = ctx.say(_STATES[head.state], head.state.value)
    said = ctx.say(
        f"{head.campaign} 第 {head.number} 版:{state}", f"{head.campaign} version {head.number}: {state}"
    )
    click.echo(views.dumps(head) if as_json else said)


@campaign_group.command(name="list", help="全部回访项目 / every campaign")
@json_option
@click.pass_obj
@errors
def campaign_list(ctx: Context, as_json: bool) -> None:
    from dialer import campaignviews, views

    found = asyncio.run(campaignviews.overview(ctx.site()))
    rows = [_line(ctx, one) for one in found]
    keys = ("campaign", "title", "version", "state", "file", "tasks", "detail")
    out(as_json, found, lambda: views.table(keys, rows, ctx.lang))


def _line(ctx: Context, one: CampaignLine) -> tuple[str, ...]:
    head = one.head
    waiting = one.tasks.get(TaskState.OPEN, 0)
    return (
        one.name,
        one.title,
        "" if head is None else str(head.number),
        ctx.say(_STATES[head.state], head.state.value) if head else ctx.say("草稿", "draft"),
        ctx.say(*_FILES[one.file]),
        f"{waiting}/{sum(one.tasks.values())}",
        one.fault or (ctx.say("升级前沿用,未审批", "carried over, not approved") if _carried(head) else ""),
    )


def _carried(head: CampaignHead | None) -> bool:
    return head is not None and head.carried_over


@campaign_group.command(name="templates", help="随附的项目模板 / shipped templates")
@json_option
@click.pass_obj
@errors
def campaign_templates(ctx: Context, as_json: bool) -> None:
    from dialer import views
    from dialer.campaigns import read_plan
    from dialer.site import Site

    files = Site(ctx.home or Path()).template_files()
    plans = {name: read_plan(file.read_text(encoding="utf-8"), str(file)) for name, file in files.items()}
    rows = [
        (name, plan.title, plan.content.script, "、".join(plan.time.deadlines))
        for name, plan in plans.items()
    ]
    found = [
        {"template": name, "title": plan.title, "script": plan.content.script} for name, plan in plans.items()
    ]
    out(as_json, found, lambda: views.table(("template", "title", "script", "deadlines"), rows, ctx.lang))


@campaign_group.command(name="new", help="按模板新建 / make one from a template")
@click.argument("template")
@click.option("--id", "name", help="项目编号,默认同模板 / its name; default: the template's")
@click.option("--title", default="", help="标题 / title")
@by_option
@json_option
@click.pass_obj
@errors
def campaign_new(ctx: Context, template: str, name: str | None, title: str, by: str, as_json: bool) -> None:
    from dialer import campaigndrafts, views

    file = campaigndrafts.new(ctx.site(), template, name or template, by, title)
    said = ctx.say(
        f"已生成 {file}:请补全后运行 dialer campaign lint {name or template}",
        f"{file}: complete it, then run dialer campaign lint {name or template}",
    )
    click.echo(views.dumps({"file": file}) if as_json else said)


@campaign_group.command(name="lint", help="检查项目文件和话术 / check the file and its script")
@_name
@by_option
@json_option
@click.pass_obj
@errors
def campaign_lint(ctx: Context, name: str, by: str, as_json: bool) -> None:
    from dialer import views

    linted = _steps(ctx, name, by, lambda steps: steps.lint())
    rows = [
        (
            one.rule,
            one.place + (f":{line}" if line else ""),
            ctx.say(one.message, english(one.message)),
            "✗" if one.blocks else "·",
        )
        for one, line in zip(linted.findings, linted.lines, strict=True)
    ]
    if as_json:
        click.echo(views.dumps(_linted(linted)))
    else:
        if rows:
            out(False, None, lambda: views.table(("rule", "key", "message", "result"), rows, ctx.lang))
        if linted.version is not None:
            _say_head(ctx, linted.version, False)
        else:
            click.echo(ctx.say("检查未通过", "not fit yet"))
    sys.exit(0 if linted.passed else 1)


def _linted(linted: Linted) -> dict[str, object]:
    findings = [
        {
            "rule": one.rule,
            "place": one.place,
            "line": line,
            "why": str(one.message),
            "en": english(one.message),
            "blocks": one.blocks,
        }
        for one, line in zip(linted.findings, linted.lines, strict=True)
    ]
    return {"passed": linted.passed, "version": linted.version, "findings": findings}


@campaign_group.command(
    name="rehearse", help="模拟演练 (R50):拨打本单位电话,或登记 / call a telephone of the house, or sign off"
)
@_name
@click.option("--number", help="现在拨打此号码演练,须在 [site] rehearsal_numbers 中 / call this number now")
@click.option("--accept", default="", help="通话未走完仍认可的理由 / why a call that broke off counts")
@customer_options
@click.option("--call", type=click.IntRange(1), help="已有的演练通话编号 / a call that was made")
@_note
@by_option
@json_option
@click.pass_obj
@errors
def campaign_rehearse(
    ctx: Context, name: str, number: str | None, accept: str, insured_differs: bool,
    product_type: str | None, channel: str, call: int | None, note: str, by: str, as_json: bool,
) -> None:  # fmt: skip
    from dialer.campaigning import Rehearsal

    if number is not None and call is None:
        who, facts = (by, note, accept), sample_customer(insured_differs, product_type, channel)
        _rehearse_by_telephone(ctx, name, who, telephone(number), facts, as_json)
        return
    if number is not None or accept:
        raise DialerError("--number goes without --call, and --accept only with --number")
    rehearsal = Rehearsal(CallId(call) if call else None, note)
    _say_head(ctx, _steps(ctx, name, by, lambda steps: steps.rehearse(rehearsal)), as_json)


def _rehearse_by_telephone(
    ctx: Context, name: str, who: tuple[str, str, str], number: PhoneNumber, facts: Facts, as_json: bool
) -> None:
    """Exit code 1: the call was made, but it is no rehearsal."""
    from dialer import app, views
    from dialer.housecall import RULES, Rehearser, rehearse_campaign
    from dialer.site import Site

    click.echo(f"{number.masked}: {ctx.say(RULES, RULES.en)}", err=True)
    work = rehearse_campaign(Site(ctx.site()), name, Rehearser(*who), number, facts, app.system_clock)
    done = asyncio.run(work)
    if as_json:
        click.echo(views.dumps(done))
    elif done.call.attempt.answered_at is not None:
        out(False, None, lambda: views.timeline_table(done.call, ctx.lang))
        click.echo(f"{ctx.say('录音', 'recording')}: {done.recording or '-'}")
    if not done.passed:
        click.echo(f"dialer: {ctx.say(done.why, english(done.why))}", err=True)
        sys.exit(1)
    if not as_json:
        _say_head(ctx, done.version, False)


@campaign_group.command(name="approve", help="审批,须非起草人 (R48, R49) / approve, not by the author")
@_name
@_note
@by_option
@json_option
@click.pass_obj
@errors
def campaign_approve(ctx: Context, name: str, note: str, by: str, as_json: bool) -> None:
    _say_head(ctx, _steps(ctx, name, by, lambda steps: steps.approve(note)), as_json)


@campaign_group.command(name="notify", help="导出预通知名单 (R80) / the list of customers to be told before")
@_name
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_note
@by_option
@json_option
@click.pass_obj
@errors
def campaign_notify(ctx: Context, name: str, file: Path, note: str, by: str, as_json: bool) -> None:
    from dialer import views

    count = _steps(ctx, name, by, lambda steps: steps.notify(file, note))
    said = ctx.say(f"{count} 位客户写入 {file}", f"{count} customers written to {file}")
    click.echo(views.dumps({"customers": count, "file": file}) if as_json else said)


@campaign_group.command(name="start", help="启动最新审批的版本 / run the newest approved version")
@_name
@_note
@by_option
@json_option
@click.pass_obj
@errors
def campaign_start(ctx: Context, name: str, note: str, by: str, as_json: bool) -> None:
    _say_head(ctx, _steps(ctx, name, by, lambda steps: steps.start(note)), as_json)


def _move_command(step: str, text: str) -> None:
    @campaign_group.command(name=step, help=text)
    @_name
    @_note
    @by_option
    @json_option
    @click.pass_obj
    @errors
    def command(ctx: Context, name: str, note: str, by: str, as_json: bool) -> None:
        from dialer.campaigns import CampaignStep

        head = _steps(ctx, name, by, lambda steps: steps.move(CampaignStep(step), note))
        _say_head(ctx, head, as_json)


_move_command("pause", "暂停,不再拨打新电话 / no new calls from now on")
_move_command("resume", "恢复 / go on")
_move_command("finish", "结束 / end it")


@campaign_group.command(name="history", help="谁在何时做了哪一步 / who took which step when")
@_name
@json_option
@click.pass_obj
@errors
def campaign_history(ctx: Context, name: str, as_json: bool) -> None:
    from dialer import campaignviews, views

    found = asyncio.run(campaignviews.show(ctx.site(), name)).history
    out(as_json, found, lambda: views.table(_HISTORY, [_history_row(ctx, one) for one in found], ctx.lang))


_HISTORY = ("at", "version", "step", "state", "by", "note")


def _history_row(ctx: Context, one: StepRecord) -> tuple[str, ...]:
    from dialer import views

    return (
        views.local(one.taken.at),
        str(one.number),
        views.step_text(one.taken.step, ctx.lang),
        ctx.say(_STATES[one.after], one.after.value),
        one.taken.by,
        one.taken.note,
    )


@campaign_group.command(name="show", help="项目五要素、版本和历史 / the five elements, version, history")
@_name
@click.option(
    "--version", "number", type=click.IntRange(0), help="版本,默认现行 / default: the one that counts"
)
@json_option
@click.pass_obj
@errors
def campaign_show(ctx: Context, name: str, number: int | None, as_json: bool) -> None:
    from dialer import campaignviews, views

    found = asyncio.run(campaignviews.show(ctx.site(), name, number))
    version = found.version
    rows = _version_rows(ctx, version, found.file) + (_plan_rows(ctx, found.plan) if found.plan else [])
    if as_json:
        plan = found.plan.model_dump(mode="json") if found.plan else None
        head = version.head if version else None
        shown = {"version": head, "plan": plan, "file": found.file, "history": found.history}
        click.echo(views.dumps(shown))
        return
    out(False, None, lambda: views.table(("item", "detail"), rows, ctx.lang))
    if found.history:
        history = [_history_row(ctx, one) for one in found.history]
        out(False, None, lambda: views.table(_HISTORY, history, ctx.lang))


def _version_rows(ctx: Context, version: CampaignVersion | None, file: str) -> list[tuple[str, str]]:
    state = "draft" if version is None else version.state.value
    rows = [
        (ctx.say("状态", "state"), ctx.say(_STATES[state], state)),
        (ctx.say("文件", "file"), ctx.say(*_FILES[file])),
    ]
    if version is not None:
        rows.insert(0, (ctx.say("版本", "version"), f"{version.number} {version.digest[:12]}"))
    return rows


def _plan_rows(ctx: Context, plan: Plan) -> list[tuple[str, str]]:
    content, method, time, subjects, people = (
        plan.content, plan.method, plan.time, plan.subjects, plan.people
    )  # fmt: skip
    filing = content.filing.number or content.filing.not_required
    windows = ", ".join(map(str, time.windows or ()))
    lists = (subjects.segments, subjects.branches, subjects.channels, subjects.products)
    narrowed = "; ".join("、".join(map(str, one)) for one in lists if one)
    caller = f"{method.caller_id} {method.display_name}".strip()
    return [
        (ctx.say("标题", "title"), plan.title),
        (ctx.say("起草人", "author"), plan.author),
        (ctx.say("内容", "content"), f"{content.script} {content.version}"),
        (ctx.say("报备", "filing"), filing),
        (ctx.say("方式", "method"), f"{method.channel} {caller}".strip()),
        (
            ctx.say("时间", "time"),
            f"{time.starts or ''} - {time.ends or ''} {windows} {'、'.join(time.deadlines)}".strip(" -"),
        ),
        (ctx.say("对象", "subjects"), f"{subjects.description} {narrowed}".strip()),
        (
            ctx.say("执行人员", "people"),
            f"{people.responsible} {people.department} {'、'.join(people.agents)}".strip(),
        ),
    ]
