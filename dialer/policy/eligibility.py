"""Who may be called at all, whatever the hour."""

from __future__ import annotations

from dialer.model import Task, TaskState
from dialer.policy.ruling import (
    DO_NOT_CALL,
    SURRENDERED,
    WITH_AGENT,
    Escalate,
    Passed,
    Refuse,
    Resources,
    Ruling,
)

_OVER = {
    TaskState.DONE: ("R10", "任务已完成回访", "the call-back is done"),
    TaskState.REFUSED: ("R38", "客户已拒访", "the customer declined the call-back"),
    TaskState.WITH_AGENT: (
        WITH_AGENT,
        "已由坐席接手,不再自动拨打",
        "an agent has the customer, no machine calls",
    ),
    TaskState.EXCLUDED: ("R19", "任务已列入免访", "the task is exempt"),
}


def open_state(task: Task) -> Ruling:
    if task.state is TaskState.OPEN:
        return Passed("R10", "任务待回访", "the task is open")
    if task.state is TaskState.CONTACT_REFRESH:
        return Escalate(
            "contact_refresh",
            "R22",
            "联系方式待业务部门重新确认",
            "the business side has to confirm the number anew",
        )
    return Refuse(*_OVER[task.state])


def waiver(task: Task) -> Ruling:
    """R19: the waiver with its three signatures is the only exemption."""
    if task.waiver:
        return Refuse("R19", "有免访声明,免予回访", "exempt by a signed waiver")
    return Passed("R19", "无免访声明", "no waiver")


def surrendered(task: Task) -> Ruling:
    """R11 takes policies surrendered before the call-back out of the due ones."""
    if task.surrendered:
        return Refuse(SURRENDERED, "保单已退保或撤单(R11)", "the policy was surrendered or withdrawn (R11)")
    return Passed(SURRENDERED, "保单未退保", "the policy is in force")


def do_not_call(task: Task) -> Ruling:
    if task.do_not_call:
        return Refuse(DO_NOT_CALL, "号码在禁呼名单内(R38)", "the number is on the do-not-call list (R38)")
    return Passed(DO_NOT_CALL, "不在禁呼名单内", "not on the do-not-call list")


def opted_out(task: Task) -> Ruling:
    """R37, R38: who doesn't want calls gets a text message or an e-mail."""
    if task.opted_out:
        return Escalate(
            "text",
            "R37",
            "客户不愿接听电话,转短信或邮件回访",
            "the customer declines calls: go on by text message or e-mail",
        )
    return Passed("R37", "客户未拒绝电话方式", "calls were not declined")


def approved(resources: Resources) -> Ruling:
    """R9, R49: approve before dialling."""
    if not resources.approved:
        return Refuse(
            "R49",
            f"回访项目或话术未审批:{resources.approved_why or '未说明'}",
            f"campaign or script isn't approved: {resources.approved_why or 'no reason given'}",
        )
    return Passed("R49", "项目与话术已审批", "campaign and script are approved")
