"""Commands about backups: make, list, check, restore (R93)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dialer.command import Context, errors, json_option, out, run
from dialer.errors import DialerError

if TYPE_CHECKING:
    from dialer.site import Site

_FOLDER = click.Path(path_type=Path, file_okay=False)
_HEADINGS = ("backup", "made_at", "node", "database", "calls", "log_entries", "megabytes")


@click.group(name="backup", help="数据备份与恢复(R93) / backups of the database and what belongs to it")
def backup_group() -> None:
    pass


@backup_group.command(name="make", help="备份并还原验证 / make a backup and prove that it can be read")
@click.option("--to", "folder", type=_FOLDER, help="备份目录,默认 [backup] folder / where to")
@json_option
@click.pass_obj
@errors
def make_command(ctx: Context, folder: Path | None, as_json: bool) -> None:
    from dialer import app, backups, views
    from dialer.site import Site

    site = Site(ctx.site())
    made = run(
        backups.make_backup(site.home, site.settings, folder or _folder(ctx, site), app.system_clock())
    )
    out(as_json, made, lambda: views.table(_HEADINGS, backups.tell([made]), ctx.lang))


@backup_group.command(name="list", help="已有的备份 / the backups that are there")
@click.option("--from", "folder", type=_FOLDER, help="备份目录,默认 [backup] folder / where they lie")
@json_option
@click.pass_obj
@errors
def list_command(ctx: Context, folder: Path | None, as_json: bool) -> None:
    from dialer import backups, views
    from dialer.site import Site

    found = backups.backups_in(folder or _folder(ctx, Site(ctx.site())))
    out(as_json, found, lambda: views.table(_HEADINGS, backups.tell(found), ctx.lang))


@backup_group.command(
    name="check", help="校验备份:签名、文件、还原后的内容 / check a backup, the newest by default"
)
@click.argument("backup", type=_FOLDER, required=False)
@json_option
@click.pass_obj
@errors
def check_command(ctx: Context, backup: Path | None, as_json: bool) -> None:
    from dialer import backups, views
    from dialer.site import Site

    site = Site(ctx.site())
    if backup is None:
        found = backups.backups_in(_folder(ctx, site))
        if not found:
            raise DialerError(ctx.say("还没有备份", "there is no backup yet"))
        backup = found[0].folder
    faults = run(backups.faults_of(backup, site.settings))
    if as_json:
        click.echo(views.dumps({"backup": str(backup), "faults": faults}))
    else:
        for line in faults:
            click.echo(f"✗ {line}")
        if not faults:
            told = backups.read_backup(backup).content
            click.echo(
                ctx.say(
                    f"✓ {backup}:可还原,通话 {told.rows['attempts']} 通,档案日志 {told.entries} 条",
                    f"✓ {backup}: restored whole, {told.rows['attempts']} calls, {told.entries} log entries",
                )
            )
            click.echo(told.head)
    sys.exit(1 if faults else 0)


@backup_group.command(name="restore", help="恢复到没有数据的安装目录 / restore into an empty installation")
@click.argument("backup", type=_FOLDER)
@json_option
@click.pass_obj
@errors
def restore_command(ctx: Context, backup: Path, as_json: bool) -> None:
    from dialer import backups, views

    made = run(backups.restore(backup, ctx.site()))
    if as_json:
        click.echo(views.dumps(made))
        return
    click.echo(ctx.say(f"已恢复:{'、'.join(made)}", f"restored: {', '.join(made)}"))
    click.echo(
        ctx.say(
            "请再放回密钥(keys/)与录音,然后运行 dialer archive verify --all",
            "now put back the keys (keys/) and the recordings, then run dialer archive verify --all",
        )
    )


def _folder(ctx: Context, site: Site) -> Path:
    folder = site.settings.backup.folder
    if folder is None:
        raise DialerError(
            ctx.say("请设置 [backup] folder,或写明目录", "set [backup] folder, or name a folder")
        )
    return folder
