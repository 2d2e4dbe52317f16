"""A campaign file that is fit, and the script that it names."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from dialer.campaigns import Plan, read_plan
from dialer.campaigns.lint import Surroundings
from dialer.ivr.config import TurnSettings
from dialer.ivr.reader import read_script
from dialer.model import Phone, PhoneNumber, Policyholder, Task, TaskId
from dialer.policy.calendar import calendar_from
from dialer.policy.settings import PolicySettings

ROOT = Path(__file__).parents[3]
SCRIPT_TEXT = (ROOT / "config" / "scripts" / "new-policy.yaml").read_text(encoding="utf-8")
SCRIPT = read_script(SCRIPT_TEXT, "new-policy.yaml")
TEMPLATES = ROOT / "config" / "campaign-templates"

FIT = """\
id: autumn
title: 新契约回访
author: 张三
content:
  script: new-policy/short
  version: 1
  filing: {number: 保监〔2026〕12号, filed_on: 2026-10-20}
method:
  caller_id: "4008001234"
  display_name: 禾安人寿
  passes: 2
time:
  starts: 2026-11-01
  ends: 2026-12-31
  deadlines: [cooling_off, R30, R31]
  windows: ["10:00-11:00"]
subjects:
  description: 新契约投保人
people:
  responsible: 李四
  department: 客户服务部
"""


def plan(*changes: tuple[str, str]) -> Plan:
    return read_plan(text(*changes), "autumn.yaml")


def text(*changes: tuple[str, str]) -> str:
    found = FIT
    for old, new in changes:
        assert old in found
        found = found.replace(old, new, 1)
    return found


def around(**changes: Any) -> Surroundings:
    given: dict[str, Any] = {
        "settings": PolicySettings(),
        "turns": TurnSettings(),
        "script": SCRIPT,
        "script_text": SCRIPT_TEXT,
        "campaigns": ["autumn", "visit-verification"],
    }
    return Surroundings(**{**given, **changes})


CALENDAR = calendar_from()


def task(**changes: Any) -> Task:
    made = Task(
        id=TaskId(1),
        campaign="autumn",
        policy_no="P1",
        holder=Policyholder("王芳", "女士"),
        phones=(Phone(PhoneNumber.parse("13812345678")),),
        product="康安重疾",
        premium=Decimal(12000),
        pay_years=20,
        script="new-policy/short",
    )
    return replace(made, **changes)
