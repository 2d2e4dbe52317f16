"""Commands about the archive: verify, hold, expire, sign, audit."""

from __future__ import annotations

import asyncio
import getpass
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dialer.command import Context, errors, json_option, out
from dialer.errors import DialerError
from dialer.model import CallId, Kept

if TYPE_CHECKING:
    from dialer.archive.sweeper import Swept
    from dialer.archiving import Archiving

_DAY = click.DateTime(["%Y-%m-%d"])
_CALLS = click.IntRange(1, 2**63 - 1)
_DEMO = Path("build/demo")
"""What ``make demo`` leaves: verified where no installation is named."""
by_option = click.option("--by", default=getpass.getuser, show_default="登录名", help="经办人 / who does it")


@click.group(name="archive", help="录音档案 / the archive of recordings")
def archive_group() -> None:
    pass


@archive_group.command(name="verify", help="校验录音、索引与日志 / verify recordings, index and log")
@click.option("--all", "everything", is_flag=True, help="全部(默认) / everything (the default)")
@click.option("--day", type=_DAY, help="某日的通话 / the calls of a day")
@click.option("--call", "calls", type=_CALLS, multiple=True, help="这些通话 / these calls")
@click.option("--tickets", is_flag=True, help="为不符的通话开审计单 / issue audit tickets for what is named")
@json_option
@click.pass_obj
@errors
def verify_command(
    ctx: Context,
    everything: bool,
    day: datetime | None,
    calls: Sequence[int],
    tickets: bool,
    as_json: bool,
) -> None:
    from dialer import app, recordroom, views

    if everything + (day is not None) + bool(calls) > 1:
        raise DialerError(ctx.say("--all、--day、--call 只能选一个", "--all, --day and --call: one of them"))
    home = ctx.home or (_DEMO if _DEMO.exists() else ctx.site())
    found = asyncio.run(
        recordroom.verify(
            home,
            app.system_clock(),
            day=day.date() if day else None,
            calls=[CallId(one) for one in calls],
            issue=tickets,
        )
    )
    if as_json:
        click.echo(views.dumps(found))
    else:
        for one in found.findings:
            about = "" if one.call is None else ctx.say(f"通话 {one.call}:", f"call {one.call}: ")
            click.echo(f"✗ {about}{ctx.say(one.zh, one.en)}")
        seen = found.seen
        click.echo(
            f"{home}: "
            + ctx.say(
                f"校验通话 {seen.calls} 通、日志 {seen.entries} 条、{seen.stored_bytes / 1e6:.1f} MB:"
                f"{f'{len(found.findings)} 处不符' if found.findings else '全部一致'}",
                f"{seen.calls} calls, {seen.entries} log entries, {seen.stored_bytes / 1e6:.1f} MB: "
                f"{f'{len(found.findings)} findings' if found.findings else 'everything fits'}",
            )
        )
    sys.exit(1 if found.findings else 0)


@archive_group.command(name="stats", help="档案概况 / what lies in the archive")
@json_option
@click.pass_obj
@errors
def stats_command(ctx: Context, as_json: bool) -> None:
    from dialer import recordroom, views

    found = asyncio.run(recordroom.stock(ctx.site()))
    rows = [
        (
            views.word(f"kept_{one.state}", ctx.lang),
            one.place,
            "✓" if one.hold else "",
            str(one.calls),
            f"{one.stored_bytes / 1e6:.1f}",
        )
        for one in found
    ]
    out(as_json, found, lambda: views.table(("state", "place", "hold", "calls", "megabytes"), rows, ctx.lang))


@archive_group.command(name="hold", help="法定留存:不得到期删除 / legal hold: nothing of these calls expires")
@click.argument("calls", type=_CALLS, nargs=-1, required=True)
@click.option("--reason", required=True, help="事由 / why")
@by_option
@json_option
@click.pass_obj
@errors
def hold_command(ctx: Context, calls: Sequence[int], reason: str, by: str, as_json: bool) -> None:
    _hold(ctx, calls, reason, by, as_json, on=True)


@archive_group.command(name="release", help="解除法定留存 / end a legal hold")
@click.argument("calls", type=_CALLS, nargs=-1, required=True)
@click.option("--reason", required=True, help="事由 / why")
@by_option
@json_option
@click.pass_obj
@errors
def release_command(ctx: Context, calls: Sequence[int], reason: str, by: str, as_json: bool) -> None:
    _hold(ctx, calls, reason, by, as_json, on=False)


def _hold(ctx: Context, calls: Sequence[int], reason: str, by: str, as_json: bool, *, on: bool) -> None:
    from dialer import app, recordroom

    async def work(archive: Archiving) -> list[Kept]:
        act = archive.sweeper.hold if on else archive.sweeper.release
        return await act([CallId(one) for one in calls], app.system_clock(), by, reason)

    changed = asyncio.run(recordroom.with_archive(ctx.site(), work))
    _kept(ctx, changed, as_json)


@archive_group.command(
    name="expire",
    help="到期删除:先列出,另一人同意后删除 / expiry: list, have a second person agree, delete",
)
@click.option("--list", "step", flag_value="list", help="列出已到期的录音 / list what is due")
@click.option("--approve", "step", flag_value="approve", help="同意删除已列出的(不得为列出人) / agree")
@click.option("--delete", "step", flag_value="delete", help="删除已同意的 / delete what was agreed to")
@by_option
@json_option
@click.pass_obj
@errors
def expire_command(ctx: Context, step: str | None, by: str, as_json: bool) -> None:
    from dialer import app, recordroom, views

    if step is None:
        raise DialerError(
            ctx.say(
                "请写明步骤:--list、--approve 或 --delete", "write the step: --list, --approve or --delete"
            )
        )
    now = app.system_clock()

    async def work(archive: Archiving) -> list[Kept]:
        sweeper = archive.sweeper
        return await (sweeper.list_due(now, by) if step == "list" else sweeper.approve(now, by))

    async def delete(archive: Archiving) -> Swept:
        return await archive.sweeper.sweep(now, by)

    if step != "delete":
        _kept(ctx, asyncio.run(recordroom.with_archive(ctx.site(), work)), as_json)
        return
    swept = asyncio.run(recordroom.with_archive(ctx.site(), delete))
    if as_json:
        click.echo(views.dumps(swept))
    else:
        click.echo(ctx.say(f"已删除 {len(swept.expired)} 通", f"{len(swept.expired)} deleted"))
        for call, why in swept.waiting:
            click.echo(ctx.say(f"通话 {call} 暂不能删除:{why}", f"call {call} waits: {why}"))
    sys.exit(1 if swept.waiting else 0)


def _kept(ctx: Context, found: Sequence[Kept], as_json: bool) -> None:
    from dialer import views

    rows = [
        (
            str(one.call_id),
            views.word(f"kept_{one.state}", ctx.lang),
            str(one.retain_until),
            "✓" if one.hold else "",
            one.audio,
        )
        for one in found
    ]
    names = ("call", "state", "retain_until", "hold", "recording")
    out(as_json, found, lambda: views.table(names, rows, ctx.lang))


@archive_group.command(name="root", help="签署并列出每日默克尔根 / sign and list the days' Merkle roots")
@json_option
@click.pass_obj
@errors
def root_command(ctx: Context, as_json: bool) -> None:
    from dialer import app, recordroom, views

    found = asyncio.run(recordroom.roots(ctx.site(), app.system_clock()))
    rows = [(str(one.day), f"{one.first}-{one.last}", one.root, one.public_key) for one in found]
    out(as_json, found, lambda: views.table(("day", "entries", "root", "public_key"), rows, ctx.lang))


@archive_group.command(
    name="audit", help="核对一日的接通与录音 / compare a day's answered calls with recordings"
)
@click.option("--day", type=_DAY, required=True)
@by_option
@json_option
@click.pass_obj
@errors
def audit_command(ctx: Context, day: datetime, by: str, as_json: bool) -> None:
    from dialer import app, recordroom, views

    found = asyncio.run(recordroom.audit_day(ctx.site(), day.date(), app.system_clock(), by))
    if as_json:
        click.echo(views.dumps(found))
    else:
        for gap in found.gaps:
            why = ";".join(ctx.say(one, one.en) for one in gap.why)
            click.echo(ctx.say(f"✗ 通话 {gap.call}:{why}", f"✗ call {gap.call}: {why}"))
        click.echo(
            ctx.say(
                f"{found.day} 接通 {found.answered},缺口 {len(found.gaps)},新开审计单 {found.tickets}",
                f"{found.day}: {found.answered} answered, {len(found.gaps)} gaps, {found.tickets} tickets",
            )
        )
    sys.exit(1 if found.gaps else 0)
