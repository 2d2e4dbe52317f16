"""Which heading means what: Chinese and English spellings of each column."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dialer.errors import ImportFileError

SPELLINGS: dict[str, tuple[str, ...]] = {
    "policy_no": ("保单号", "保单号码", "保险单号", "policy_no", "policy", "policy number"),
    "name": ("投保人", "投保人姓名", "客户姓名", "姓名", "name", "policyholder"),
    "gender": ("性别", "投保人性别", "gender", "sex"),
    "phone": (
        "电话", "手机", "手机号", "手机号码", "电话号码", "联系电话", "备用电话", "电话1", "电话2", "电话3",
        "phone", "phones", "mobile", "phone2", "phone3",
    ),
    "product": ("产品", "产品名称", "险种", "险种名称", "product"),
    "premium": ("保费", "期交保费", "保费(元)", "premium"),
    "pay_years": ("缴费年限", "缴费年期", "交费年限", "交费年期", "pay_years", "payment years"),
    "cooling_off_days": ("犹豫期天数", "犹豫期", "cooling_off_days"),
    "cooling_off_end": ("犹豫期止", "犹豫期止期", "犹豫期截止", "cooling_off_end"),
    "received": ("签收日", "签收日期", "保单签收日", "回执日期", "received"),
    "due": ("应访截止", "应访截止日", "回访截止", "due"),
    "deadline_type": ("期限类型", "回访期限类型", "deadline_type"),
    "event": ("起算日", "起算日期", "签单日期", "签约日期", "承保日期", "结案日期", "拜访日期", "event"),
    "branch": ("机构", "分支机构", "branch"),
    "channel": ("渠道", "销售渠道", "channel"),
    "seller": ("业务员", "销售人员", "业务员工号", "seller"),
    "seller_team": ("销售团队", "业务团队", "团队", "seller_team", "team"),
    "segment": ("客户类别", "segment"),
    "tier": ("客户等级", "等级", "客户级别", "tier"),
    "insured_differs": ("被保险人不同", "insured_differs"),
    "waiver": ("免访", "免访声明", "waiver"),
    "waiver_signatures": ("免访签字", "免访声明签字", "waiver_signatures"),
    "surrendered": ("退保", "已退保", "撤单", "已撤单", "surrendered"),
    "do_not_call": ("禁呼", "禁呼名单", "勿扰", "do_not_call"),
    "opted_out": ("不接受电话", "不愿接听电话", "opted_out"),
    "zone": ("时区", "zone", "timezone"),
}  # fmt: skip
REQUIRED = ("policy_no", "name", "phone", "product", "premium", "pay_years")

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


_FIELDS = {_plain(spelling): field for field, spellings in SPELLINGS.items() for spelling in spellings}


def field_of(heading: str) -> str | None:
    """``policy_no``, ``name``, ...; None where the heading isn't known."""
    return _FIELDS.get(_plain(heading))


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each field stands. Several columns may hold numbers; any other field has one."""

    columns: Mapping[str, tuple[tuple[int, str], ...]]
    """Of each field that is there: (index, heading as written)."""
    notices: tuple[str, ...]


def read_header(headings: Sequence[str]) -> Layout:
    """Raises ImportFileError naming each missing column with the spellings that are accepted."""
    columns: dict[str, tuple[tuple[int, str], ...]] = {}
    notices: list[str] = []
    for index, heading in enumerate(heading.strip() for heading in headings):
        if not heading:
            continue
        field = field_of(heading)
        if field is None:
            notices.append(_not_used(heading))
            continue
        others = columns.get(field, ())
        if others and (field != "phone" or heading in (name for _, name in others)):
            raise ImportFileError(
                f"the columns {others[-1][1]!r} and {heading!r} mean the same: keep one of them"
            )
        columns[field] = (*others, (index, heading))
    missing = [field for field in REQUIRED if field not in columns]
    if missing:
        wanted = "; ".join(f"{field} ({' / '.join(SPELLINGS[field])})" for field in missing)
        raise ImportFileError(f"the first row must name the columns; missing: {wanted}")
    return Layout(columns, tuple(notices))


def _not_used(heading: str) -> str:
    if any(word in _plain(heading) for word in _PRIVATE):
        return f"column {heading!r} holds identity numbers: ignored, they are never stored"
    return f"column {heading!r} isn't known: not used"
