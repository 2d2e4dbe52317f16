"""Commands about speech models."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from dialer.command import Context, errors, json_option


@click.group(name="models", help="语音识别模型 / speech models")
def models_group() -> None:
    pass


@models_group.command(
    name="check",
    help="检查模型目录:文件、校验和、采样率、词表 / check a model: files, checksums, rate, vocabulary",
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path), required=False)
@json_option
@click.pass_obj
@errors
def models_check(ctx: Context, folder: Path | None, as_json: bool) -> None:
    from dialer import modelcare, views
    from dialer.site import Site

    config = modelcare.config_for(folder) if folder else Site(ctx.home or Path()).settings.recogniser
    if config.engine is modelcare.Engine.DTMF:
        click.echo(ctx.say("只用按键,不需要模型", "keys only: no model is needed"))
        return
    found = asyncio.run(modelcare.check(config))
    if as_json:
        click.echo(views.dumps(found))
        sys.exit(0 if found.fit else 1)
    click.echo(found.about)
    click.echo(
        ctx.say(f"校验和:{found.checked_sums} 个文件一致", f"checksums: {found.checked_sums} files as listed")
        if found.checked_sums
        else ctx.say("校验和:目录中没有 SHA256SUMS", "checksums: the directory has no SHA256SUMS")
    )
    click.echo(
        ctx.say(
            f"词表:{found.phrases} 个说法,{len(found.unheard)} 个听不出",
            f"vocabulary: {found.phrases} phrases, {len(found.unheard)} can't be heard",
        )
    )
    for phrase in found.unheard:
        click.echo(f"  {phrase}")
    click.echo(ctx.say(f"内存:每个进程 {found.memory_mb} MB", f"memory: {found.memory_mb} MB a worker"))
    sys.exit(0 if found.fit else 1)


@models_group.command(
    name="fetch",
    help="下载模型(可续传,核对校验和) / fetch a model: goes on where it was cut off, checks its checksum",
)
@click.argument("name")
@click.option(
    "--to",
    "into",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("models"),
    show_default=True,
    help="放在此目录下 / the folder to put it in",
)
@click.option("--url", default="", help="其他模型的下载地址 / address of any other model")
@click.option("--sha256", default="", help="其他模型的校验和 / checksum of any other model's archive")
@click.pass_obj
@errors
def models_fetch(ctx: Context, name: str, into: Path, url: str, sha256: str) -> None:
    from dialer import modelcare

    model = modelcare.wanted_model(name, url, sha256)
    shown = -1

    def progress(have: int, total: int) -> None:
        nonlocal shown
        if have // 1_000_000 != shown:
            shown = have // 1_000_000
            of = f" / {total // 1_000_000}" if total else ""
            click.echo(f"\r{shown}{of} MB", nl=False, err=True)

    folder = modelcare.fetch(model, (ctx.home or Path()) / into, progress)
    click.echo("", err=True)
    click.echo(
        ctx.say(
            f"{folder} 已就绪。请检查:dialer models check {folder};再设置 recogniser.model_dir",
            f"{folder} is ready. Now: dialer models check {folder}, and set recogniser.model_dir",
        )
    )
