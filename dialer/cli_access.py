"""Commands about finding and hearing calls: search, the pages, the accounts."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dialer.access.accounts import Role
from dialer.command import Context, errors, json_option, out, run
from dialer.errors import AccessRefused, ConfigError, DialerError
from dialer.model import AnswerClass, CallId, Disposition, PhoneNumber, english

if TYPE_CHECKING:
    from dialer import packing

T = TypeVar("T")

PASSWORD_ENV = "DIALER_PASSWORD"
_DAY = click.DateTime(["%Y-%m-%d"])


@click.group(name="calls", invoke_without_command=True, help="通话列表与查询 / calls: list, search")
@json_option
@click.pass_context
def calls_group(ctx: click.Context, as_json: bool) -> None:
    if ctx.invoked_subcommand is None:
        _list(ctx.obj, as_json)


@errors
def _list(ctx: Context, as_json: bool) -> None:
    from dialer import office, views

    found = asyncio.run(office.with_store(ctx.site(), lambda store: store.calls()))
    out(as_json, found, lambda: views.calls_table(found, ctx.lang))


@calls_group.command(name="search", help="查询通话,最近的在前 / find calls, newest first")
@click.option("--phone", help="电话号码 / number called")
@click.option("--name", default="", help="投保人姓名,可写 王* / policyholder's name, or 王*")
@click.option("--policy", default="", help="保单号 / policy number")
@click.option("--from", "since", type=_DAY, help="起始日期 / first day")
@click.option("--to", "until", type=_DAY, help="截止日期 / last day")
@click.option("--branch", default="", help="中心支公司 / branch")
@click.option("--campaign", default="", help="回访项目 / campaign")
@click.option("--seller", default="", help="销售人员 / seller")
@click.option("--agent", default="", help="坐席 / agent")
@click.option("--outcome", type=click.Choice([one.value for one in Disposition]), help="结果 / outcome")
@click.option(
    "--class",
    "answer_class",
    type=click.Choice([one.value for one in AnswerClass]),
    help="回答 / answer's class",
)
@click.option("--question", default="", help="问题 / question")
@click.option("--ticket", default="", help="问题件编号或类别 / ticket's number or category")
@click.option("--shortest", type=click.FloatRange(0), help="最短秒数 / at least so many seconds")
@click.option("--longest", type=click.FloatRange(0), help="最长秒数 / at most so many seconds")
@click.option("--words", default="", help="客户原话 / what the customer said")
@click.option("--before", type=click.IntRange(1), help="只查更早的通话 / only calls older than this one")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="条数 / how many")
@json_option
@click.pass_obj
@errors
def search_command(ctx: Context, /, as_json: bool, **asked: Any) -> None:
    from dialer import office, views
    from dialer.ports import CallView
    from dialer.store.database import SqlStore

    query = _query(ctx, asked)

    async def find(store: SqlStore) -> tuple[list[CallView], bool]:
        found = await store.search(query)
        return (await store.calls_by_id(found.calls))[::-1], found.more

    calls, more = asyncio.run(office.with_store(ctx.site(), find))
    out(as_json, calls, lambda: views.calls_table(calls, ctx.lang))
    if more and not as_json:
        last = calls[-1].attempt.id
        click.echo(ctx.say(f"还有更早的通话:加 --before {last}", f"older ones: add --before {last}"))


@calls_group.command(
    name="export", help="导出已批准申请的录音,附校验程序 / the calls of an approved request, with a verifier"
)
@click.argument("request", type=click.IntRange(1, 2**31 - 1))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--mp3", is_flag=True, help="另附 MP3 / an MP3 beside each WAV")
@json_option
@click.pass_obj
@errors
def export_command(ctx: Context, request: int, folder: Path, mp3: bool, as_json: bool) -> None:
    from dialer import app, bundles

    by = _refused_in_words(ctx, bundles.requester(ctx.site(), request))
    password = _password_of(ctx, by)
    work = bundles.export(ctx.site(), request, folder, _form(ctx, mp3), password, app.system_clock())
    _tell_written(ctx, [_refused_in_words(ctx, work)], as_json)


@calls_group.command(name="burn", help="按光盘大小分组刻录 (R33) / burn sets, the size of a disc each")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--from", "first", type=_DAY, required=True, help="起始日期 / first day")
@click.option("--to", "last", type=_DAY, required=True, help="截止日期 / last day")
@click.option("--by", required=True, help="资料管理负责人的账号 / account of a records manager")
@json_option
@click.pass_obj
@errors
def burn_command(ctx: Context, folder: Path, first: datetime, last: datetime, by: str, as_json: bool) -> None:
    from dialer import app, bundles

    days, password = (first.date(), last.date()), _password_of(ctx, by)
    work = bundles.burn(ctx.site(), *days, folder, _form(ctx, False), by, password, app.system_clock())
    _tell_written(ctx, _refused_in_words(ctx, work), as_json)


@calls_group.command(name="revoke", help="撤销已批准的调阅授权 / take an approved request's grant back")
@click.argument("request", type=click.IntRange(1, 2**31 - 1))
@click.option("--by", required=True, help="资料管理负责人的账号 / account of a records manager")
@click.option("--reason", required=True, help="原因 / why")
@click.pass_obj
@errors
def revoke_command(ctx: Context, request: int, by: str, reason: str) -> None:
    from dialer import app, webdesk

    password = _password_of(ctx, by)
    work = webdesk.revoke_grant(ctx.site(), request, by, password, reason, app.system_clock())
    found = _refused_in_words(ctx, work)
    click.echo(ctx.say(f"申请 {found.id}({found.by})的授权已撤销", f"grant {found.id} of {found.by} revoked"))


def _password_of(ctx: Context, name: str) -> str:
    """What proves that it is that person who acts."""
    return os.environ.get(PASSWORD_ENV) or click.prompt(
        ctx.say(f"{name} 的密码", f"Password of {name}"), hide_input=True, err=True
    )


def _form(ctx: Context, mp3: bool) -> packing.Form:
    from dialer import packing, views

    return packing.Form(ctx.lang, {one: views.outcome_text(one, ctx.lang) for one in Disposition}, mp3)


def _refused_in_words(ctx: Context, work: Coroutine[Any, Any, T]) -> T:
    """A refusal in the person's language."""
    try:
        return run(work)
    except AccessRefused as error:
        raise DialerError(ctx.say(str(error), english(error.args[0]))) from None


def _tell_written(ctx: Context, made: Sequence[packing.Written], as_json: bool) -> None:
    from dialer import views

    if as_json:
        click.echo(views.dumps(made))
        return
    for one in made:
        click.echo(
            ctx.say(
                f"{one.folder}:{one.calls} 通,{one.size} 字节;用其中的 verify.py 校验",
                f"{one.folder}: {one.calls} calls, {one.size} bytes; check it with the verify.py in it",
            )
        )
    if not made:
        click.echo(ctx.say("这些日期没有录音", "no recordings on these days"))


def _query(ctx: Context, asked: dict[str, Any]) -> Any:
    from zoneinfo import ZoneInfo

    from dialer.access.search import CallQuery
    from dialer.site import Site

    zone = ZoneInfo(Site(ctx.site()).settings.archive.zone)
    since: datetime | None = asked["since"]
    until: datetime | None = asked["until"]
    ticket = asked["ticket"].strip()
    try:
        return CallQuery(
            phone=PhoneNumber.parse(asked["phone"]) if asked["phone"] else None,
            name=asked["name"],
            policy_no=asked["policy"],
            start=since.replace(tzinfo=zone) if since else None,
            end=until.replace(tzinfo=zone) + timedelta(days=1) if until else None,
            branch=asked["branch"],
            campaign=asked["campaign"],
            seller=asked["seller"],
            agent=asked["agent"],
            outcome=Disposition(asked["outcome"]) if asked["outcome"] else None,
            answer_class=AnswerClass(asked["answer_class"]) if asked["answer_class"] else None,
            question=asked["question"],
            ticket=int(ticket) if ticket.isdecimal() else None,
            ticket_category="" if ticket.isdecimal() else ticket,
            shortest_s=asked["shortest"],
            longest_s=asked["longest"],
            words=asked["words"],
            before=CallId(asked["before"]) if asked["before"] else None,
            limit=asked["limit"],
        )
    except ValueError as error:
        raise ConfigError(str(error)) from None


@click.command(name="web", help="质检与调阅网页 / pages for quality control and access")
@click.pass_obj
@errors
def web_command(ctx: Context) -> None:
    from dialer import app, logs, webdesk
    from dialer.site import Site

    settings = Site(ctx.site()).settings
    logs.configure(settings.site.log_level)
    scheme = "http" if settings.web.certificate_file is None else "https"
    address = f"{scheme}://{settings.web.host}:{settings.web.port}/"
    click.echo(ctx.say(f"网页:{address}(Ctrl+C 停止)", f"pages at {address} (Ctrl+C stops)"))
    asyncio.run(webdesk.serve(ctx.site(), app.system_clock))


@click.group(name="users", help="网页账号 / accounts of the pages")
def users_group() -> None:
    pass


@users_group.command(
    name="add",
    help=f"新建或修改账号,密码另行输入或取自 {PASSWORD_ENV} / add or change; asks for the password",
)
@click.argument("name")
@click.option(
    "--role", "roles", type=click.Choice([one.value for one in Role]), multiple=True, required=True,
    help="角色,可多次 / role, may be repeated",
)  # fmt: skip
@click.pass_obj
@errors
def users_add(ctx: Context, name: str, roles: Sequence[str]) -> None:
    from dialer import webdesk

    password = os.environ.get(PASSWORD_ENV) or click.prompt(
        ctx.say("密码", "Password"), hide_input=True, confirmation_prompt=True
    )
    found = tuple(dict.fromkeys(Role(role) for role in roles))
    asyncio.run(webdesk.add_account(ctx.site(), name, found, password))
    click.echo(ctx.say(f"账号 {name} 已保存", f"account {name} saved"))


@users_group.command(name="list", help="账号列表 / list")
@json_option
@click.pass_obj
@errors
def users_list(ctx: Context, as_json: bool) -> None:
    from dialer import views, webdesk

    found = asyncio.run(webdesk.accounts(ctx.site()))
    rows = [
        (
            one.name,
            " ".join(one.roles),
            views.word("yes" if one.active else "no", ctx.lang),
            views.local(one.locked_until),
        )
        for one in found
    ]
    shown = [{"name": one.name, "roles": list(one.roles), "active": one.active} for one in found]
    out(as_json, shown, lambda: views.table(("account", "roles", "active", "locked"), rows, ctx.lang))


@users_group.command(name="disable", help="停用账号 / nobody signs in with it any more")
@click.argument("name")
@click.pass_obj
@errors
def users_disable(ctx: Context, name: str) -> None:
    _set_active(ctx, name, False)


@users_group.command(name="enable", help="启用并解锁账号 / take it back, unlocked")
@click.argument("name")
@click.pass_obj
@errors
def users_enable(ctx: Context, name: str) -> None:
    _set_active(ctx, name, True)


def _set_active(ctx: Context, name: str, active: bool) -> None:
    from dialer import webdesk

    _refused_in_words(ctx, webdesk.set_active(ctx.site(), name, active))
    zh, en = ("启用", "enabled") if active else ("停用", "disabled")
    click.echo(ctx.say(f"账号 {name} 已{zh}", f"account {name} {en}"))
