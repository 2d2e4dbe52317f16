"""Every rule that a verdict can name: its number, its version, and what it asks in both languages.

The version is raised whenever the rule is programmed otherwise than before, so that a stored finding
tells which form of the rule spoke.
"""

from __future__ import annotations

from dataclasses import dataclass

# What stops a call for another reason than one of the numbered rules (docs/policy.md).
WITH_AGENT = "WITH_AGENT"
ONE_LIVE_CALL = "ONE_LIVE_CALL"
DAILY_CAP = "DAILY_CAP"
INTERNAL_ERROR = "INTERNAL_ERROR"
DESTINATION = "DESTINATION"


@dataclass(frozen=True, slots=True)
class RuleText:
    """One rule. ``number``: of the regulations (R44), or the name of a rule of the house."""

    number: str
    version: int
    zh: str
    en: str


_ALL = (
    RuleText("R7", 1, "只用专用线路", "only dedicated lines, and one must be free"),
    RuleText("R10", 2, "每件必访,先急后缓", "every policy is called back, the nearest deadline first"),
    RuleText("R11", 1, "已退保或撤单的不访", "a surrendered policy isn't due any more"),
    RuleText("R19", 2, "有三方签字的免访声明才不访", "a waiver exempts once all three have signed it"),
    RuleText("R22", 1, "号码不通的先重新确认", "a dead number is confirmed anew before the next call"),
    RuleText("R24", 2, "第二轮用重新确认的号码", "a further pass needs a re-confirmed or another number"),
    RuleText("R25", 1, "电话不成功的转上门", "after the last pass by telephone, a visit"),
    RuleText("R26", 1, "上门不成功的转信函", "after a visit without success, a letter"),
    RuleText("R37", 1, "不愿接电话的改用短信、邮件", "who declines calls gets text or e-mail"),
    RuleText(
        "R38", 2, "尊重客户意愿(拒访、禁呼名单)", "the customer's will: declined, or on the do-not-call list"
    ),
    RuleText("R42", 1, "线路故障不计次数", "a fault of the line is no attempt"),
    RuleText("R43", 2, "换时段至少三次", "at least three attempts, each in another slot"),
    RuleText(
        "R44",
        2,
        "工作日许可时段内拨打,振铃(R41)不越过时段",
        "on workdays, inside the windows, a whole ring (R41) before they end",
    ),
    RuleText("R45", 2, "政府客户的时段", "the windows of government customers"),
    RuleText("R49", 1, "审批后才拨打", "approved before dialled"),
    RuleText("R75", 1, "全程录音", "a call that can't be recorded isn't made"),
    RuleText("R77", 1, "按客户等级A/B/C的频次", "how often by tier: A, B, C"),
    RuleText("R78", 1, "按客户价值的频次", "how often by value: high, middle, low"),
    RuleText("R79", 1, "按客户约定的时间", "at the time the customer asked for"),
    RuleText("R84", 1, "次月首个工作日起回访", "from the first workday of the following month on"),
    RuleText("R96", 1, "按客户等级的走访频次", "how often by tier: visits"),
    RuleText(WITH_AGENT, 1, "坐席接手后不再自动拨打", "once an agent has the customer, no machine calls"),
    RuleText(ONE_LIVE_CALL, 1, "一个客户同时只拨一路", "one live call per customer"),
    RuleText(DAILY_CAP, 1, "单个号码每日上限", "at most so many calls to a number in a day"),
    RuleText(DESTINATION, 1, "线路许可的号码", "a number that some trunk may dial"),
    RuleText(INTERNAL_ERROR, 1, "程序出错的任务暂缓", "a fault of the program makes the task wait"),
)
RULEBOOK = {rule.number: rule for rule in _ALL}


def version_of(rule: str) -> int:
    """Raises KeyError for a rule that isn't in the book: a finding must name a known one."""
    return RULEBOOK[rule].version
