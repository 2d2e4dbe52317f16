"""What the history of a task says about another try (R22, R24, R25, R26, R42, R43)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import lru_cache

from dialer.model import Disposition, PhoneNumber, english
from dialer.policy.appointments import appointment_slot
from dialer.policy.case import Case
from dialer.policy.eligibility import beyond_telephone
from dialer.policy.permitted import next_permitted, paused_until
from dialer.policy.ruling import DESTINATION, ONE_LIVE_CALL, Escalate, Finding, Refuse, Ruling, Wait, passed
from dialer.policy.zones import at_least

_NOT_OVER = passed("R10", "尚未回访成功", "not called back yet")
_NO_LIVE_CALL = passed(ONE_LIVE_CALL, "该客户无进行中的通话", "no call to this customer is under way")
_MAY_BE_DIALLED = passed(DESTINATION, "线路允许拨打该号码", "a trunk may dial the number")
_NO_FAULT = passed("R42", "无须等待线路恢复", "no fault of the line to wait for")


def not_over(case: Case) -> Ruling:
    """A customer who was called back, or declined, isn't called again, whatever the task's state says."""
    said = [a.outcome for a in case.counted]
    if Disposition.COMPLETED in said:
        return Refuse("R10", "任务已完成回访", "the call-back is done")
    if Disposition.REFUSED in said:
        return Refuse("R38", "客户已拒访", "the customer declined the call-back")
    return _NOT_OVER


def one_live_call(case: Case) -> Ruling:
    """One live call per customer, whatever the number of tasks."""
    if None not in [attempt.outcome for attempt in case.everything]:
        return _NO_LIVE_CALL
    # How the call ends isn't known yet: the next time is given as if it didn't count.
    ended = replace(
        case,
        attempts=tuple(a for a in case.attempts if not a.live),
        customer_attempts=tuple(a for a in case.customer_attempts if not a.live),
    )
    return Wait(
        next_permitted(ended, case.now + timedelta(seconds=case.settings.busy_recheck_s)),
        ONE_LIVE_CALL,
        "该客户正有通话进行,一个客户同时只拨一路",
        "a call to this customer is under way: one at a time",
    )


def attempts_left(case: Case) -> Ruling:
    """R43 bounds a pass, R24 starts the next with a re-verified number, R25 and R26 end the telephone."""
    task, settings, made = case.task, case.settings, len(case.counted)
    if task.pass_no > settings.max_passes:
        return beyond_telephone(
            task,
            f"已完成 {settings.max_passes} 轮电话回访",
            f"{settings.max_passes} passes by telephone are over",
        )
    if made < settings.attempts_per_pass:
        return _so_many(task.pass_no, made, settings.attempts_per_pass)
    if settings.appointment_extra_attempt:
        slot = appointment_slot(case)
        if slot is not None and at_least(slot.latest_start, case.now):
            return passed(
                "R79",
                f"本轮已拨 {made} 次,客户约定的一次仍可拨打",
                f"{made} attempts made in this pass, the call that the customer asked for is still due",
            )
    if task.pass_no == settings.max_passes:
        return beyond_telephone(
            task,
            f"第 {task.pass_no} 轮已拨满 {made} 次,电话回访仍不成功",
            f"all {made} attempts of pass {task.pass_no} made without success",
        )
    return Escalate(
        "contact_refresh",
        "R24",
        f"第 {task.pass_no} 轮已拨满 {made} 次,须重新确认号码后进入下一轮",
        f"all {made} attempts of pass {task.pass_no} made: confirm the number anew before the next pass",
    )


@lru_cache(maxsize=256)
def _so_many(pass_no: int, made: int, most: int) -> Finding:
    return passed(
        "R43",
        f"第 {pass_no} 轮已拨 {made} 次,共 {most} 次",
        f"pass {pass_no}: {made} of {most} attempts made",
    )


def usable_number(case: Case) -> Ruling:
    if case.phone is not None:
        return _to_dial(case.phone.number.e164)
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


@lru_cache(maxsize=4096)
def _to_dial(e164: str) -> Finding:
    masked = PhoneNumber(e164).masked
    return passed("R22", f"拨打号码 {masked}", f"number to dial: {masked}")


def destination(case: Case) -> Ruling:
    """A number that no trunk may dial is refused before a try is spent on it; another one is taken."""
    if case.phone is None and case.usable:
        number = case.usable[0].number
        why = case.resources.not_dialable[number]
        return Refuse(
            DESTINATION,
            f"号码 {number.masked} 不能拨打:{why}",
            f"number {number.masked} can't be dialled: {english(why)}",
        )
    return _MAY_BE_DIALLED


def trunk_pause(case: Case) -> Ruling:
    """A try that doesn't count may be repeated in its slot, but not at once."""
    ends = paused_until(case)
    if ends is None:
        return _NO_FAULT
    until = next_permitted(case, ends)
    return Wait(
        until,
        "R42",
        f"上次未能呼出(线路原因,不计次数),{until:%H:%M:%S} 后再拨",
        f"the last try failed by a fault of the line (not counted): again after {until:%H:%M:%S}",
    )
