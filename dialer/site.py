"""An installation: its folder, settings, scripts, calendar and prompts, read and checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from dialer import settings as reading
from dialer.campaigns import Plan, read_plan
from dialer.campaigns.reader import line_of_place as line_of_key
from dialer.errors import CampaignError, ConfigError, MissingPrompt, NodeRunning, ScriptError
from dialer.ivr.lint import lint
from dialer.ivr.prompt import facts_of
from dialer.ivr.reader import line_of_place, read_script
from dialer.ivr.script import Script, split_name
from dialer.ivr.session import Session
from dialer.locks import only_one
from dialer.model import PhoneNumber, Reason, Task
from dialer.policy.calendar import Calendar, calendar_from, parse_overrides
from dialer.policy.zones import find_zone
from dialer.ports import CallView
from dialer.settings import Settings
from dialer.sip.numbering import refused_by_all
from dialer.speakable import Speakable
from dialer.tickets import audit_due
from dialer.transfer import WHISPER
from dialer.tts.book import PromptBook


@dataclass(frozen=True, slots=True)
class ScriptFile:
    """A script with its text."""

    script: Script
    text: str
    file: Path


@dataclass(frozen=True, slots=True)
class CampaignFile:
    """A campaign's plan with its text."""

    plan: Plan
    text: str
    file: Path


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
        files = self.script_files()
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

    def script_files(self) -> list[Path]:
        return self._files("scripts", "*.yaml")

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
        """Empty where the installation has the task's script and can speak it, else why not (R9)."""
        try:
            name, form = split_name(task.script)
        except ValueError as error:
            return str(error)
        script = self.scripts.get(name)
        if script is None:
            return Reason(f"话术 {name} 未审批或不存在", f"there is no approved script {name!r}")
        return self.unspoken(script, form, task)

    def unspoken(self, script: Script, form: str, task: Task) -> str:
        """Empty where the script can be spoken to the task's customer, else why not."""
        try:
            facts = facts_of(task)
        except ValueError as error:
            return str(error)
        return self._speakable.why_not(script, form, facts)

    @cached_property
    def _speakable(self) -> Speakable:
        return Speakable(self.prompts)

    def destination(self, number: PhoneNumber) -> str:
        """Empty where some trunk may dial the number, else why none may."""
        return refused_by_all(number, [(trunk.allow, trunk.deny) for trunk in self.settings.trunks])

    def ticket_due(self, issued: datetime) -> datetime:
        """When an audit ticket is due, by the calendar (R57)."""
        return audit_due(issued, ZoneInfo(self.settings.archive.zone), self.calendar.add_workdays)

    def caller_shown(self, view: CallView) -> str:
        """The number that the first trunk shows to this call's customer."""
        return self.settings.trunks[0].caller(view.task.campaign)[0]

    def script_of(self, task: Task) -> tuple[Script, str]:
        """The script and form that the task names. Raises ConfigError where there is none."""
        name, form = split_name(task.script)
        script = self.scripts.get(name)
        if script is None:
            raise ConfigError(f"no approved script {name!r}")
        return script, form

    def session(self, task: Task, agent_free: bool, now: datetime) -> Session:
        """The conversation of one call. Raises ConfigError where the task names no approved script."""
        return self.session_by(*self.script_of(task), task, agent_free, now)

    def session_by(self, script: Script, form: str, task: Task, agent_free: bool, now: datetime) -> Session:
        """The conversation of one call by that script."""
        zone = find_zone(task.zone)
        turn = reading.with_agents(self.settings.turns, agent_free)
        return Session(script, form, facts_of(task, now.astimezone(zone).weekday()), turn)

    def find_script(self, name: str) -> ScriptFile | None:
        """The script of that id as its file is now; None: no file has it. Raises ScriptError, ConfigError.

        Another script's fault isn't this one's: only a file of that name is complained of.
        """
        for file in self._files("scripts", "*.yaml"):
            text = _read(file)
            try:
                script = read_script(text, str(file))
            except ScriptError:
                if file.stem == name:
                    raise
                continue
            if script.id == name:
                return ScriptFile(script, text, file)
        return None

    @property
    def campaign_folder(self) -> Path:
        return self.home / "config" / "campaigns"

    def campaign_files(self) -> list[Path]:
        """Looked up anew each time; none are shipped, for an approval is each installation's own."""
        return sorted(self.campaign_folder.glob("*.yaml"))

    def read_campaign(self, file: Path) -> CampaignFile:
        """Raises CampaignError, ConfigError."""
        text = _read(file)
        plan = read_plan(text, str(file))
        if plan.id != file.stem:
            wrong = f"id: the file of campaign {plan.id} must be called {plan.id}.yaml"
            raise CampaignError(wrong, str(file), line_of_key(text, "id"))
        return CampaignFile(plan, text, file)

    def template_files(self) -> dict[str, Path]:
        """Campaign templates by name."""
        folder = reading.shipped_dir() / "config" / "campaign-templates"
        return {file.stem: file for file in sorted(folder.glob("*.yaml"))}

    def changed_at(self) -> tuple[tuple[str, int, int], ...]:
        """Name, time and size of each campaign and script file: another value where one changed."""
        found = []
        for file in (*self.campaign_files(), *self._files("scripts", "*.yaml")):
            try:
                stat = file.stat()
            except OSError:
                continue  # gone meanwhile
            found.append((str(file), stat.st_mtime_ns, stat.st_size))
        return tuple(found)

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

    def taken(process: str) -> NodeRunning:
        return NodeRunning(f"another daemon runs on {home} (process {process}): stop it first")

    with only_one(home / "dialer.lock", taken):
        yield
