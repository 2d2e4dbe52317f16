"""Who may be called at all, whatever the hour."""

from __future__ import annotations

from dialer.model import Signature, Task, TaskState, english
from dialer.policy.ruling import WITH_AGENT, Escalate, Refuse, Resources, Ruling, passed

_OVER = {
    TaskState.DONE: ("R10", "任务已完成回访", "the call-back is done"),
    TaskState.REFUSED: ("R38", "客户已拒访", "the customer declined the call-back"),
    TaskState.WITH_AGENT: (
        WITH_AGENT,
        "已由坐席接手,不再自动拨打",
        "an agent has the customer, no machine calls",
    ),
    TaskState.EXCLUDED: ("R19", "任务已列入免访", "the task is exempt"),
    TaskState.UNREACHED: (
        "R26",
        "电话、上门、信函均未成功",
        "neither telephone nor visit nor letter reached the customer",
    ),
}
_SIGNATURES = {
    Signature.POLICYHOLDER: ("投保人", "the policyholder"),
    Signature.SELLER: ("销售人员", "the seller"),
    Signature.SALES_MANAGER: ("销售管理部门经理", "the sales manager"),
}
_OPEN = passed("R10", "任务待回访", "the task is open")
_LISTED_EXEMPT = passed("R10", "任务已列入免访", "the task is exempt")
_NO_WAIVER = passed("R19", "无免访声明", "no waiver")
_IN_FORCE = passed("R11", "保单未退保", "the policy is in force")
_NOT_LISTED = passed("R38", "不在禁呼名单内", "not on the do-not-call list")
_CALLS_WELCOME = passed("R37", "客户未拒绝电话方式", "calls were not declined")
_APPROVED = passed("R49", "项目与话术已审批", "campaign and script are approved")


def open_state(task: Task) -> Ruling:
    """What was decided before. Why an exempt task is exempt is for the rules behind this one to say."""
    match task.state:
        case TaskState.OPEN:
            return _OPEN
        case TaskState.CONTACT_REFRESH:
            return Escalate(
                "contact_refresh",
                "R22",
                "联系方式待业务部门重新确认",
                "the business side has to confirm the number anew",
            )
        case TaskState.VISIT | TaskState.LETTER:
            return beyond_telephone(task, "电话回访已用尽", "the passes by telephone are used up")
        case TaskState.EXCLUDED if _exempt(task):
            return _LISTED_EXEMPT
        case _:
            return Refuse(*_OVER[task.state])


def _exempt(task: Task) -> bool:
    return not task.missing_signatures or task.surrendered or task.do_not_call or task.opted_out


def beyond_telephone(task: Task, zh: str, en: str) -> Escalate:
    """R25: a visit; R26: a letter where the visit was unsuccessful too. ``zh``, ``en``: what came before."""
    if task.visit_failed or task.state is TaskState.LETTER:
        return Escalate(
            "letter", "R26", f"{zh},上门回访不成功,转信函", f"{en}, the visit was unsuccessful: send a letter"
        )
    return Escalate("visit", "R25", f"{zh},转上门", f"{en}: visit the customer")


def waiver(task: Task) -> Ruling:
    """R19: the waiver with its three signatures is the only exemption."""
    if not task.waiver:
        return _NO_WAIVER
    missing = [_SIGNATURES[one] for one in task.missing_signatures]
    if missing:
        return passed(
            "R19",
            f"免访声明缺 {'、'.join(zh for zh, _ in missing)} 签字,不免访",
            f"the waiver lacks the signature of {', '.join(en for _, en in missing)}: it exempts nobody",
        )
    return Refuse("R19", "有三方签字的免访声明,免予回访", "exempt by a waiver that all three have signed")


def surrendered(task: Task) -> Ruling:
    """R11 takes policies surrendered before the call-back out of the due ones."""
    if task.surrendered:
        return Refuse("R11", "保单已退保或撤单", "the policy was surrendered or withdrawn")
    return _IN_FORCE


def do_not_call(task: Task) -> Ruling:
    if task.do_not_call:
        return Refuse("R38", "号码在禁呼名单内", "the number is on the do-not-call list")
    return _NOT_LISTED


def opted_out(task: Task) -> Ruling:
    """R37, R38: who doesn't want calls gets a text message or an e-mail."""
    if task.opted_out:
        return Escalate(
            "text",
            "R37",
            "客户不愿接听电话,转短信或邮件回访",
            "the customer declines calls: go on by text message or e-mail",
        )
    return _CALLS_WELCOME


def approved(resources: Resources) -> Ruling:
    """R9, R49: approve before dialling."""
    if not resources.approved:
        why = resources.approved_why
        return Refuse(
            "R49",
            f"回访项目或话术未审批:{why or '未说明'}",
            f"campaign or script isn't approved: {english(why) or 'no reason given'}",
        )
    return _APPROVED
