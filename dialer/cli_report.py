"""Commands about figures: the monthly report and its forms."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import click

from dialer.command import Context, errors, json_option, show_sections
from dialer.errors import DialerError
from dialer.kpi import Dimension, Month


@click.group(name="report", help="统计报表 / reports")
def report_group() -> None:
    pass


@report_group.command(name="month", help="客户回访月报 / monthly report (R28)")
@click.argument("month", metavar="YYYY-MM")
@click.option(
    "--xlsx",
    type=click.Path(path_type=Path, dir_okay=False),
    help="月报、统计表、信息记录表、转办表写入此文件 / write the report and the three forms to this file",
)
@click.option("--campaign", default="", help="只统计该回访项目 / this campaign alone")
@click.option(
    "--by",
    type=click.Choice([one.value for one in Dimension]),
    multiple=True,
    default=(Dimension.BRANCH.value,),
    show_default=True,
    help="屏幕上的分类 / split shown on the screen",
)
@json_option
@click.pass_obj
@errors
def month_command(
    ctx: Context, month: str, xlsx: Path | None, campaign: str, by: Sequence[str], as_json: bool
) -> None:
    from dialer import app, monthly, views
    from dialer.model import Disposition
    from dialer.reports import Workbook, sections

    if xlsx is not None and not xlsx.absolute().parent.is_dir():
        raise DialerError(ctx.say(f"没有目录 {xlsx.parent}", f"no folder {xlsx.parent}"))
    try:
        asked = monthly.Asked(ctx.site(), Month.parse(month), campaign)
    except ValueError as error:
        raise DialerError(str(error)) from None
    made = asyncio.run(monthly.report(asked, app.system_clock()))
    names = {outcome: views.outcome_text(outcome, ctx.lang) for outcome in Disposition}
    if xlsx is not None:
        book = Workbook(made, ctx.lang, names)
        asyncio.run(monthly.fill(asked, made, book))
        book.save(xlsx)
    if as_json:
        click.echo(views.dumps(made))
        return
    show_sections(sections(made, ctx.lang, names, [Dimension(one) for one in by], wide=False))
    if xlsx is not None:
        click.echo(ctx.say(f"已写入 {xlsx}", f"written to {xlsx}"))
