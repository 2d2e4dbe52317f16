"""Whether this moment is one to call in, and if not, which is the next (R41, R43-R45, R79)."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import lru_cache

from dialer.errors import CalendarError
from dialer.model import Segment, english
from dialer.policy.appointments import appointment_slot
from dialer.policy.case import Case
from dialer.policy.permitted import (
    due_appointment,
    last_called_back,
    next_permitted,
    open_slot,
    period_from,
    rejected_today,
    tier_due_from,
)
from dialer.policy.ruling import DAILY_CAP, Finding, Ruling, Wait, passed
from dialer.policy.tiers import TABLES
from dialer.policy.windows import day_label, moment_en, moment_label, slots_of
from dialer.policy.zones import at_least

_NOT_REJECTED = passed("R43", "今天未被拒接", "not rejected today")
_ANY_DAY = passed("R84", "不限起始日", "no first day to wait for")
_ONCE = {
    name: passed(name, "不按客户等级定期回访", "doesn't come round by the customer's tier") for name in TABLES
}
_NO_ATTEMPT = passed("R43", "本时段未拨打过(尚未拨打)", "no attempt in this slot (no attempt yet)")
_NO_APPOINTMENT = passed("R79", "无待履行的约定", "no appointment ahead")
_CAN_RECORD = passed("R75", "可以录音", "the call can be recorded")
_TRUNK_UP = passed("R7", "专用线路可用", "the trunk is up")


def not_rejected_today(case: Case) -> Ruling:
    """603 is the callee's word: leave the day alone."""
    rejected = rejected_today(case)
    if rejected is None:
        return _NOT_REJECTED
    until = next_permitted(case, rejected)
    return Wait(
        until,
        "R43",
        f"今天被拒接(603),次日再拨,下次 {moment_label(until)}",
        f"rejected today (603): the next day; next {moment_en(until)}",
    )


def period_begun(case: Case) -> Ruling:
    """R84: a call-back of the following month isn't made in this one."""
    begins = period_from(case)
    if begins is None:
        return _ANY_DAY
    until = _or_itself(case, begins)
    return Wait(
        until,
        "R84",
        f"期限类型 {case.task.deadline_type}:{day_label(begins)}起回访",
        f"deadline type {case.task.deadline_type}: from {begins.date()} on",
    )


def tier_due(case: Case) -> Ruling:
    """R77, R78, R96: a call-back that comes round by tier waits until its interval is over."""
    if not case.task.recurs:
        return _ONCE[case.settings.tier_table]
    table, tier = case.settings.tiers, case.task.tier
    if table.of(tier) is None:
        return passed(table.name, f"{tier} 级未设频次", f"the table sets no interval for tier {tier}")
    last = last_called_back(case)
    if last is None:
        return passed(table.name, f"{tier} 级客户尚未回访", f"tier {tier}: not called back yet")
    due = tier_due_from(case)
    zh, en = f"{tier} 级客户上次回访 {moment_label(last)}", f"tier {tier} was called back {moment_en(last)}"
    if due is None:
        return passed(table.name, f"{zh},已到期", f"{en}, due again")
    until = _or_itself(case, due)
    return Wait(until, table.name, f"{zh},{day_label(due)}起再访", f"{en}, due again from {due.date()}")


def _or_itself(case: Case, moment: datetime) -> datetime:
    """The next permitted time from a far moment on; where its year has no calendar yet, the moment."""
    try:
        return next_permitted(case, moment)
    except CalendarError:
        return moment


def appointment_kept(case: Case) -> Ruling:
    """R79: a pending appointment is kept; nothing is dialled before it."""
    agreed = case.appointment
    if agreed is None:
        return _NO_APPOINTMENT
    slot, label, en = appointment_slot(case), moment_label(agreed), moment_en(agreed)
    if slot is not None and not at_least(case.now, slot.start):
        return Wait(slot.start, "R79", f"客户约定 {label} 回访", f"the customer asked for {en}")
    if slot is not None and slot.may_start(case.now):
        return passed("R79", f"客户约定的时间 {label} 已到", f"it is the time that was asked for: {en}")
    if not at_least(case.now, agreed):
        until = next_permitted(case, agreed)
        return Wait(
            until,
            "R79",
            f"客户约定的 {label} 不在许可时段,顺延至 {moment_label(until)}",
            f"{en}, asked for by the customer, is outside the windows: moved to {moment_en(until)}",
        )
    return passed(
        "R79",
        f"约定的 {label} 已过,按普通时段拨打",
        f"the appointment of {en} has lapsed, ordinary windows apply",
    )


def window_open(case: Case) -> Ruling:
    """R44: workdays, in the windows, early enough for a whole ring (R41); R45 narrows them."""
    government = case.task.segment is Segment.GOVERNMENT
    slot = open_slot(case)
    if slot is not None:
        return _inside("R45" if government else "R44", slot.label, slot.en)
    until = next_permitted(case, case.now)
    then, next_en = f",下次 {moment_label(until)}", f"; next {moment_en(until)}"
    if not case.calendar.is_workday(case.today):
        return Wait(
            until, "R44", f"{day_label(case.today)} 非工作日{then}", f"{case.today} is no workday{next_en}"
        )
    windows = slots_of(case.today, Segment.GENERAL, case.zone, case.settings)
    if government and any(one.may_start(case.now) for one in windows):
        return Wait(
            until,
            "R45",
            f"当地 {moment_label(case.now)} 不在政府客户的许可时段{then}",
            f"{moment_en(case.now)} local time is outside the windows of government customers{next_en}",
        )
    if any(one.holds(case.now) for one in (*case.slots_today, *windows)):
        ring = case.settings.ring_total.total_seconds()
        return Wait(
            until,
            "R44",
            f"本时段剩余不足 {ring:g} 秒,振铃(R41)会越过时段{then}",
            f"less than {ring:g} s are left, the ring (R41) would pass the window's end{next_en}",
        )
    return Wait(
        until,
        "R44",
        f"当地 {moment_label(case.now)} 不在许可时段{then}",
        f"{moment_en(case.now)} local time is outside the windows{next_en}",
    )


@lru_cache(maxsize=1024)
def _inside(rule: str, label: str, en: str) -> Finding:
    return passed(rule, f"在许可时段 {label} 内", f"inside the window {en}")


def slot_unused(case: Case) -> Ruling:
    """R43: another slot each time."""
    slot = open_slot(case)
    if due_appointment(case) is not None or slot is None or not case.used(slot):
        if not case.counted:
            return _NO_ATTEMPT
        last = case.counted[-1].invited_at.astimezone(case.zone)
        return _unused(last.date(), last.hour, last.minute)
    until = next_permitted(case, case.now)
    return Wait(
        until,
        "R43",
        f"{slot.label} 时段已拨打过,须换时段,下次 {moment_label(until)}",
        f"an attempt was made in {slot.en}, another slot is due; next {moment_en(until)}",
    )


@lru_cache(maxsize=4096)
def _unused(day: date, hour: int, minute: int) -> Finding:
    last = datetime.combine(day, time(hour, minute))
    zh, en = f"上次 {moment_label(last)}", f"last at {moment_en(last)}"
    return passed("R43", f"本时段未拨打过({zh})", f"no attempt in this slot ({en})")


def under_daily_cap(case: Case) -> Ruling:
    """A customer's own appointment isn't held up by the cap."""
    made, cap = case.calls_on(case.today), case.settings.daily_cap
    if due_appointment(case) is not None or made < cap:
        return _calls_today(made, cap)
    until = next_permitted(case, case.now)
    return Wait(
        until,
        DAILY_CAP,
        f"该号码今天已拨 {made} 次,达上限 {cap} 次,下次 {moment_label(until)}",
        f"calls to this number today: {made}, the most are {cap}; next {moment_en(until)}",
    )


@lru_cache(maxsize=256)
def _calls_today(made: int, cap: int) -> Finding:
    return passed(
        DAILY_CAP,
        f"该号码今天已拨 {made} 次,上限 {cap} 次",
        f"calls to this number today: {made}, at most {cap}",
    )


def can_record(case: Case) -> Ruling:
    """R75: a call that can't be recorded isn't made."""
    if case.resources.can_record:
        return _CAN_RECORD
    why = case.resources.can_record_why
    return Wait(
        _later(case, case.settings.fault_recheck_s),
        "R75",
        f"无法录音,暂不拨打:{why or '未说明'}",
        f"the call can't be recorded: {english(why) or 'no reason given'}",
    )


def trunk_up(case: Case) -> Ruling:
    """R7, R36: only the dedicated trunk."""
    if case.resources.trunk_up:
        return _TRUNK_UP
    why = case.resources.trunk_why
    return Wait(
        _later(case, case.settings.fault_recheck_s),
        "R7",
        f"专用线路不可用:{why or '未说明'}",
        f"the trunk is down: {english(why) or 'no reason given'}",
    )


def line_free(case: Case) -> Ruling:
    free = case.resources.lines_free
    if free > 0:
        return _lines(free)
    return Wait(_later(case, case.settings.busy_recheck_s), "R7", "没有空闲线路", "no line is free")


@lru_cache(maxsize=1024)
def _lines(free: int) -> Finding:
    return passed("R7", f"空闲线路 {free} 条", f"{free} lines are free")


def _later(case: Case, seconds: float) -> datetime:
    """When to ask again: soon, but never outside the permitted times."""
    return next_permitted(case, case.now + timedelta(seconds=seconds))
