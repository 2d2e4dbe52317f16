"""Campaign files as they are now: made from templates, read with their scripts, checked."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dialer.campaigns import IN_FORCE, CampaignState, CampaignVersion, Content, digest
from dialer.campaigns.lint import CampaignFinding, Surroundings, lint
from dialer.errors import ConfigError, ScriptError
from dialer.ivr.reader import read_script
from dialer.ivr.script import split_name
from dialer.registers import CampaignRegister
from dialer.site import CampaignFile, ScriptFile, Site

_NAME = re.compile(r"^\w[\w.\-]{0,63}$")
_APPROVED_ONCE = IN_FORCE | {CampaignState.APPROVED, CampaignState.FINISHED}


def new(home: Path, template: str, name: str, author: str, title: str = "") -> Path:
    """``config/campaigns/NAME.yaml`` from a shipped template. Raises ConfigError."""
    site = Site(home)
    templates = site.template_files()
    if template not in templates:
        raise ConfigError(f"no template {template!r}; there are: {', '.join(templates)}")
    if not _NAME.match(name):
        raise ConfigError(f"{name!r} can't name a campaign: letters, digits, -, _ and . (at most 64)")
    text = templates[template].read_text(encoding="utf-8")
    for key, value in {"id": name, "author": author, **({"title": title} if title else {})}.items():
        text = re.sub(rf"(?m)^{key}:.*$", f"{key}: {json.dumps(value, ensure_ascii=False)}", text, count=1)
    file = site.campaign_folder / f"{name}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with file.open("x", encoding="utf-8") as made:
            made.write(text)
    except FileExistsError:
        raise ConfigError("is there already: choose another --id, or edit it", str(file)) from None
    return file


@dataclass(frozen=True, slots=True)
class Draft:
    """A campaign's file with its script, as they are now."""

    file: CampaignFile
    script: ScriptFile | None
    script_fault: str = ""

    @property
    def digest(self) -> str:
        return digest(self.file.text, self.script_text)

    @property
    def script_text(self) -> str:
        return self.script.text if self.script else ""

    @property
    def content(self) -> Content:
        plan = self.file.plan
        return Content(plan.id, plan.author, self.file.text, self.script_text)


def draft(site: Site, name: str) -> Draft:
    """Raises ConfigError where there is no file, or it can't be read."""
    path = site.campaign_folder / f"{name}.yaml"
    if not path.is_file():
        raise ConfigError("there is no such campaign file: make it with `dialer campaign new`", str(path))
    file = site.read_campaign(path)
    try:
        script_name, _ = split_name(file.plan.content.script)
        return Draft(file, site.find_script(script_name))
    except ScriptError as error:
        return Draft(file, None, str(error))
    except ValueError:
        return Draft(file, None)  # its name is wrong: lint says so


async def findings_of(site: Site, register: CampaignRegister, found: Draft) -> tuple[CampaignFinding, ...]:
    """What hinders the draft, and what is worth knowing. Raises StoreError."""
    versions = await register.campaign_versions()
    names = {one.campaign for one in versions} | {file.stem for file in site.campaign_files()}
    around = Surroundings(
        settings=site.settings.calling,
        turns=site.settings.turns,
        script=found.script.script if found.script else None,
        script_fault=found.script_fault,
        locked_texts=_locked(versions),
        script_text=found.script_text,
        campaigns=sorted(names),
    )
    return lint(found.file.plan, around)


def _locked(versions: Sequence[CampaignVersion]) -> list[tuple[str, str, str]]:
    """Scripts that an approval was given for."""
    made = []
    for one in versions:
        if one.state in _APPROVED_ONCE and one.script_text:
            script = read_script(one.script_text, f"script of campaign {one.campaign}")
            made.append((script.id, script.version, one.script_text))
    return made
