"""Commands about scripts and their prompts: check, show, draw, rehearse; build, miss, play."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from dialer.command import (
    Context,
    customer_options,
    errors,
    json_option,
    out,
    sample_customer,
    telephone,
)
from dialer.errors import ConfigError, DialerError
from dialer.ivr.reader import read_script
from dialer.ivr.script import FORMS, Script

if TYPE_CHECKING:
    from dialer.housecall import Rehearsed
    from dialer.ivr.prompt import Facts
    from dialer.scripttext import Finding
    from dialer.site import Site

T = TypeVar("T")

_PLAYERS = (("aplay", "-q"), ("paplay",), ("play", "-q"), ("ffplay", "-v", "error", "-nodisp", "-autoexit"))
"""Programs that play a WAV file, with their arguments."""

_form = click.option("--form", type=click.Choice(FORMS), default=FORMS[0], help="问卷形式 / form")
_script = click.argument("script")


@click.group(name="script", help="话术 / scripts")
def script_group() -> None:
    pass


def _site(ctx: Context) -> Site:
    from dialer.site import Site

    return Site(ctx.home or Path())


def _read(ctx: Context, name: str) -> tuple[Script, str, Path]:
    """A file, or the id of a script of the installation. Raises ConfigError, ScriptError."""
    file = Path(name)
    if not file.is_file():
        files = _site(ctx).script_files()
        found = next((one for one in files if one.stem == name), None)
        if found is None:
            known = ", ".join(one.stem for one in files)
            raise ConfigError(ctx.say(f"没有话术 {name}:可用 {known}", f"no script {name!r}; known: {known}"))
        file = found
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError("is not UTF-8: save it as UTF-8", str(file)) from None
    return read_script(text, str(file)), text, file


@script_group.command(name="lint", help="检查话术,注明所依规则 / check against the rules, which are named")
@click.argument("scripts", nargs=-1, required=True)
@json_option
@click.pass_obj
@errors
def script_lint(ctx: Context, scripts: tuple[str, ...], as_json: bool) -> None:
    from dialer import views
    from dialer.scripttext import findings

    site = _site(ctx)
    found: list[Finding] = []
    for name in scripts:
        script, text, file = _read(ctx, name)
        found += findings(site, script, text, file)
    if as_json:
        click.echo(views.dumps(found))
    for one in () if as_json else found:
        click.echo(f"{one.file}:{one.line}: {one.rule} {one.place or 'questions'}: {one.message}")
    if not as_json and not found:
        click.echo(ctx.say(f"{len(scripts)} 份话术符合规则", f"{len(scripts)} scripts keep the rules"))
    sys.exit(1 if found else 0)


@script_group.command(name="list", help="话术清单 / the installation's scripts")
@json_option
@click.pass_obj
@errors
def script_list(ctx: Context, as_json: bool) -> None:
    from dialer import views

    scripts = [_read(ctx, str(file))[0] for file in _site(ctx).script_files()]
    facts = [
        {"id": one.id, "version": one.version, "title": one.title, "questions": len(one.questions)}
        for one in scripts
    ]
    rows = [(one.label(), one.title, str(len(one.questions)), ", ".join(one.forms)) for one in scripts]
    out(as_json, facts, lambda: views.table(("script", "title", "questions", "forms"), rows, ctx.lang))


@script_group.command(name="show", help="逐题显示 / question by question")
@_script
@_form
@json_option
@click.pass_obj
@errors
def script_show(ctx: Context, script: str, form: str, as_json: bool) -> None:
    from dialer import views
    from dialer.scripttext import rows

    read, _, _ = _read(ctx, script)
    shown = _checked(lambda: rows(read, form, ctx.lang))
    keys = ("number", "question", "kind", "prompt", "condition", "ticket", "notes")
    title = f"{read.title} {read.label(form)} · {read.company}"
    out(as_json, read, lambda: views.table(keys, shown, ctx.lang, title))


@script_group.command(name="graph", help="流程图 (SVG) / the flow as an SVG picture")
@_script
@_form
@click.option("-o", "--out", "file", type=click.Path(path_type=Path, dir_okay=False), help="文件 / file")
@click.pass_obj
@errors
def script_graph(ctx: Context, script: str, form: str, file: Path | None) -> None:
    from dialer.scriptgraph import svg

    read, _, _ = _read(ctx, script)
    picture = _checked(lambda: svg(read, form, ctx.lang))
    if file is None:
        click.echo(picture, nl=False)
    else:
        file.write_text(picture, encoding="utf-8")
        click.echo(str(file))


@script_group.command(name="rehearse", help="演练:键入,或打自己的电话 / typed, or on your own telephone")
@_script
@_form
@click.option("--call", "number", help="拨打此号码 / call this number: [site] rehearsal_numbers lists them")
@customer_options
@click.option("--agent/--no-agent", default=True, help="坐席是否接听 / whether an agent takes the call")
@json_option
@click.pass_obj
@errors
def script_rehearse(
    ctx: Context, script: str, form: str, number: str | None, insured_differs: bool,
    product_type: str | None, channel: str, agent: bool, as_json: bool,
) -> None:  # fmt: skip
    read, _, _ = _read(ctx, script)
    facts = sample_customer(insured_differs, product_type, channel)
    if number is not None:
        _by_telephone(ctx, read, form, facts, number, as_json)
    else:
        _typed(ctx, read, form, facts, agent, as_json)


def _typed(ctx: Context, script: Script, form: str, facts: Facts, agent: bool, as_json: bool) -> None:
    from dialer import views
    from dialer.rehearsal import Rehearsal
    from dialer.settings import with_agents

    def ask() -> str | None:
        try:
            said = click.prompt("  >", default="", show_default=False, prompt_suffix=" ", err=True)
            return str(said).strip()
        except click.Abort:
            return None

    click.echo(
        ctx.say(
            "键入客户的话;按键键入 0-9 * #;直接回车为沉默;挂机请键入 挂机",
            "type what the customer says; 0-9 * # are keys; nothing is silence; HANG UP ends it",
        ),
        err=True,
    )
    turns = with_agents(_site(ctx).settings.turns, True)
    rehearsal = _checked(lambda: Rehearsal(script, form, facts, turns))
    result = rehearsal.run(ask, lambda text: click.echo(text, err=as_json), lambda: agent)
    if as_json:
        click.echo(views.dumps(result))
        return
    outcome = views.outcome_text(result.outcome, ctx.lang)
    click.echo(f"{ctx.say('结果', 'outcome')}: {outcome} ({result.reason})")
    for problem in result.problems:
        rule = problem.rule
        click.echo(f"{views.word('ticket', ctx.lang)}: {rule.category} → {'、'.join(rule.departments)}"
                   f" [{problem.question}] {problem.words}")  # fmt: skip


def _by_telephone(ctx: Context, script: Script, form: str, facts: Facts, number: str, as_json: bool) -> None:
    from dialer import app, views
    from dialer.housecall import RULES, Staging, by_telephone
    from dialer.site import Site

    site = Site(ctx.site())
    target = telephone(number)
    click.echo(f"{target.masked}: {ctx.say(RULES, RULES.en)}", err=True)
    staging = Staging(script, form, facts, site.settings.calling)
    done: Rehearsed = asyncio.run(by_telephone(site, staging, target, app.system_clock))
    out(as_json, done, lambda: views.timeline_table(done.call, ctx.lang))
    if done.recording is not None and not as_json:
        click.echo(f"{ctx.say('录音', 'recording')}: {done.recording}")


def _checked(make: Callable[[], T]) -> T:
    """A form that the script lacks is the user's mistake."""
    try:
        return make()
    except ValueError as error:
        raise DialerError(str(error)) from None


# --- prompts -------------------------------------------------------------------------------------


@click.group(name="prompts", help="提示音 / prompts")
def prompts_group() -> None:
    pass


@prompts_group.command(
    name="build",
    help="合成缺少的提示音(无 --home 时为随附语音) / make missing clips (without --home: shipped ones)",
)
@click.option("--all", "everything", is_flag=True, help="重新合成全部 / make all anew")
@json_option
@click.pass_obj
@errors
def prompts_build(ctx: Context, everything: bool, as_json: bool) -> None:
    from dialer import office, views
    from dialer.settings import shipped_dir

    if ctx.home is None:
        made = office.build_shipped(_site(ctx), shipped_dir() / "config" / "prompts", everything)
    else:
        made = office.build_prompts(_site(ctx), everything)
    click.echo(views.dumps({"made": made}) if as_json else ctx.say(f"合成 {made} 条", f"{made} clips made"))


@prompts_group.command(name="missing", help="列出缺少的提示音 / list what is missing")
@json_option
@click.pass_obj
@errors
def prompts_missing(ctx: Context, as_json: bool) -> None:
    from dialer import office, views

    found = office.missing_prompts(_site(ctx))
    if as_json:
        click.echo(views.dumps(found))
    else:
        for text in found:
            click.echo(text)
    sys.exit(1 if found else 0)


@prompts_group.command(
    name="play", help="试听一段提示音 / hear a prompt: words, money:12000, date:2026-11-03, digits:0138"
)
@click.argument("words", nargs=-1, required=True)
@click.option(
    "-o", "--out", "file", type=click.Path(path_type=Path, dir_okay=False), help="存为 WAV / write a WAV"
)
@click.option("--slow", is_flag=True, help="慢速 / slowly")
@click.pass_obj
@errors
def prompts_play(ctx: Context, words: tuple[str, ...], file: Path | None, slow: bool) -> None:
    """Recorded clips win, as in a call."""
    from dialer.tts.sample import joined, parse

    data = joined(_site(ctx).prompts, parse(words), slow=slow)
    if file is not None:
        file.write_bytes(data)
        click.echo(str(file))
        return
    player = next((one for one in _PLAYERS if shutil.which(one[0])), None)
    if player is None:
        names = ", ".join(one[0] for one in _PLAYERS)
        raise DialerError(
            ctx.say(f"没有播放程序({names}):用 -o 存为文件", f"no player ({names}): write a file with -o")
        )
    with tempfile.NamedTemporaryFile(suffix=".wav") as clip:
        clip.write(data)
        clip.flush()
        subprocess.run([*player, clip.name], check=False)
