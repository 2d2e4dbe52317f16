"""What the history of a task says about another try (R22, R24, R25, R42, R43)."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from dialer.model import Attempt, Disposition
from dialer.policy.appointments import appointment_slot
from dialer.policy.case import Case, counts
from dialer.policy.ruling import DESTINATION, ONE_LIVE_CALL, Escalate, Passed, Refuse, Ruling, Wait
from dialer.policy.windows import moment_en, moment_label, start_of_next_day
from dialer.policy.zones import at_least


class Retry(StrEnum):
    """What one disposition asks of the next try."""

    ANOTHER_SLOT = "another_slot"
    NEXT_DAY = "next_day"
    OTHER_NUMBER = "other_number"
    AGREED_TIME = "agreed_time"
    NOT_COUNTED = "not_counted"
    NONE = "none"
    """The task is over; its state says so."""


RETRIES: dict[Disposition, Retry] = {
    Disposition.COMPLETED: Retry.NONE,
    Disposition.REFUSED: Retry.NONE,
    Disposition.TRANSFERRED: Retry.NONE,
    Disposition.ANSWERED_INCOMPLETE: Retry.ANOTHER_SLOT,
    Disposition.WRONG_PERSON: Retry.ANOTHER_SLOT,
    Disposition.NO_ANSWER: Retry.ANOTHER_SLOT,
    Disposition.BUSY: Retry.ANOTHER_SLOT,
    Disposition.UNREACHABLE: Retry.ANOTHER_SLOT,
    Disposition.MACHINE: Retry.ANOTHER_SLOT,
    Disposition.UNKNOWN: Retry.ANOTHER_SLOT,
    Disposition.APPOINTMENT: Retry.AGREED_TIME,
    Disposition.REJECTED: Retry.NEXT_DAY,
    Disposition.UNALLOCATED: Retry.OTHER_NUMBER,
    Disposition.TRUNK_FAILURE: Retry.NOT_COUNTED,
    Disposition.NOT_DIALLED: Retry.NOT_COUNTED,
}


def not_over(case: Case) -> Ruling:
    """A customer who was called back, or declined, isn't called again, whatever the task's state says."""
    said = {a.outcome for a in case.counted}
    if Disposition.COMPLETED in said:
        return Refuse("R10", "任务已完成回访", "the call-back is done")
    if Disposition.REFUSED in said:
        return Refuse("R38", "客户已拒访", "the customer declined the call-back")
    return Passed("R10", "尚未回访成功", "not called back yet")


def one_live_call(case: Case) -> Ruling:
    """One live call per customer, whatever the number of tasks."""
    if any(attempt.live for attempt in case.everything):
        until = case.now + timedelta(seconds=case.settings.busy_recheck_s)
        return Wait(
            until,
            ONE_LIVE_CALL,
            "该客户正有通话进行,一个客户同时只拨一路",
            "a call to this customer is under way: one at a time",
        )
    return Passed(ONE_LIVE_CALL, "该客户无进行中的通话", "no call to this customer is under way")


def attempts_left(case: Case) -> Ruling:
    """R43 bounds a pass, R24 starts the next with a re-verified number, R25 ends in a visit."""
    task, settings, made = case.task, case.settings, len(case.counted)
    if task.pass_no > settings.max_passes:
        return Escalate(
            "visit",
            "R25",
            f"已完成 {settings.max_passes} 轮电话回访,转上门",
            f"{settings.max_passes} passes by telephone are over: visit the customer",
        )
    if made < settings.attempts_per_pass:
        return Passed(
            "R43",
            f"第 {task.pass_no} 轮已拨 {made} 次,共 {settings.attempts_per_pass} 次",
            f"pass {task.pass_no}: {made} of {settings.attempts_per_pass} attempts made",
        )
    if settings.appointment_extra_attempt:
        slot = appointment_slot(case)
        if slot is not None and at_least(slot.latest_start, case.now):
            return Passed(
                "R79",
                f"本轮已拨 {made} 次,客户约定的一次仍可拨打",
                f"{made} attempts made in this pass, the call that the customer asked for is still due",
            )
    done = f"第 {task.pass_no} 轮已拨满 {made} 次"
    all_made = f"all {made} attempts of pass {task.pass_no} made"
    if task.pass_no == settings.max_passes:
        return Escalate(
            "visit",
            "R25",
            f"{done},电话回访仍不成功,转上门",
            f"{all_made} without success: visit the customer",
        )
    return Escalate(
        "contact_refresh",
        "R24",
        f"{done},须重新确认号码后进入下一轮",
        f"{all_made}: confirm the number anew before the next pass",
    )


def usable_number(case: Case) -> Ruling:
    if case.phone is not None:
        return Passed(
            "R22", f"拨打号码 {case.phone.number.masked}", f"number to dial: {case.phone.number.masked}"
        )
    if any(a.outcome is Disposition.UNALLOCATED for a in case.counted):
        return Escalate(
            "contact_refresh",
            "R22",
            "号码为空号且无其他已核实号码,转业务部门重新确认",
            "the number is unallocated and there is no other confirmed one: confirm it anew",
        )
    if case.task.pass_no > 1:
        return Escalate(
            "contact_refresh",
            "R24",
            "再次拨打须有重新核实的号码",
            "another pass needs a number confirmed anew",
        )
    return Escalate("contact_refresh", "R22", "没有可拨打的号码", "there is no number to dial")


def destination(case: Case) -> Ruling:
    """A number that no trunk may dial is refused before a try is spent on it; another one is taken."""
    if case.phone is None and case.usable:
        number = case.usable[0].number
        why = case.resources.not_dialable[number]
        return Refuse(
            DESTINATION,
            f"号码 {number.masked} 不能拨打:{why}",
            f"number {number.masked} can't be dialled: {why}",
        )
    return Passed(DESTINATION, "线路允许拨打该号码", "a trunk may dial the number")


def trunk_pause(case: Case) -> Ruling:
    """A try that doesn't count may be repeated in its slot, but not at once."""
    pause = timedelta(seconds=case.settings.uncounted_retry_s)
    ends = [(a.ended_at or a.invited_at) + pause for a in case.attempts if not counts(a)]
    if ends and not at_least(case.now, max(ends)):
        until = max(ends).astimezone(case.zone)
        return Wait(
            until,
            "R42",
            f"上次未能呼出(线路原因,不计次数),{until:%H:%M:%S} 后再拨",
            f"the last try failed by a fault of the line (not counted): again after {until:%H:%M:%S}",
        )
    return Passed("R42", "无须等待线路恢复", "no fault of the line to wait for")


def rejected_until(case: Case) -> datetime | None:
    """Start of the day after the last rejection, or None."""
    days = [start_of_next_day(a.invited_at, case.zone) for a in case.tried if _asks(a, Retry.NEXT_DAY)]
    return max(days, default=None)


def rejected_today(case: Case) -> datetime | None:
    until = rejected_until(case)
    return until if until is not None and not at_least(case.now, until) else None


def _asks(attempt: Attempt, retry: Retry) -> bool:
    return attempt.outcome is not None and RETRIES[attempt.outcome] is retry


def last_try(case: Case) -> tuple[str, str]:
    """For the operator: when the last counted attempt was, in both languages."""
    if not case.counted:
        return "尚未拨打", "no attempt yet"
    last = case.counted[-1].invited_at.astimezone(case.zone)
    return f"上次 {moment_label(last)}", f"last at {moment_en(last)}"
