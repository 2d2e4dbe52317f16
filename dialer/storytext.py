"""A task's story as the operator is told it: past, present and what comes next; a moment; a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from rich.table import Table

from dialer import views
from dialer.campaigns.life import StepRecord
from dialer.daytext import DayPhrases
from dialer.model import TaskState
from dialer.phrases import APPROVED
from dialer.policy.ledger import rules_of
from dialer.policy.verdict import Decision, Dial, Refuse, Wait
from dialer.story import Story

_CLOSED = (TaskState.DONE, TaskState.REFUSED, TaskState.EXCLUDED)
_RESULTS = {
    "pass": ("通过", "pass"),
    "wait": ("等待", "wait"),
    "refuse": ("不拨", "refuse"),
    "escalate": ("转其他方式", "escalate"),
}


@dataclass(frozen=True, slots=True)
class Teller(DayPhrases):
    """Tells one story in one language."""

    def told(self, asked: date | datetime | None) -> list[str | Table]:
        """The answer: of a moment, of a day, or of all there is."""
        match asked:
            case datetime():
                said = self.story.said_at(asked)
                told = [self.say("所问时刻:", "asked about: ") + self.minute(asked), *self._moment(asked)]
                return [*told, self._findings(said[1])] if said and asked <= self.story.now else [*told]
            case date():
                return [*self.whole_day(asked), *self._past(asked)]
            case _:
                return [*self._past(None), *self._present()]

    def facts(self, asked: date | datetime | None) -> dict[str, object]:
        """The same for a program."""
        story = self.story
        said = story.said_at(asked) if isinstance(asked, datetime) else None
        now, *coming = story.plan()
        return {
            "task": story.candidate.task.id,
            "asked": asked,
            "told": [one for one in self.told(asked) if isinstance(one, str)],
            "then": None if said is None else {"at": said[0], "decision": said[1]},
            "decisions": [one for one in story.decisions if _of(asked, story, one[0])],
            "calls": [one.attempt for one in story.calls if _of(asked, story, one.attempt.invited_at)],
            "deadlines": [one for one in story.due_changes if _of(asked, story, one[0])],
            "campaign": [one for one in story.campaign if _of(asked, story, one.taken.at)],
            "now": now.decision,
            "next": coming,
        }

    def head(self) -> str:
        task = self.story.candidate.task
        parts = [
            self.say(f"任务 {task.id}", f"task {task.id}"),
            self.say(f"保单 {task.policy_no}", f"policy {task.policy_no}"),
            ", ".join(phone.number.masked for phone in task.phones),
            views.state_text(task.state, self.lang),
            self.say(f"第 {task.pass_no} 轮", f"pass {task.pass_no}"),
        ]
        if task.cooling_off_end is not None:
            parts.append(
                self.say(f"犹豫期至 {task.cooling_off_end}", f"cooling-off ends {task.cooling_off_end}")
            )
        if task.due is not None:
            unsure = self.say("(暂定)", " (provisional)") if task.due_provisional else ""
            parts.append(self.say(f"期限 {task.due}{unsure}", f"due {task.due}{unsure}"))
        if task.tier:
            parts.append(self.say(f"{task.tier} 级客户", f"tier {task.tier}"))
        return " · ".join(parts)

    # --- all there is ------------------------------------------------------------------------------

    def _past(self, day: date | None) -> list[Table]:
        """Time, what happened, rule, why: the whole ledger, or one day of it."""
        story = self.story
        found = [(story.imported_at, self.say("导入", "imported"), "", "")]
        for at, decision in story.decisions:
            verdict = decision.verdict
            found.append((at, self.verdict(verdict), verdict.rule, self.reason(decision)))
        for view in story.calls:
            what = self.say(f"通话 {view.attempt.id}", f"call {view.attempt.id}")
            ended = view.attempt.ended_at or view.attempt.invited_at
            found.append((ended, f"{what}: {self.outcome(view)}", "", ""))
        for at, change in story.due_changes:
            what = self.say("回访期限重新计算", "deadline dated anew")
            unsure = self.say(",仍为暂定", ", still provisional") if change.provisional else ""
            found.append((at, what, change.deadline_type, f"{change.before} -> {change.after}{unsure}"))
        for step in story.campaign:
            found.append((step.taken.at, self._taken(step), APPROVED, step.taken.note))
        rows = [
            (self.at(at), what, rule, why)
            for at, what, rule, why in sorted(found, key=lambda one: one[0])
            if day is None or story.local(at).date() == day
        ]
        return [views.table(("at", "event", "rule", "why"), rows, self.lang)] if rows else []

    def _taken(self, one: StepRecord) -> str:
        taken = f"{views.step_text(one.taken.step, self.lang)} {one.taken.by}".rstrip()
        return self.say(
            f"回访项目 {one.campaign} 第 {one.number} 版: {taken}",
            f"campaign {one.campaign} version {one.number}: {taken}",
        )

    def _present(self) -> list[str]:
        """What holds now, and what comes next if nobody answers."""
        now, *coming = self.story.plan()
        lines = [f"{self.say('现在', 'now')} {self.minute(now.at)}: {self.said(now.decision)}"]
        if not self.story.decisions:
            lines.append(
                self.say(
                    "服务尚未对该任务作出判定;以上按现在的情况推算。",
                    "The daemon has decided nothing about this task yet; that is how things stand.",
                )
            )
        if isinstance(now.decision.verdict, Dial):
            lines.append(self.say("轮到即拨。", "It is called when its turn comes."))
        if shown := self.coming(coming):
            lines += [self.say("接下来(若一直无人接听):", "next (if nobody answers):"), *shown]
        elif self.story.candidate.task.state in _CLOSED:
            lines.append(self.say("任务已结束。", "The task is closed."))
        elif isinstance(now.decision.verdict, Refuse):
            lines.append(self.say("须有人处理,不会自行恢复。", "No time changes that: somebody must act."))
        return lines

    # --- one moment --------------------------------------------------------------------------------

    def _moment(self, moment: datetime) -> list[str]:
        """What was the verdict at that moment, and what had it gone by?"""
        story = self.story
        if moment < story.imported_at:
            return [self.not_imported()]
        if moment > story.now:
            come = self.say("该时刻还没到;按现在的情况,届时:", "Still to come; as things stand: ")
            return [come + self.said(story.judged(moment))]
        said = story.said_at(moment)
        if said is None:
            never = self.say("截至该时刻,系统从未查看过此任务。", "Nobody had looked at the task until then.")
            if stood := self.standing(moment):
                never += self.say(f"当时{stood}。", f" At that time {stood}.")
            judged = self.say("按现行规则,当时会是:", "By the rules of today it would have been: ")
            return [never, judged + self.said(story.judged(moment)), *self._after(moment)]
        at, decision = said
        verdict, made = decision.verdict, self.at(at)
        version = next((one.version for one in decision.findings[::-1] if one.rule == verdict.rule), None)
        lines = [
            self.say(f"当时的判定({made} 作出):", f"The verdict then (made {made}): ")
            + self.verdict(verdict),
            f"{self.rule(verdict.rule, version)}: {self.reason(decision)}",
            self._basis(decision),
        ]
        if isinstance(verdict, Wait) and verdict.until <= moment:
            over = self.minute(verdict.until)
            lines.append(
                self.say(
                    f"该等待已于 {over} 结束,此后到所问时刻系统未再查看此任务。",
                    f"That wait was over at {over}; from then to the moment asked about nobody looked again.",
                )
            )
        if stood := self.standing(moment):
            lines.append(self.say(f"该时刻{stood}。", f"At that moment {stood}."))
        return [*lines, *self._after(moment)]

    def _basis(self, decision: Decision) -> str:
        """What the decision went by."""
        went_by = decision.inputs
        if went_by is None:
            return self.say("未保存作出判定的依据(旧版本)。", "An older version: it kept no inputs.")
        means = went_by.resources
        tried = self.say("、", ", ").join(
            f"{self.minute(one.invited_at)} {one.number.masked} {views.outcome_text(one.outcome, self.lang)}"
            for one in went_by.attempts
        )
        current = rules_of(self.story.settings, self.story.calendar).fingerprint
        same = self._if(went_by.rules == current, ("与现行相同", "today's"), ("与现行不同", "not today's"))
        facts = (
            self.say(f"已有拨打:{tried or '无'}", f"attempts so far: {tried or 'none'}"),
            self.say(f"空闲线路 {means.lines_free} 条", f"lines free: {means.lines_free}"),
            self._if(means.can_record, ("可以录音", "could record"), ("无法录音", "couldn't record")),
            self._if(means.trunk_up, ("线路可用", "trunk up"), ("线路不可用", "trunk down")),
            self._if(means.approved, ("已审批", "approved"), ("未审批", "not approved")),
            self.say(f"规则集 {went_by.rules}({same})", f"rule set {went_by.rules} ({same})"),
        )
        return self.say("依据:", "It went by: ") + self.say(";", "; ").join(facts)

    def _if(self, holds: bool, yes: tuple[str, str], no: tuple[str, str]) -> str:
        return self.say(*(yes if holds else no))

    def _after(self, moment: datetime) -> list[str]:
        """The next thing that happened."""
        call = next((one for one in self.story.calls if one.attempt.invited_at > moment), None)
        said = next((one for one in self.story.decisions if one[0] > moment), None)
        if call is not None:
            what = f"{self.at(call.attempt.invited_at)} {call.attempt.number.masked} {self.outcome(call)}"
            return [self.say(f"之后的拨打:{what}", f"The next call: {what}")]
        if said is not None:
            what = f"{self.at(said[0])} {self.said(said[1])}"
            return [self.say(f"之后的判定:{what}", f"The next verdict: {what}")]
        return []

    def _findings(self, decision: Decision) -> Table:
        rows = []
        for one in decision.findings:
            result = self.say(*_RESULTS.get(one.result, (one.result, one.result)))
            rows.append((one.rule, str(one.version), result, self.reason(one)))
        return views.table(("rule", "version", "result", "why"), rows, self.lang)


def _of(asked: date | datetime | None, story: Story, moment: datetime) -> bool:
    """Whether it belongs to the answer: of a day its own, of a moment all until then."""
    if isinstance(asked, datetime):
        return moment <= asked
    return asked is None or story.local(moment).date() == asked
