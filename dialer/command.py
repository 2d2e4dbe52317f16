"""What the command modules share: the context, errors as one line, tables or JSON."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from dialer.errors import ConfigError, DialerError
from dialer.ivr.prompt import ProductType
from dialer.model import PhoneNumber

if TYPE_CHECKING:
    from dialer.ivr.prompt import Facts
    from dialer.reports import Section

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., object])
ZH, EN = "zh", "en"


@dataclass(frozen=True, slots=True)
class Context:
    home: Path | None
    lang: str

    def say(self, zh: str, en: str) -> str:
        return zh if self.lang == ZH else en

    def site(self) -> Path:
        """Raises ConfigError where no installation is named."""
        if self.home is None:
            raise ConfigError(
                self.say(
                    "请指定安装目录:dialer --home 目录,或环境变量 DIALER_HOME",
                    "name the installation's folder: dialer --home DIR, or DIALER_HOME",
                )
            )
        return self.home


def errors(function: Callable[P, None]) -> Callable[P, None]:
    """A user's mistake is a message, not a traceback."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except DialerError as error:
            click.echo(f"dialer: {error}", err=True)
            sys.exit(2)
        except OSError as error:
            if error.filename is None:  # not about a file: a closed pipe is click's, the rest a fault of ours
                raise
            click.echo(f"dialer: {error.filename}: {error.strerror}", err=True)
            sys.exit(2)

    return wrapper


def run(work: Coroutine[Any, Any, T]) -> T:
    """``asyncio.run``; SIGTERM cancels the work as Ctrl-C does: it clears up. Raises DialerError."""

    async def stoppable() -> T:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    try:
        return asyncio.run(stoppable())
    except asyncio.CancelledError:
        raise DialerError("stopped by SIGTERM before it was done") from None


def out(as_json: bool, value: object, table: Callable[[], object]) -> None:
    from dialer import views

    if as_json:
        click.echo(views.dumps(value))
    else:
        show(table())


def show(table: object) -> None:
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else 200).print(table)


def show_sections(found: Sequence[Section]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else 200)
    for section in found:
        table = Table(title=section.title, header_style="bold", title_justify="left")
        for heading in section.headings:
            table.add_column(heading, overflow="fold")
        for row in section.rows:
            table.add_row(*map(str, row))
        console.print(table)


json_option = click.option("--json", "as_json", is_flag=True, help="JSON 输出 / print JSON")
by_option = click.option(
    "--by",
    required=True,
    envvar="DIALER_USER",
    help="经办人姓名,或环境变量 DIALER_USER / who does this, or DIALER_USER",
)


def telephone(text: str) -> PhoneNumber:
    """What somebody typed. Raises DialerError."""
    try:
        return PhoneNumber.parse(text)
    except ValueError as error:
        raise DialerError(str(error)) from None


def customer_options(function: F) -> F:
    """What a rehearsal's invented customer is like: arguments of ``sample_customer``."""
    kinds = click.Choice([one.value for one in ProductType])
    for option in (
        click.option("--channel", default="", help="渠道,如 银代 / channel"),
        click.option("--product-type", type=kinds, help="险种 / design"),
        click.option("--insured-differs", is_flag=True, help="另有被保险人 / the insured is another person"),
    ):
        function = option(function)
    return function


def sample_customer(insured_differs: bool, product_type: str | None, channel: str) -> Facts:
    from dialer.scripttext import SAMPLE

    kind = ProductType(product_type) if product_type else SAMPLE.product_type
    return dataclasses.replace(SAMPLE, insured_differs=insured_differs, product_type=kind, channel=channel)
