"""Which heading means what: Chinese and English spellings of each column, list by list."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from dialer.errors import ImportFileError

Spellings = Mapping[str, tuple[str, ...]]

_POLICY = ("保单号", "保单号码", "保险单号", "policy_no", "policy", "policy number")
_CAMPAIGN = ("回访项目", "项目", "campaign")
_PHONE = (
    "电话", "手机", "手机号", "手机号码", "电话号码", "联系电话", "备用电话", "电话1", "电话2", "电话3",
    "phone", "phones", "mobile", "phone2", "phone3",
)  # fmt: skip
_PRIVATE = (
    "身份证",
    "证件号",
    "证件编号",
    "idno",
    "idcard",
    "idnumber",
    "identitycard",
    "identityno",
    "passport",
)


def _plain(heading: str) -> str:
    """Full-width and case don't matter, nor spaces, underscores and hyphens."""
    text = unicodedata.normalize("NFKC", heading).casefold()
    return "".join(c for c in text if not c.isspace() and c not in "_-*:\ufeff\u200b")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each field stands. Several columns may hold numbers; any other field has one."""

    columns: Mapping[str, tuple[tuple[int, str], ...]]
    """Of each field that is there: (index, heading as written)."""
    notices: tuple[str, ...]


@dataclass(frozen=True)
class Columns:
    """The columns of one kind of list."""

    spellings: Spellings
    required: tuple[str, ...]
    quiet: frozenset[str] = field(default_factory=frozenset)
    """Headings that our own lists have, and that aren't read back: no notice of them."""

    @cached_property
    def _fields(self) -> dict[str, str]:
        return {_plain(one): name for name, spellings in self.spellings.items() for one in spellings}

    @cached_property
    def _unread(self) -> frozenset[str]:
        return frozenset(map(_plain, self.quiet))

    def field_of(self, heading: str) -> str | None:
        """``policy_no``, ``name``, ...; None where the heading isn't known."""
        return self._fields.get(_plain(heading))

    def are_in(self, headings: Sequence[str]) -> bool:
        """Whether the row names every column that is needed."""
        return set(self.required) <= {self.field_of(heading) for heading in headings}

    def known_in(self, headings: Sequence[str]) -> int:
        """How many of them name a column."""
        return sum(self.field_of(heading) is not None for heading in headings)

    def read_header(self, headings: Sequence[str]) -> Layout:
        """Raises ImportFileError naming each missing column with the spellings that are accepted."""
        columns: dict[str, tuple[tuple[int, str], ...]] = {}
        notices: list[str] = []
        for index, heading in enumerate(heading.strip() for heading in headings):
            if not heading:
                continue
            name = self.field_of(heading)
            if name is None:
                if _plain(heading) not in self._unread:
                    notices.append(_not_used(heading))
                continue
            others = columns.get(name, ())
            if others and (name != "phone" or heading in (other for _, other in others)):
                raise ImportFileError(
                    f"the columns {others[-1][1]!r} and {heading!r} mean the same: keep one of them"
                )
            columns[name] = (*others, (index, heading))
        missing = [name for name in self.required if name not in columns]
        if missing:
            wanted = "; ".join(f"{name} ({' / '.join(self.spellings[name])})" for name in missing)
            raise ImportFileError(f"the first row must name the columns; missing: {wanted}")
        return Layout(columns, tuple(notices))


def _not_used(heading: str) -> str:
    if any(word in _plain(heading) for word in _PRIVATE):
        return f"column {heading!r} holds identity numbers: ignored, they are never stored"
    return f"column {heading!r} isn't known: not used"


CUSTOMERS = Columns(
    {
        "policy_no": _POLICY,
        "name": ("投保人", "投保人姓名", "客户姓名", "姓名", "name", "policyholder"),
        "gender": ("性别", "投保人性别", "gender", "sex"),
        "phone": _PHONE,
        "product": ("产品", "产品名称", "险种", "险种名称", "product"),
        "premium": ("保费", "期交保费", "保费(元)", "premium"),
        "pay_years": ("缴费年限", "缴费年期", "交费年限", "交费年期", "pay_years", "payment years"),
        "cooling_off_days": ("犹豫期天数", "犹豫期", "cooling_off_days"),
        "cooling_off_end": ("犹豫期止", "犹豫期止期", "犹豫期截止", "cooling_off_end"),
        "received": ("签收日", "签收日期", "保单签收日", "回执日期", "received", "received_on"),
        "event": (
            "起算日", "起算日期", "签单日期", "签订日期", "签约日期", "承保日期", "生效日期", "结案日期",
            "拜访日期", "事件日期", "event", "event_on",
        ),
        "deadline_type": ("期限类型", "回访期限类型", "deadline_type"),
        "due": ("应访截止", "应访截止日", "回访截止", "due"),
        "branch": ("机构", "分支机构", "branch"),
        "channel": ("渠道", "销售渠道", "channel"),
        "seller": ("业务员", "销售人员", "业务员工号", "seller"),
        "seller_team": ("销售团队", "业务团队", "团队", "营业组", "seller_team", "team"),
        "segment": ("客户类别", "segment"),
        "tier": ("客户等级", "客户级别", "等级", "tier"),
        "insured_differs": ("被保险人不同", "insured_differs"),
        "waiver": ("免访", "免访声明", "waiver"),
        "waiver_signatures": ("免访签字", "免访声明签字", "waiver_signatures"),
        "surrendered": ("退保", "已退保", "撤单", "已撤单", "surrendered"),
        "do_not_call": ("禁呼", "禁呼名单", "勿扰", "do_not_call"),
        "opted_out": ("不接受电话", "不愿接听电话", "opted_out"),
        "zone": ("时区", "zone", "timezone"),
        "address": ("地址", "联系地址", "通讯地址", "通信地址", "address"),
        "email": ("邮箱", "电子邮箱", "电子邮件", "email", "e-mail"),
    },
    ("policy_no", "name", "phone", "product", "premium", "pay_years"),
)  # fmt: skip

DO_NOT_CALL = Columns(
    {"phone": _PHONE, "reason": ("原因", "备注", "reason", "note")},
    ("phone",),
)

WAIVERS = Columns(
    {
        "policy_no": _POLICY,
        "campaign": _CAMPAIGN,
        "signed_statement": ("亲笔签名声明", "声明亲笔签名", "signed_statement"),
        "clear_statement": ("清楚合同及费用声明", "声明清楚合同及费用", "clear_statement"),
        "policyholder": ("投保人签字", "投保人签名", "policyholder_signature", "policyholder"),
        "seller": ("销售人员签字", "销售人员签名", "业务员签字", "seller_signature", "seller"),
        "sales_manager": (
            "销售管理部门经理签字", "销售管理部门经理签名", "经理签字", "manager_signature", "sales_manager",
        ),
        "filed": ("上报日期", "备案日期", "filed", "filed_on"),
    },
    (
        "policy_no", "signed_statement", "clear_statement", "policyholder", "seller", "sales_manager",
        "filed",
    ),
)  # fmt: skip

SURRENDERS = Columns(
    {
        "policy_no": _POLICY,
        "campaign": _CAMPAIGN,
        "day": ("退保日期", "撤单日期", "退保/撤单日期", "surrendered_on", "day"),
    },
    ("policy_no",),
)

CONTACTS = Columns(
    {
        "policy_no": _POLICY,
        "campaign": _CAMPAIGN,
        "phone": ("新电话", "新电话1", "新电话2", "核实电话", "核实后电话", "new_phone", *_PHONE),
        "confirmed": ("原号码无误", "原电话无误", "confirmed"),
    },
    ("policy_no",),
    frozenset(
        {
            "任务", "投保人", "性别", "原电话", "产品", "机构", "渠道", "业务员",
            "原因", "规则", "拨打", "轮次", "提出时间",
            "task", "policyholder", "old_phones", "product", "branch", "channel", "seller", "reason", "rule",
            "attempts", "pass", "since",
        }
    ),
)  # fmt: skip
"""Numbers to be dialled from now on; without one the old numbers may be confirmed."""
