"""Commands about lists: customers in, who isn't called, numbers out to be confirmed and back."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dialer.command import Context, by_option, errors, json_option, out
from dialer.errors import DialerError, ImportFileError
from dialer.model import PhoneNumber, RowError

if TYPE_CHECKING:
    from dialer.intaking import Options, Tell
    from dialer.listimports import By, Listed

T = TypeVar("T")

_SHOWN = 50
"""Bad rows on the screen; the report file has them all."""

_file = click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
_target = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
_campaign = click.option(
    "--campaign", default="", help="名单未写明时的回访项目 / campaign where the list names none"
)
_dry_run = click.option("--dry-run", is_flag=True, help="只检查,不入库 / check everything, store nothing")
_report = click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="问题行报告 (CSV) / bad rows as CSV",
)


@contextmanager
def _progress(ctx: Context, name: str, as_json: bool) -> Iterator[Tell]:
    """A bar on a terminal; nothing anywhere else."""
    if as_json or not sys.stderr.isatty():
        yield lambda _rows, _share: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn(ctx.say("第 {task.fields[rows]} 行", "row {task.fields[rows]}")),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=1.0, rows=0)
        yield lambda rows, share: bar.update(task, completed=share, rows=rows)


def _options(dry_run: bool, report: Path | None, tell: Tell) -> Options:
    from dialer.intaking import Options

    return Options(dry_run, report, tell)


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ImportFileError(f"{error.filename or file}: {error.strerror}") from None


def _print_errors(ctx: Context, found: tuple[RowError, ...], bad_rows: int) -> None:
    for bad in found[:_SHOWN]:
        place = ctx.say(f"第 {bad.row} 行 {bad.column}: ", f"row {bad.row} {bad.column}: ")
        click.echo(place + bad.message)
    if bad_rows and (len(found) > _SHOWN or bad_rows > len({bad.row for bad in found})):
        click.echo(
            ctx.say(
                f"共 {bad_rows} 行有误,完整清单请用 --report",
                f"{bad_rows} bad rows in all: --report has the whole list",
            )
        )


@click.command(name="import", help="导入客户名单 (CSV/xlsx) / import a customer list")
@_file
@click.option("--campaign", default="new-policy", show_default=True, help="回访项目 / campaign")
@click.option("--script", help="话术,仅项目没有文件时需要 / script, only where the campaign has no file")
@click.option(
    "--deadline",
    default="",
    help="期限类型,如 R30,仅项目没有文件时 / deadline type of rows without one, only where there is no file",
)
@_dry_run
@_report
@json_option
@click.pass_obj
@errors
def import_command(
    ctx: Context,
    file: Path,
    campaign: str,
    script: str | None,
    deadline: str,
    dry_run: bool,
    report: Path | None,
    as_json: bool,
) -> None:
    from dialer import app, views
    from dialer.imports import import_customers

    app.collect_seldom()
    with _readable(file), _progress(ctx, file.name, as_json) as tell:
        options = _options(dry_run, report, tell)
        now = app.system_clock()
        imported = asyncio.run(
            import_customers(ctx.site(), file, file.name, campaign, script, now, options, deadline)
        )
    result = imported.report
    if as_json:
        click.echo(views.dumps(imported))
    else:
        done, would = ("将导入", "would be imported") if dry_run else ("导入", "imported")
        click.echo(
            ctx.say(
                f"{done} {result.accepted} 行,重复 {result.duplicates} 行,错误 {imported.bad_rows} 行",
                f"{result.accepted} {would}, {result.duplicates} duplicates, {imported.bad_rows} bad rows",
            )
        )
        if imported.waiting:
            _say_waiting(ctx, imported.waiting)
        for notice in imported.notices:
            click.echo(notice)
        _print_errors(ctx, result.errors, imported.bad_rows)
    sys.exit(1 if imported.bad_rows else 0)


def _say_waiting(ctx: Context, why: str) -> None:
    from dialer.model import english

    click.echo(
        ctx.say(
            f"暂不拨打:{why}(dialer campaign)",
            f"nobody of it is called yet: {english(why)} (dialer campaign)",
        )
    )


Work = Callable[["By", "Options"], Awaitable["Listed"]]


def _import_command(
    group: click.Group,
    text: str,
    work: Callable[[ModuleType, Path, Path, str], Work],
    *,
    by_campaign: bool = True,
) -> None:
    """``import`` of one of the smaller lists. ``work``: (dialer.listimports, home, file, campaign)."""

    def command(
        ctx: Context,
        file: Path,
        by: str,
        dry_run: bool,
        report: Path | None,
        as_json: bool,
        campaign: str = "",
    ) -> None:
        from dialer import listimports

        _import_list(ctx, file, work(listimports, ctx.site(), file, campaign), by, (dry_run, report, as_json))

    made: Any = click.pass_obj(errors(command))
    for option in (json_option, _report, _dry_run, by_option, *([_campaign] if by_campaign else []), _file):
        made = option(made)
    group.command(name="import", help=text)(made)


def _import_list(
    ctx: Context,
    file: Path,
    work: Work,
    by: str,
    choices: tuple[bool, Path | None, bool],
) -> None:
    from dialer import app, views
    from dialer.listimports import By

    dry_run, report, as_json = choices
    app.collect_seldom()

    async def run(options: Options) -> Listed:
        return await work(By(by, app.system_clock()), options)

    with _readable(file), _progress(ctx, file.name, as_json) as tell:
        listed = asyncio.run(run(_options(dry_run, report, tell)))
    found = listed.report
    if as_json:
        click.echo(views.dumps(listed))
    elif dry_run:
        click.echo(
            ctx.say(
                f"可用 {found.added} 行,错误 {listed.bad_rows} 行",
                f"{found.added} good rows, {listed.bad_rows} bad rows",
            )
        )
    else:
        click.echo(
            ctx.say(
                f"新增 {found.added},已有 {found.known},涉及任务 {found.tasks},错误 {listed.bad_rows} 行",
                f"{found.added} added, {found.known} known, {found.tasks} tasks concerned,"
                f" {listed.bad_rows} bad rows",
            )
        )
    if not as_json:
        for notice in listed.notices:
            click.echo(notice)
        _print_errors(ctx, listed.errors, listed.bad_rows)
    sys.exit(1 if listed.bad_rows else 0)


# --- do-not-call ---------------------------------------------------------------------------------


@click.group(name="dnc", help="禁呼名单 / numbers that nobody dials")
def dnc_group() -> None:
    pass


_import_command(
    dnc_group,
    "导入禁呼号码 / import numbers",
    lambda lists, home, file, _campaign: (
        lambda by, options: lists.import_do_not_call(home, file, file.name, by, options)
    ),
    by_campaign=False,
)


@dnc_group.command(name="list", help="禁呼号码(部分遮蔽)/ the numbers, masked")
@json_option
@click.pass_obj
@errors
def dnc_list(ctx: Context, as_json: bool) -> None:
    from dialer import views
    from dialer.storeroom import with_store

    found = asyncio.run(with_store(ctx.site(), lambda store: store.do_not_call_numbers("", 100_000)))
    rows = [(one.number.masked, one.reason) for one in found]
    out(as_json, found, lambda: views.table(("phone", "reason"), rows, ctx.lang))


@dnc_group.command(name="remove", help="移出禁呼名单 / take a number off the list")
@click.argument("number")
@json_option
@click.pass_obj
@errors
def dnc_remove(ctx: Context, number: str, as_json: bool) -> None:
    from dialer.storeroom import with_store

    try:
        phone = PhoneNumber.parse(number)
    except ValueError as error:
        raise DialerError(str(error)) from None
    found = asyncio.run(with_store(ctx.site(), lambda store: store.remove_do_not_call(phone)))
    if found is None:
        raise DialerError(ctx.say(f"{phone.masked} 不在禁呼名单内", f"{phone.masked} isn't on the list"))
    _say_reopened(ctx, found.tasks, as_json)


def _say_reopened(ctx: Context, tasks: int, as_json: bool) -> None:
    from dialer import views

    said = ctx.say(f"已移出,{tasks} 个任务恢复回访", f"done, {tasks} tasks are called again")
    click.echo(views.dumps({"tasks": tasks}) if as_json else said)


# --- waivers and surrenders ----------------------------------------------------------------------


@click.group(name="waivers", help="免访声明 / waivers with their three signatures (R19)")
def waivers_group() -> None:
    pass


_import_command(
    waivers_group,
    "导入免访声明,三方签字齐全才有效 / import waivers",
    lambda lists, home, file, campaign: (
        lambda by, options: lists.import_waivers(home, file, file.name, campaign, by, options)
    ),
)


@click.group(name="surrenders", help="退保、撤单 / surrendered policies (R11)")
def surrenders_group() -> None:
    pass


_import_command(
    surrenders_group,
    "导入退保、撤单保单,未写项目的涉及全部项目 / surrendered policies, in every campaign or the one named",
    lambda lists, home, file, campaign: (
        lambda by, options: lists.import_surrenders(home, file, file.name, campaign, by, options)
    ),
)


def _exemption_commands(group: click.Group, kind: str) -> None:
    """``list`` and ``revoke`` of waivers or surrenders."""

    @group.command(name="list", help="清单 / the list")
    @json_option
    @click.pass_obj
    @errors
    def list_command(ctx: Context, as_json: bool) -> None:
        from dialer import views
        from dialer.listings import ExemptionKind
        from dialer.storeroom import with_store

        found = asyncio.run(with_store(ctx.site(), lambda store: store.exemptions(ExemptionKind(kind))))
        rows = [(one.policy_no, one.campaign, str(one.day or ""), "、".join(one.signed)) for one in found]
        out(as_json, found, lambda: views.table(("policy_no", "campaign", "day", "signed"), rows, ctx.lang))

    @group.command(name="revoke", help="撤销,恢复回访 / take one back")
    @click.argument("policy_no")
    @click.option("--campaign", default="", help="登记时的回访项目 / the campaign that it was recorded for")
    @json_option
    @click.pass_obj
    @errors
    def revoke_command(ctx: Context, policy_no: str, campaign: str, as_json: bool) -> None:
        from dialer.listings import ExemptionKind
        from dialer.storeroom import with_store

        found = asyncio.run(
            with_store(
                ctx.site(), lambda store: store.revoke_exemption(ExemptionKind(kind), policy_no, campaign)
            )
        )
        if found is None:
            raise DialerError(
                ctx.say(f"没有 {policy_no} 的登记", f"nothing is on record for {policy_no} there")
            )
        _say_reopened(ctx, found.tasks, as_json)


_exemption_commands(waivers_group, "waiver")
_exemption_commands(surrenders_group, "surrender")


# --- contacts ------------------------------------------------------------------------------------


@click.group(name="contacts", help="待核实的联系方式 / numbers to be confirmed (R22, R24)")
def contacts_group() -> None:
    pass


@contacts_group.command(
    name="export", help="导出待核实名单及原因 (CSV/xlsx) / the list for the business side, with reasons"
)
@_target
@click.option("--campaign", default="", help="仅该回访项目 / this campaign alone")
@json_option
@click.pass_obj
@errors
def contacts_export(ctx: Context, file: Path, campaign: str, as_json: bool) -> None:
    from dialer import contacts, views

    count = asyncio.run(contacts.export_contacts(ctx.site(), file, campaign))
    said = ctx.say(f"{count} 位客户写入 {file}", f"{count} customers written to {file}")
    click.echo(views.dumps({"customers": count, "file": file}) if as_json else said)


_import_command(
    contacts_group,
    "导入核实结果,进入下一轮 / what was confirmed: the next pass",
    lambda lists, home, file, campaign: (
        lambda by, options: lists.import_contacts(home, file, file.name, campaign, by, options)
    ),
)


GROUPS = (import_command, dnc_group, waivers_group, surrenders_group, contacts_group)
