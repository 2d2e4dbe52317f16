"""Thin commands over ``app``: parse, call, print. Every user error is one line and exit code 2."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from dialer import __version__
from dialer.cli_access import calls_group, users_group, web_command
from dialer.cli_archive import archive_group
from dialer.cli_backup import backup_group
from dialer.cli_campaign import campaign_group
from dialer.cli_lists import GROUPS as LISTS
from dialer.cli_models import models_group
from dialer.cli_outreach import GROUPS as OUTREACH
from dialer.cli_policy import calendar_group, verdict_command, why_command
from dialer.cli_report import report_group
from dialer.cli_script import prompts_group, script_group
from dialer.cli_simulate import replay_command, simulate_command
from dialer.command import EN, ZH, Context, json_option
from dialer.command import errors as _errors
from dialer.command import out as _out
from dialer.errors import DialerError
from dialer.model import CallId, QuestionKind

# The commands import the rooms they need themselves: `dialer answer` must not wait for a database layer.

_ID = click.IntRange(0, 2**63 - 1)
"""What a database's integer holds."""


def _run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


@click.group(help="回访外呼系统 / outbound dialer for regulated customer call-backs")
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="DIALER_HOME",
    help="安装目录 / installation folder",
)
@click.option(
    "--lang",
    type=click.Choice([ZH, EN]),
    default=ZH,
    envvar="DIALER_LANG",
    help="界面语言 / language",
)
@click.version_option(__version__)
@click.pass_context
def main(ctx: click.Context, home: Path | None, lang: str) -> None:
    ctx.obj = Context(home, lang)


@main.command(help="启动外呼服务 / run the daemon")
@click.option(
    "--clock",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S"]),
    help="演练时钟,仅限本机线路 / rehearsal clock, loopback trunk only",
)
@click.pass_obj
@_errors
def run(ctx: Context, clock: datetime | None) -> None:
    from dialer import app

    app.use_fast_loop()
    _run(app.run_daemon(ctx.site(), clock))


@main.command(name="demo", help="端到端演示 / place twelve demonstration calls end to end")
@json_option
@click.pass_obj
@_errors
def demo_command(ctx: Context, as_json: bool) -> None:
    from dialer import app, demo, views

    app.use_fast_loop()
    home = ctx.home or Path("build/demo")
    summary = asyncio.run(demo.run(home, lang=ctx.lang, to_stderr=as_json))
    if as_json:
        click.echo(views.dumps(summary))
    sys.exit(0 if summary.mismatches == 0 else 1)


@main.command(help="任务列表 / tasks")
@json_option
@click.pass_obj
@_errors
def tasks(ctx: Context, as_json: bool) -> None:
    from dialer import office, views

    found = asyncio.run(office.with_store(ctx.site(), lambda store: store.tasks()))
    _out(as_json, found, lambda: views.tasks_table(found, ctx.lang))


@main.command(help="问题件列表 / tickets")
@click.option(
    "--major", is_flag=True, help="重大异常,由上级处理(R55、R91) / grave anomalies: the superior's queue"
)
@click.option("--escalated", is_flag=True, help="上报领导小组的(R18、R89) / those for the steering group")
@click.option("--overdue", is_flag=True, help="逾期未结的(R57、R71) / past their due time and not closed")
@json_option
@click.pass_obj
@_errors
def tickets(ctx: Context, major: bool, escalated: bool, overdue: bool, as_json: bool) -> None:
    from dialer import app, office, views
    from dialer.tickets import TicketState

    now = app.system_clock()
    found = [
        one
        for one in asyncio.run(office.with_store(ctx.site(), lambda store: store.tickets()))
        if (one.major or not major)
        and (one.escalated or not escalated)
        and (not overdue or (one.status != TicketState.CLOSED and one.due < now))
    ]
    _out(as_json, found, lambda: views.tickets_table(found, ctx.lang))


@main.command(help="一通电话的时间线 / timeline of one call")
@click.argument("call", type=_ID)
@json_option
@click.pass_obj
@_errors
def show(ctx: Context, call: int, as_json: bool) -> None:
    from dialer import office, views

    view = asyncio.run(office.with_store(ctx.site(), lambda store: store.call(CallId(call))))
    if view is None:
        raise DialerError(ctx.say(f"没有编号为 {call} 的通话", f"no call {call}: `dialer calls` lists them"))
    _out(as_json, view, lambda: views.timeline_table(view, ctx.lang))


@main.command(help="判定一段回答 / class of an answer")
@click.option(
    "--tsv", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="kind<TAB>phrase 文件"
)
@click.option("--why", "explained", is_flag=True, help="逐句说明依据 / say why, clause by clause")
@click.argument("words", nargs=-1)
@json_option
@click.pass_obj
@_errors
def answer(ctx: Context, tsv: Path | None, explained: bool, words: Sequence[str], as_json: bool) -> None:
    from dialer.answerfile import classify_file
    from dialer.ivr.answers import classify
    from dialer.ivr.why import why

    if tsv is not None:
        lines = classify_file(tsv)
    else:
        kinds = [kind.value for kind in QuestionKind]
        if len(words) < 2 or words[0] not in kinds:
            raise DialerError(f"use: dialer answer KIND WORDS (KIND: {' '.join(kinds)}) or --tsv FILE")
        kind, text = QuestionKind(words[0]), "".join(words[1:])
        if explained:
            from dialer import views

            reasons = why(kind, text)
            _out(as_json, reasons, lambda: views.why_table(reasons, ctx.lang))
            return
        found = classify(kind, text)
        lines = [f"{words[0]}\t{''.join(words[1:])}\t{found.answer_class.value}"]
    if as_json:
        from dialer import views

        keys = ("kind", "phrase", "class")
        click.echo(views.dumps([dict(zip(keys, line.split("\t"), strict=True)) for line in lines]))
        return
    for line in lines:
        click.echo(line)


@main.command(help="检查模型、语音、配置、磁盘、线路、日历 / check the installation")
@json_option
@click.pass_obj
@_errors
def doctor(ctx: Context, as_json: bool) -> None:
    from dialer import app, views
    from dialer.doctor import examine

    found = asyncio.run(examine(ctx.site(), app.system_clock()))
    rows = [(check.name, "✓" if check.ok else "✗", check.detail) for check in found]
    _out(as_json, found, lambda: views.table(("check", "result", "detail"), rows, ctx.lang))
    sys.exit(0 if all(check.ok for check in found) else 1)


@main.command(help="线路及其应答 / the trunks, asked just now whether they answer")
@json_option
@click.pass_obj
@_errors
def trunks(ctx: Context, as_json: bool) -> None:
    from dialer import office, views

    found = asyncio.run(office.ask_trunks(ctx.site()))
    _out(as_json, [views.trunk_facts(one) for one in found], lambda: views.trunks_table(found, ctx.lang))
    sys.exit(0 if all(one.alive for one in found) else 1)


for command in (*LISTS, campaign_group, *OUTREACH):
    main.add_command(command)
main.add_command(calls_group)
main.add_command(users_group)
main.add_command(web_command)
main.add_command(verdict_command)
main.add_command(why_command)
main.add_command(simulate_command)
main.add_command(replay_command)
main.add_command(report_group)
main.add_command(calendar_group)
main.add_command(script_group)
main.add_command(prompts_group)
main.add_command(models_group)
main.add_command(archive_group)
main.add_command(backup_group)


if __name__ == "__main__":
    main()
