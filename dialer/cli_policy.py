"""Commands about the rules: what they say of cases."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO

import click

from dialer.casefile import CaseInput, read_case
from dialer.command import EN, Context, errors
from dialer.errors import ConfigError
from dialer.policy.calendar import Calendar
from dialer.policy.settings import PolicySettings
from dialer.policy.verdict import Dial, Escalate, Wait


@click.command(name="verdict", help="按规则判定案例 (JSONL) / judge cases, one JSON object a line")
@click.argument("cases", type=click.File("rb"))
@click.option("--all", "everything", is_flag=True, help="列出每条规则的意见 / add what every rule says")
@click.pass_obj
@errors
def verdict_command(ctx: Context, cases: IO[bytes], everything: bool) -> None:
    from dialer.site import Site

    site = Site(ctx.home or Path())
    calendar = site.calendar
    base = site.settings.calling if ctx.home else PolicySettings()
    wrong = 0
    for number, raw in enumerate(cases, 1):
        if not raw.strip():
            continue
        try:
            case = read_case(_text(raw), base)
            line = _answer(case, calendar, ctx.lang, everything)
        except ConfigError as error:
            wrong += 1
            click.echo(f"dialer: {ConfigError(error.message, cases.name, number)}", err=True)
            continue
        click.echo(line)
    sys.exit(1 if wrong else 0)


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError("is not UTF-8: save the file as UTF-8") from None


def _answer(case: CaseInput, calendar: Calendar, lang: str, everything: bool) -> str:
    from dialer import views

    verdict = case.decide(calendar).verdict
    made: dict[str, object] = {
        "decision": type(verdict).__name__.lower(),
        "until": verdict.until.isoformat() if isinstance(verdict, Wait) else None,
        "rule": verdict.rule,
        "why": verdict.en if lang == EN else verdict.why,
    }
    if everything:
        made["channel"] = verdict.channel if isinstance(verdict, Escalate) else None
        made["number"] = verdict.number if isinstance(verdict, Dial) else None
        made["slot"] = verdict.slot if isinstance(verdict, Dial) else None
        made["findings"] = case.examine(calendar)
    return views.dumps(made)
