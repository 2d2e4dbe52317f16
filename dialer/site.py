"""An installation: its folder, settings, scripts, calendar and prompts, read and checked."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from dialer import settings as reading
from dialer.errors import ConfigError, MissingPrompt, NodeRunning, ScriptError
from dialer.ivr.lint import lint
from dialer.ivr.prompt import Facts, facts_of, render
from dialer.ivr.reader import line_of_place, read_script
from dialer.ivr.script import Script, split_name
from dialer.ivr.session import Session
from dialer.model import PhoneNumber, Reason, Say, Task
from dialer.policy.calendar import Calendar, calendar_from, parse_overrides
from dialer.policy.zones import find_zone
from dialer.settings import Settings
from dialer.sip.numbering import refused_by_all
from dialer.transfer import WHISPER
from dialer.tts.book import PromptBook
from dialer.tts.reading import fragments

_APPROVED_AT_ONCE = 4096


@dataclass(frozen=True)
class Site:
    """One installation's folder. Everything is read once, when first asked for."""

    home: Path

    @cached_property
    def settings(self) -> Settings:
        """Raises ConfigError."""
        return reading.load_settings(self.home)

    @cached_property
    def scripts(self) -> Mapping[str, Script]:
        """The approved scripts by id; one that breaks a rule isn't approved. Raises ConfigError."""
        found: dict[str, Script] = {}
        files = self._files("scripts", "*.yaml")
        if not files:
            folder = str(self.home / "config" / "scripts")
            raise ConfigError("no script (*.yaml) here: add one, or remove the folder", folder)
        for file in files:
            text = _read(file)
            script = read_script(text, str(file))
            for finding in lint(script, self.settings.turns):
                message = f"breaks {finding.rule} at {finding.place or 'questions'}: {finding.message}"
                raise ScriptError(message, str(file), line_of_place(text, finding.place))
            if script.id in found:
                raise ConfigError(f"a second script with the id {script.id!r}", str(file))
            found[script.id] = script
        return found

    @cached_property
    def calendar(self) -> Calendar:
        """Raises CalendarError."""
        return calendar_from(parse_overrides(_read(file), str(file)) for file in self.calendar_files())

    def calendar_files(self) -> list[Path]:
        """Looked up anew each time."""
        return self._files("calendar", "*.toml")

    @cached_property
    def prompts(self) -> PromptBook:
        return PromptBook(self.settings.prompts)

    def require_prompts(self) -> None:
        """Raises MissingPrompt: a call that can't speak its script isn't placed."""
        self.require_clips(self.prompt_texts())

    def require_clips(self, texts: Sequence[str]) -> None:
        """Raises MissingPrompt naming the files that are missing or can't be played."""
        if missing := self.prompts.missing(texts):
            raise MissingPrompt(self.prompts.advice(missing))
        if faults := [*self.prompts.recorded_faults(), *self.prompts.faults(texts)]:
            raise MissingPrompt(faults[0])

    def approval(self, task: Task) -> str:
        """Empty where the task's script is approved and can be spoken, else why not (R9, R49)."""
        try:
            name, form = split_name(task.script)
            facts = facts_of(task)
        except ValueError as error:
            return str(error)
        if (task.script, facts) in self._approved:
            return ""
        script = self.scripts.get(name)
        if script is None:
            return Reason(f"话术 {name} 未审批或不存在", f"there is no approved script {name!r}")
        try:
            values = {
                say
                for question in script.form(form, facts)
                for template in question.templates()
                for say in render(template, script.company, facts)
            }
            texts = fragments([say for say in values if say not in self._speakable])
        except (ValueError, ArithmeticError) as error:
            return str(error)
        if missing := self.prompts.missing(texts):
            return Reason(
                f"缺少提示音:{'、'.join(missing)}(运行 dialer prompts build)",
                f"{len(missing)} prompt clips are missing: `dialer prompts missing` lists them",
            )
        if faults := self.prompts.faults(texts):
            return Reason(f"提示音无法播放:{faults[0]}", f"a prompt clip can't be played: {faults[0]}")
        self._speakable.update(values)
        if len(self._approved) >= _APPROVED_AT_ONCE:
            self._approved.clear()
        self._approved.add((task.script, facts))
        return ""

    @cached_property
    def _approved(self) -> set[tuple[str, Facts]]:
        """Scripts with what they may say of a customer: a call asks three times."""
        return set()

    @cached_property
    def _speakable(self) -> set[Say]:
        """What is known to have its clips: a clip doesn't vanish while the daemon runs."""
        return set()

    def destination(self, number: PhoneNumber) -> str:
        """Empty where some trunk may dial the number, else why none may."""
        return refused_by_all(number, [(trunk.allow, trunk.deny) for trunk in self.settings.trunks])

    def session(self, task: Task, agent_free: bool, now: datetime) -> Session:
        """The conversation of one call. Raises ConfigError where the task names no approved script."""
        name, form = split_name(task.script)
        script = self.scripts.get(name)
        if script is None:
            raise ConfigError(f"no approved script {name!r}")
        zone = find_zone(task.zone)
        turn = reading.with_agents(self.settings.turns, agent_free)
        return Session(script, form, facts_of(task, now.astimezone(zone).weekday()), turn)

    def prompt_texts(self) -> tuple[str, ...]:
        """Every fixed text that a call can play."""
        texts = [text for script in self.scripts.values() for text in script.texts()]
        return tuple(dict.fromkeys([*texts, *(say.text for say in WHISPER)]))

    def _files(self, folder: str, pattern: str) -> list[Path]:
        """The installation's files where it has that folder, else the shipped ones."""
        own = self.home / "config" / folder
        return sorted((own if own.is_dir() else reading.shipped_dir() / "config" / folder).glob(pattern))


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"can't be read: {error.strerror}", str(file)) from None
    except UnicodeDecodeError:
        raise ConfigError("is not UTF-8: save it as UTF-8", str(file)) from None


@contextmanager
def node_lock(home: Path) -> Iterator[None]:
    """One daemon per installation. Raises NodeRunning."""
    home.mkdir(parents=True, exist_ok=True)
    with open(home / "dialer.lock", "a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            pid = file.read().strip() or "?"
            raise NodeRunning(f"another daemon runs on {home} (process {pid}): stop it first") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
