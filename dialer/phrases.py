"""The phrases of a task's story, in Chinese or English; numbers are masked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from dialer import views
from dialer.model import english
from dialer.policy.outlook import Step
from dialer.policy.rulebook import RULEBOOK
from dialer.policy.verdict import Decision, Dial, Escalate, Finding, Refuse, Verdict, Wait
from dialer.ports import CallView
from dialer.story import Story

_CHANNELS = {
    "contact_refresh": ("转业务部门核实联系方式", "to the business side: confirm the number"),
    "visit": ("转上门", "to a visit"),
    "letter": ("转信函", "to a letter"),
    "text": ("转短信或邮件", "to text message or e-mail"),
}
APPROVED = "R49"
"""The rule by which a campaign is dialled."""
_WEEKDAYS = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")


@dataclass(frozen=True, slots=True)
class Phrases:
    """How one story is told in one language."""

    story: Story
    lang: str

    def say(self, zh: str, en: str) -> str:
        return zh if self.lang == views.ZH else en

    def at(self, moment: datetime) -> str:
        return f"{self.story.local(moment):%Y-%m-%d %H:%M:%S}"

    def minute(self, moment: datetime) -> str:
        """To the minute where it is a full one."""
        local = self.story.local(moment)
        return self.at(moment) if local.second else f"{local:%Y-%m-%d %H:%M}"

    def day(self, day: date) -> str:
        return self.say(f"{day}({_WEEKDAYS[day.weekday()]})", f"{day} ({day:%A})")

    def outcome(self, view: CallView) -> str:
        return views.outcome_text(view.attempt.outcome, self.lang)

    def reason(self, said: Decision | Finding) -> str:
        """Rows of older versions have no English: then the rule's own words stand in."""
        if isinstance(said, Finding):
            rule, zh, en = said.rule, said.why, said.en
        else:
            rule, zh, en = said.verdict.rule, said.verdict.why, said.verdict.en
            en = en or next((one.en for one in said.findings[-1:] if one.rule == rule), "")
        known = RULEBOOK.get(rule)
        return self.say(zh, en or (known.en if known else rule))

    def why(self, decision: Decision, more: str = "") -> str:
        """The reason with its rule, and ``more`` beside the rule."""
        rule, reason = decision.verdict.rule, self.reason(decision)
        return self.say(f"{reason}({rule}{more})", f"{reason} ({rule}{more})")

    def standing(self, moment: datetime) -> str:
        """Why the task's campaign wasn't dialled then, with the rule; empty where it was."""
        why = self.story.stood_still(moment)
        return "" if why is None else self.say(f"{why}({APPROVED})", f"{english(why)} ({APPROVED})")

    def verdict(self, verdict: Verdict) -> str:
        match verdict:
            case Dial():
                number = verdict.number.masked
                return self.say(f"拨打 {number}", f"call {number}")
            case Wait():
                until = self.minute(verdict.until)
                return self.say(f"等待至 {until}", f"wait until {until}")
            case Refuse():
                return self.say("不拨打", "don't call")
            case Escalate():
                return self.say(*_CHANNELS.get(verdict.channel, (verdict.channel, verdict.channel)))

    def said(self, decision: Decision, more: str = "") -> str:
        return self.verdict(decision.verdict) + self.say(" —— ", ": ") + self.why(decision, more)

    def rule(self, name: str, version: int | None) -> str:
        known = RULEBOOK.get(name)
        meaning = self.say(known.zh, known.en) if known else ""
        which = "" if version is None else self.say(f" 第 {version} 版", f" version {version}")
        words = self.say(f"规则 {name}{which}", f"rule {name}{which}")
        return words + self.say(f"({meaning})", f" ({meaning})") if meaning else words

    def not_imported(self) -> str:
        at = self.at(self.story.imported_at)
        return self.say(f"当时任务尚未导入({at} 导入)。", f"The task wasn't there yet (imported {at}).")

    def coming(self, steps: Sequence[Step], day: date | None = None) -> list[str]:
        """The tries and the end of the telephone's work; waits are what lies between them."""
        return [
            f"  {self.minute(step.at)}  {self.said(step.decision)}"
            for step in steps
            if not isinstance(step.decision.verdict, Wait)
            and (day is None or self.story.local(step.at).date() == day)
        ]
