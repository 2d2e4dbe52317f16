"""One day of a task in words: why the customer was or wasn't called on it, window by window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from dialer.phrases import Phrases
from dialer.policy.verdict import Dial
from dialer.policy.windows import Slot
from dialer.story import Stretch

_KINDS = {
    True: ("工作日", "a workday"),
    False: ("非工作日", "no workday"),
    None: ("没有官方工作日历", "no official calendar"),
}


@dataclass(frozen=True, slots=True)
class DayPhrases(Phrases):
    """Each method gives lines."""

    def whole_day(self, day: date) -> list[str]:
        story = self.story
        works, today = story.workday(day), story.local(story.now).date()
        lines = [self._title(day, works)]
        if day < story.local(story.imported_at).date():
            return [*lines, self.not_imported()]
        if day > today:
            return [*lines, *self._to_come(day)]
        headline, whole = self._headline(day, works)
        lines.append(headline)
        for slot in () if whole else story.slots:
            if slot.start <= story.now:
                lines += self._window(slot)
        if day == today and (planned := self.coming(story.plan()[1:], day)):
            lines.append(self.say("今天还会(若一直无人接听):", "still to come today (if nobody answers):"))
            lines += planned
        return lines

    def _title(self, day: date, works: bool | None) -> str:
        kind, named = self.say(*_KINDS[works]), self.day(day)
        windows = self.say("、", ", ").join(_hours(slot) for slot in self.story.slots)
        return self.say(f"{named}:{kind};许可时段 {windows}", f"{named}: {kind}; windows {windows}")

    def _to_come(self, day: date) -> list[str]:
        planned = self.coming(self.story.plan(), day)
        if not planned:
            return [self.say("按现在的情况,这一天不会拨打。", "As things stand, no call is due on that day.")]
        come = self.say("这一天还没到;若一直无人接听:", "That day is still to come; if nobody answers:")
        return [come, *planned]

    def _headline(self, day: date, works: bool | None) -> tuple[str, bool]:
        """The day in a sentence, and whether that is all there is to say."""
        story = self.story
        if made := story.calls_on(day):
            called = self.say(";", "; ").join(
                f"{story.local(one.attempt.invited_at):%H:%M:%S} {self.outcome(one)}" for one in made
            )
            return self.say(f"当天拨打 {len(made)} 次:{called}。", f"Calls that day: {called}."), False
        if works is False:
            return (
                self.say(
                    "当天没有拨打:不是工作日,任何客户都不拨打(R44)。",
                    "Not called: it was no workday, nobody is called (R44).",
                ),
                True,
            )
        held = [one for slot in story.slots for one in self._held(slot)]
        reasons = {self.why(one.said[1]) if one.said else self.standing(one.start) for one in held}
        reason = reasons.pop() if len(reasons) == 1 else ""
        if reason:
            if first := held[0].said:
                reason = self.why(first[1], self._decided(first[0]))
            return self.say(f"当天没有拨打:{reason}。", f"Not called: {reason}."), True
        return self.say("当天没有拨打。各时段的情况:", "Not called. Window by window:"), False

    def _decided(self, made: datetime) -> str:
        return self.say(f",{self.at(made)} 判定", f", decided {self.at(made)}")

    def _held(self, slot: Slot) -> tuple[Stretch, ...]:
        """What held in a window, as far as it is past and the task was there."""
        start = max(slot.start, self.story.local(self.story.imported_at))
        end = min(slot.end, self.story.local(self.story.now))
        return self.story.stretches(start, end) if start < end else ()

    def _window(self, slot: Slot) -> list[str]:
        if slot.end <= self.story.imported_at:
            return [f"{_hours(slot)}  {self.not_imported()}"]
        return [_hours(slot), *(self._stretch(one, slot) for one in self._held(slot))]

    def _stretch(self, one: Stretch, slot: Slot) -> str:
        begin = f"{self.story.local(one.start):%H:%M:%S}"
        if one.said is None:
            return f"  {begin}  {self.standing(one.start) or self._nobody_looked(slot)}"
        made, decision = one.said
        if isinstance(decision.verdict, Dial):
            return f"  {begin}  {self.verdict(decision.verdict)}: {self._call(one)}"
        return f"  {begin}  {self.said(decision, self._decided(made) if made < one.start else '')}"

    def _call(self, stretch: Stretch) -> str:
        """The call that a Dial verdict led to."""
        begun = stretch.said[0] if stretch.said else stretch.start
        made = (
            view
            for view in self.story.calls
            if begun - timedelta(seconds=1) <= view.attempt.invited_at < max(stretch.end, begun)
        )
        view = next(made, None)
        return self.say("未呼出", "no INVITE left") if view is None else self.outcome(view)

    def _nobody_looked(self, slot: Slot) -> str:
        """It might have been called, and its turn didn't come."""
        calls = self.story.calls_in_slots.get(slot.key, 0)
        parts = [self.say("可拨而未轮到", "might be called, but its turn didn't come")]
        parts += [self.why(one) for one in self.story.faults_in_slots.get(slot.key, ())]
        if calls:
            parts.append(
                self.say(
                    f"本时段共拨打 {calls} 次,期限更近的在先(R10)",
                    f"calls made in this window: {calls}, nearer deadlines first (R10)",
                )
            )
        elif len(parts) == 1:
            parts = [
                self.say(
                    "系统未查看此任务:本时段没有拨打任何客户,服务未运行",
                    "not looked at: nobody at all was called in this window, the daemon didn't run",
                )
            ]
        return self.say(";", "; ").join(parts)


def _hours(slot: Slot) -> str:
    return f"{slot.start:%H:%M}-{slot.end:%H:%M}"
