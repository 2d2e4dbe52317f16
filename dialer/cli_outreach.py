"""Commands about what goes on without the telephone: visits, letters, texts, and their meter."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dialer.command import Context, by_option, errors, json_option, out
from dialer.errors import DialerError

if TYPE_CHECKING:
    from dialer.handover import HandoverView
    from dialer.outreach import Entered, Result
    from dialer.paperwork import Clerk

_number = click.argument("number", type=click.IntRange(1, 2**63 - 1))
_all = click.option("--all", "everything", is_flag=True, help="含已办结的 / those that are over, too")
_day = click.DateTime(["%Y-%m-%d"])
_YES = {"yes": True, "y": True, "是": True, "no": False, "n": False, "否": False}
_STATES = {
    "listed": "待办",
    "assigned": "已分派",
    "sent": "已寄出",
    "done": "已完成",
    "failed": "未成功",
    "withdrawn": "已撤回",
}


@click.group(name="visit", help="上门回访 / visits (R25)")
def visit_group() -> None:
    pass


@click.group(name="letter", help="信函回访 / letters (R26)")
def letter_group() -> None:
    pass


@click.group(name="texts", help="短信、邮件回访 / text messages and e-mails (R37)")
def texts_group() -> None:
    pass


def _clerk(by: str) -> Clerk:
    from dialer.app import system_clock
    from dialer.campaigning import account
    from dialer.paperwork import Clerk

    return Clerk(by, account(), system_clock())


def _list_command(group: click.Group, channel: str) -> None:
    @group.command(name="list", help="工作清单 / the work list")
    @_all
    @json_option
    @click.pass_obj
    @errors
    def command(ctx: Context, everything: bool, as_json: bool) -> None:
        from dialer import views
        from dialer.handover import HandoverState
        from dialer.kpi import Method
        from dialer.paperwork import OPEN_STATES, worklist

        states = tuple(HandoverState) if everything else OPEN_STATES
        found = asyncio.run(worklist(ctx.site(), Method(channel), states))
        rows = [_row(ctx, one) for one in found]
        keys = (
            "number",
            "task",
            "campaign",
            "policy_no",
            "holder",
            "branch",
            "state",
            "assignee",
            "day",
            "note",
        )
        out(as_json, found, lambda: views.table(keys, rows, ctx.lang))


def _row(ctx: Context, one: HandoverView) -> tuple[str, ...]:
    handover, task = one.handover, one.task
    return (
        str(handover.id),
        str(task.id),
        task.campaign,
        task.policy_no,
        task.holder.name[:1] + "*" * max(len(task.holder.name) - 1, 1),
        task.branch,
        ctx.say(_STATES[handover.state], handover.state.value),
        handover.assignee,
        str(handover.done_on or handover.planned or ""),
        handover.note,
    )


_list_command(visit_group, "visit")
_list_command(letter_group, "letter")
_list_command(texts_group, "text")


@visit_group.command(name="assign", help="分派,不得为该保单销售人员 (R27) / to somebody who didn't sell it")
@_number
@click.option("--to", "assignee", required=True, help="上门人员 / who visits")
@click.option("--on", "planned", type=_day, help="约定日期 / the day agreed")
@by_option
@json_option
@click.pass_obj
@errors
def visit_assign(
    ctx: Context, number: int, assignee: str, planned: datetime | None, by: str, as_json: bool
) -> None:
    from dialer import outreach, views
    from dialer.handover import HandoverId

    day = planned.date() if planned else None
    view = asyncio.run(outreach.assign(ctx.site(), HandoverId(number), assignee, day, _clerk(by)))
    said = ctx.say(f"上门 {number} 已分派给 {assignee}", f"visit {number} is assigned to {assignee}")
    click.echo(views.dumps(view) if as_json else said)


@visit_group.command(name="form", help="打印上门问卷 (HTML) / forms to be printed")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("numbers", nargs=-1, type=click.IntRange(1, 2**63 - 1))
@json_option
@click.pass_obj
@errors
def visit_form(ctx: Context, file: Path, numbers: Sequence[int], as_json: bool) -> None:
    from dialer import outreach, views
    from dialer.handover import HandoverId

    wanted = [HandoverId(number) for number in numbers]
    count = asyncio.run(outreach.print_visits(ctx.site(), wanted, file))
    said = ctx.say(f"{count} 份问卷写入 {file}", f"{count} forms written to {file}")
    click.echo(views.dumps({"forms": count, "file": file}) if as_json else said)


def _result_command(group: click.Group, channel: str) -> None:
    @group.command(name="result", help="录入结果 / enter what came of it")
    @_number
    @click.option("--reached/--not-reached", required=True, help="是否成功 / whether the customer answered")
    @click.option("--on", "day", type=_day, help="答复日期,默认今天 / day of the answer; default: today")
    @click.option(
        "--answer",
        "answers",
        multiple=True,
        metavar="问题=是|否[:原话]",
        help="逐题录入 / one question: QUESTION=yes|no[:words]",
    )
    @click.option("--others-fine", is_flag=True, help="其余问题均无异常 / no problem in the others")
    @click.option("--signed", is_flag=True, help="客户已签字 / the customer signed")
    @click.option("--note", default="", help="备注 / note")
    @by_option
    @json_option
    @click.pass_obj
    @errors
    def command(
        ctx: Context,
        number: int,
        reached: bool,
        day: datetime | None,
        answers: Sequence[str],
        others_fine: bool,
        signed: bool,
        note: str,
        by: str,
        as_json: bool,
    ) -> None:
        from dialer import outreach, views
        from dialer.handover import HandoverId
        from dialer.kpi import Method

        clerk = _clerk(by)
        result = outreach.Result(
            reached, _on(ctx, day, clerk), tuple(map(_answer, answers)), others_fine, signed, note
        )
        entered = asyncio.run(
            outreach.enter_result(ctx.site(), Method(channel), HandoverId(number), result, clerk)
        )
        click.echo(views.dumps(entered) if as_json else _said(ctx, entered, result))


def _on(ctx: Context, day: datetime | None, clerk: Clerk) -> date:
    from dialer.policy.zones import find_zone
    from dialer.site import Site

    if day is not None:
        return day.date()
    return clerk.now.astimezone(find_zone(Site(ctx.site()).settings.calling.zone)).date()


def _answer(text: str) -> tuple[str, bool, str]:
    question, equals, rest = text.partition("=")
    said, _, words = rest.replace("：", ":").partition(":")
    yes = _YES.get(said.strip().casefold())
    if not equals or yes is None:
        raise DialerError(f"--answer {text!r}: write QUESTION=yes or QUESTION=no:words")
    return question.strip(), yes, words.strip()


def _said(ctx: Context, entered: Entered, result: Result) -> str:
    state = entered.view.task.state
    from dialer import views

    parts = [ctx.say(f"任务:{views.state_text(state, ctx.lang)}", f"task: {state.value}")]
    if entered.tickets:
        parts.append(ctx.say(f"问题件 {len(entered.tickets)} 件", f"{len(entered.tickets)} tickets"))
    if entered.verification:
        parts.append(
            ctx.say(f"已生成核实电话({entered.verification})", f"verification call in {entered.verification}")
        )
    return ctx.say(",", ", ").join(parts)


_result_command(visit_group, "visit")
_result_command(letter_group, "letter")
_result_command(texts_group, "text")


@letter_group.command(
    name="export", help="邮件合并文件 (CSV/xlsx),导出即寄出 / mail-merge file; what is in it counts as sent"
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--forms",
    type=click.Path(path_type=Path, dir_okay=False),
    help="可打印的信函 (HTML) / letters to be printed",
)
@click.option("--again", is_flag=True, help="重新导出已寄出未回复的 / those that were sent, once more")
@by_option
@json_option
@click.pass_obj
@errors
def letter_export(ctx: Context, file: Path, forms: Path | None, again: bool, by: str, as_json: bool) -> None:
    _export(ctx, "letter", file, forms, again, by, as_json)


@texts_group.command(
    name="export", help="不愿接听电话的客户 (CSV/xlsx) / customers who decline calls; counts as sent"
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--again", is_flag=True, help="重新导出已发送未回复的 / those that were sent, once more")
@by_option
@json_option
@click.pass_obj
@errors
def texts_export(ctx: Context, file: Path, again: bool, by: str, as_json: bool) -> None:
    _export(ctx, "text", file, None, again, by, as_json)


def _export(
    ctx: Context, channel: str, file: Path, forms: Path | None, again: bool, by: str, as_json: bool
) -> None:
    from dialer import post, views
    from dialer.kpi import Method

    sent = asyncio.run(post.export_post(ctx.site(), Method(channel), file, forms, again, _clerk(by)))
    if as_json:
        click.echo(views.dumps(sent))
        return
    click.echo(ctx.say(f"{sent.count} 位客户写入 {file}", f"{sent.count} customers written to {file}"))
    if sent.without_address:
        click.echo(
            ctx.say(
                f"其中 {sent.without_address} 位没有地址", f"{sent.without_address} of them have no address"
            )
        )


@click.command(name="meter", help="上门与信函占比,上限10% (R8) / share of visits and letters")
@click.option("--month", metavar="YYYY-MM", help="月份,默认本月 / month; default: this one")
@json_option
@click.pass_obj
@errors
def meter_command(ctx: Context, month: str | None, as_json: bool) -> None:
    from dialer import contacts, views
    from dialer.app import system_clock
    from dialer.kpi import Month

    try:
        asked = Month.parse(month) if month else None
    except ValueError as error:
        raise DialerError(str(error)) from None
    found = asyncio.run(contacts.read_meter(ctx.site(), asked, system_clock()))
    meter, share = found.meter, found.meter.share
    if as_json:
        click.echo(
            views.dumps(
                {
                    "month": str(found.month),
                    "called_back": meter.called_back,
                    "visits": meter.visits,
                    "letters": meter.letters,
                    "share": share,
                    "cap": found.cap,
                    "over": found.over,
                    "room": meter.room(found.cap),
                }
            )
        )
    else:
        shown = "-" if share is None else f"{100 * share:.1f}%"
        mark = "✗" if found.over else "✓"
        click.echo(
            ctx.say(
                f"{mark} {found.month} 回访 {meter.called_back} 件,上门 {meter.visits},信函 {meter.letters},"
                f"合计占 {shown},上限 {100 * found.cap:g}%,还可 {meter.room(found.cap)} 件",
                f"{mark} {found.month}: {meter.called_back} called back, {meter.visits} visits,"
                f" {meter.letters} letters, together {shown}, at most {100 * found.cap:g}%,"
                f" room for {meter.room(found.cap)}",
            )
        )
    sys.exit(1 if found.over else 0)


GROUPS = (visit_group, letter_group, texts_group, meter_command)
