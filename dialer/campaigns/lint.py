"""What a well-formed campaign still lacks or may not do: findings with the rule that each breaks.

A version is linted once none that blocks is left.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dialer.campaigns.plan import Plan
from dialer.campaigns.rules import settings_of
from dialer.ivr.config import TurnSettings
from dialer.ivr.lint import lint as lint_script
from dialer.ivr.script import Script, split_name
from dialer.model import Reason
from dialer.policy.settings import PolicySettings

_SALES = ("销售", "营销", "业务部", "sales")
_CALLER_ID = re.compile(r"\+?[0-9]{3,18}")


@dataclass(frozen=True, slots=True)
class CampaignFinding:
    """``place``: a key of the campaign file, ``script`` for the script's own findings."""

    rule: str
    place: str
    message: Reason
    blocks: bool = True
    """False: worth knowing, no hindrance."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a campaign is checked against."""

    settings: PolicySettings
    turns: TurnSettings
    script: Script | None
    """The script that the plan names; None: there is none."""
    script_fault: str = ""
    """Why its file can't be read, with file and line."""
    locked_texts: Sequence[tuple[str, str, str]] = ()
    """(script id, version, text) of scripts in approved versions of campaigns."""
    script_text: str = ""
    campaigns: Sequence[str] = ()
    """Names of the campaigns that there are."""


def lint(plan: Plan, around: Surroundings) -> tuple[CampaignFinding, ...]:
    """Every finding, in the order of the file."""
    return (
        *_content(plan, around),
        *_method(plan, around),
        *_time(plan, around),
        *_elements(plan),
    )


def _found(rule: str, place: str, zh: str, en: str, *, blocks: bool = True) -> CampaignFinding:
    return CampaignFinding(rule, place, Reason(zh, en), blocks)


def _content(plan: Plan, around: Surroundings) -> Iterator[CampaignFinding]:
    content = plan.content
    try:
        name, form = split_name(content.script)
    except ValueError as error:
        yield _found("R48", "content.script", f"话术名称有误:{error}", str(error))
        return
    if around.script_fault:
        why = around.script_fault
        yield _found("R9", "content.script", f"话术 {name} 无法使用:{why}", f"script {name}: {why}")
    elif around.script is None:
        yield _found(
            "R9",
            "content.script",
            f"缺少话术 {name}:请把 {name}.yaml 放入 config/scripts",
            f"script {name} is missing: put {name}.yaml into config/scripts",
        )
    else:
        yield from _script(plan, around, around.script, form)
    filing = content.filing
    if not filing.number and not filing.not_required:
        yield _found(
            "R9",
            "content.filing",
            "未填报备文号:写 filing.number,无须报备的写明 filing.not_required",
            "no filing number: write filing.number, or in filing.not_required why none is needed",
        )


def _script(plan: Plan, around: Surroundings, script: Script, form: str) -> Iterator[CampaignFinding]:
    if plan.content.version != script.version:
        yield _found(
            "R9",
            "content.version",
            f"话术 {script.id} 现为第 {script.version} 版,项目写的是 {plan.content.version}",
            f"script {script.id} is version {script.version}, the campaign names {plan.content.version}",
        )
    for name, version, text in around.locked_texts:
        if (name, version) == (script.id, script.version) and text != around.script_text:
            yield _found(
                "R21",
                "content.version",
                f"话术 {name} 第 {version} 版已审批锁定,内容改动须升版本号",
                f"script {name} version {version} is locked: give the changed one another version",
            )
            break
    for finding in lint_script(script, around.turns):
        where = f"{finding.place}: " if finding.place else ""
        said = f"{where}{finding.message}"
        yield _found(finding.rule, "script", f"话术 {script.id} {said}", f"script {script.id} {said}")
    if not script.form(form):
        yield _found(
            "R48", "content.script", f"话术没有 {form} 版问卷", f"the script's {form} form has no question"
        )


def _method(plan: Plan, around: Surroundings) -> Iterator[CampaignFinding]:
    method = plan.method
    if method.caller_id and not _CALLER_ID.fullmatch(method.caller_id):
        yield _found(
            "R36", "method.caller_id", "主叫号码只能是数字", "a caller id is digits, with + before it or not"
        )
    if method.verification and method.verification not in around.campaigns:
        yield _found(
            "R76",
            "method.verification",
            f"没有回访项目 {method.verification}:上门后的核实电话将无法拨打",
            f"there is no campaign {method.verification}: calls that verify visits can't be made",
            blocks=False,
        )


def _time(plan: Plan, around: Surroundings) -> Iterator[CampaignFinding]:
    time = plan.time
    if time.starts and time.ends and time.ends < time.starts:
        yield _found("R48", "time.ends", "截止日早于开始日", "ends before it starts")
    known = [kind.name for kind in around.settings.deadline_types]
    for name in plan.deadline_types:
        if name not in known:
            yield _found(
                "R10",
                "time.deadlines",
                f"未知的期限类型 {name}:可写 cooling_off、{'、'.join(known)}",
                f"unknown deadline type {name}: write cooling_off or one of {', '.join(known)}",
            )
    if not time.deadlines:
        yield _found(
            "R10",
            "time.deadlines",
            "未设期限:只按名单中的截止日和客户等级安排",
            "no deadline: only dates of the list and the customers' tiers count",
            blocks=False,
        )
    try:
        settings_of(plan, around.settings)
    except ValueError as error:
        message = str(error)
        key = message.split(":", 1)[0]
        place = {
            "windows": "time.windows",
            "government_windows": "time.government_windows",
            "attempts_per_pass": "method.attempts_per_pass",
        }.get(key, key if key.startswith("time.") else "time")
        rule = "R43" if "attempts" in key else "R79" if "appointment" in key else "R44"
        yield _found(rule, place, f"规则不允许:{message}", message)
    if time.pre_notice is not None and not time.pre_notice.text:
        yield _found("R80", "time.pre_notice", "通知内容为空", "the notice has no text")


def _elements(plan: Plan) -> Iterator[CampaignFinding]:
    """R48's elements are there; R4 and R6: nobody from sales carries them out."""
    texts = {
        "title": plan.title,
        "author": plan.author,
        "subjects.description": plan.subjects.description,
        "people.responsible": plan.people.responsible,
        "people.department": plan.people.department,
    }
    for place, text in texts.items():
        if not text or text in ("?", "TODO"):
            yield _found("R48", place, "未填写", "is empty")
    department = plan.people.department.casefold()
    if any(word in department for word in _SALES):
        yield _found(
            "R4",
            "people.department",
            "严禁由销售部门负责客户回访",
            "a sales department must not carry out call-backs",
        )
