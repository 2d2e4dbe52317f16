"""One cell to one value. Every function raises ValueError with what to write instead, without the cell."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from zoneinfo import available_timezones

from dialer.model import ALL_SIGNATURES, Phone, PhoneNumber, Segment, Signature

Cell = str | int | float | bool | date | datetime | None
"""What a row holds: text from CSV, also numbers and dates from xlsx. Times of day are no cell of ours."""

MAX_TEXT = 120
_DATE = re.compile(r"^(\d{4})(?:([-/.])(\d{1,2})\2(\d{1,2})|(\d{2})(\d{2})|年(\d{1,2})月(\d{1,2})日)$")
_MIDNIGHT = re.compile(r"[ T]0{1,2}:00(:00(\.0+)?)?$")
_BETWEEN_PHONES = re.compile(r"[;,、/|\n]+")
_MONEY = re.compile(r"^\d{1,3}(,\d{3})+(\.\d*)?$|^\d+(\.\d*)?$|^\.\d+$")
_UNSPEAKABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_EMAIL = re.compile(r"^[^@\s<>,;]+@[^@\s<>,;]+\.[^@\s<>,;]+$")
_TRUE = frozenset({"是", "有", "y", "yes", "true", "1", "√", "✓"})
_FALSE = frozenset({"", "否", "无", "没有", "n", "no", "false", "0", "×"})
_HONORIFICS = {
    **dict.fromkeys(("男", "男性", "先生", "m", "male"), "先生"),
    **dict.fromkeys(("女", "女性", "女士", "f", "female"), "女士"),
    "": "",
}  # fmt: skip
_SEGMENTS = {
    **dict.fromkeys(("", "普通", "一般", "个人", "general"), Segment.GENERAL),
    **dict.fromkeys(("政府", "机关", "政府机关", "机关事业", "事业单位", "government"), Segment.GOVERNMENT),
}
_TIERS = {"高": "A", "中": "B", "低": "C", "high": "A", "middle": "B", "medium": "B", "low": "C"}
"""R78's values, in the letters of the tables."""
_SIGNATURES = {
    **dict.fromkeys(("投保人", "客户", "policyholder"), (Signature.POLICYHOLDER,)),
    **dict.fromkeys(("销售人员", "业务员", "保单销售人员", "seller"), (Signature.SELLER,)),
    **dict.fromkeys(
        ("销售管理部门经理", "销售经理", "部门经理", "经理", "sales_manager", "manager"),
        (Signature.SALES_MANAGER,),
    ),
    **dict.fromkeys(("三方", "齐全", "全部", "all"), ALL_SIGNATURES),
}
_SINGLE_PREMIUM = frozenset({"趸交", "趸缴", "一次性"})


def plain(cell: Cell) -> str:
    """The cell as half-width text without blanks around it: for everything but names."""
    value = as_text(cell)
    return value if value.isascii() else unicodedata.normalize("NFKC", value).strip()


def as_text(cell: Cell) -> str:
    if isinstance(cell, str):
        return cell.strip().strip("\ufeff\u200b")
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        cell = int(cell)
    return str(cell).strip()


def formula(cell: Cell) -> bool:
    """Whether a spreadsheet would calculate this text."""
    if not isinstance(cell, str):
        return False
    start = cell.lstrip()[:1]
    return start in ("=", "@") or (
        not start.isascii() and unicodedata.normalize("NFKC", start).startswith(("=", "@"))
    )


def text(cell: Cell, *, required: bool = False) -> str:
    """Words as they stand; surrogates and control characters can't be spoken, shown or stored."""
    value = as_text(cell)
    if required and not value:
        raise ValueError("is empty")
    if len(value) > MAX_TEXT:
        raise ValueError(f"has more than {MAX_TEXT} characters: is a quotation mark missing?")
    if _UNSPEAKABLE.search(value):
        raise ValueError("has a line break or a control character in it: remove it")
    if value[:1] in ("+", "-", "＋", "－"):
        raise ValueError("begins with + or -, as a formula does: remove the sign")
    return value


def policy_no(cell: Cell) -> str:
    if isinstance(cell, int | float) and not isinstance(cell, bool) and abs(cell) >= 1e15:
        raise ValueError("is a number so long that the spreadsheet rounded it: format the column as text")
    value = text(plain(cell), required=True)
    if re.fullmatch(r"\d(\.\d+)?[eE]\+?\d+", value):
        raise ValueError("was shortened by the spreadsheet (1.2E+15): format the column as text")
    return value


def phones(cell: Cell, country: str) -> list[Phone]:
    """One or more numbers; ``;`` between them."""
    found: list[Phone] = []
    parts = [part for part in _BETWEEN_PHONES.split(plain(cell)) if part.strip()]
    for n, part in enumerate(parts, start=1):
        try:
            found.append(Phone(PhoneNumber.parse(part, country)))
        except ValueError as error:
            which = f"number {n}: " if len(parts) > 1 else ""
            raise ValueError(f"{which}{error}; write several with ; between them") from error
    return found


def money(cell: Cell) -> Decimal:
    """Yuan: 12000, 12,000.50, ￥12000元, 1.2万."""
    value = plain(cell).replace(" ", "")
    value = value.removeprefix("人民币").removeprefix("RMB").lstrip("¥").removesuffix("元")
    factor = 10_000 if value.endswith("万") else 1
    value = value.removesuffix("万")
    if not _MONEY.match(value):
        raise ValueError("isn't an amount in yuan: write 12000 or 12000.50")
    try:
        amount = Decimal(value.replace(",", "")) * factor
    except InvalidOperation as error:
        raise ValueError("isn't an amount in yuan: write 12000 or 12000.50") from error
    if not 0 < amount < 10_000_000_000:
        raise ValueError("must be above 0 and below ten thousand million yuan")
    if amount != round(amount, 2):
        raise ValueError("has more than two decimals: write 12000.50")
    return round(amount, 2) if amount % 1 else amount.quantize(Decimal(1))


def whole(cell: Cell, low: int, high: int) -> int:
    """20, 20天, 20年."""
    value = plain(cell).rstrip("年天日").strip()
    if not re.fullmatch(r"[0-9]{1,4}", value) or not low <= int(value) <= high:
        raise ValueError(f"must be a whole number from {low} to {high}")
    return int(value)


def pay_years(cell: Cell) -> int:
    return 1 if plain(cell) in _SINGLE_PREMIUM else whole(cell, 1, 120)


def day(cell: Cell) -> date:
    """2026-11-10, 2026/11/10, 20261110, 2026年11月10日 or a date cell."""
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    found = _DATE.match(_MIDNIGHT.sub("", plain(cell)))
    if found is None:
        raise ValueError("isn't a date: write 2026-11-10")
    year, month, of_month = (int(part) for part in found.groups() if part is not None and part.isdecimal())
    try:
        return date(year, month, of_month)
    except ValueError as error:
        raise ValueError("isn't a day of the calendar: write 2026-11-10") from error


def truth(cell: Cell) -> bool:
    value = plain(cell).casefold()
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise ValueError("is neither yes nor no: write 是 or 否")


def honorific(cell: Cell) -> str:
    found = _HONORIFICS.get(plain(cell).casefold())
    if found is None:
        raise ValueError("isn't a gender: write 男 or 女, or leave it empty")
    return found


def email(cell: Cell) -> str:
    value = text(plain(cell))
    if not _EMAIL.match(value):
        raise ValueError("isn't an e-mail address: write name@example.cn")
    return value


def segment(cell: Cell) -> Segment:
    found = _SEGMENTS.get(plain(cell).casefold())
    if found is None:
        raise ValueError("isn't a known segment: write 普通 or 政府")
    return found


def tier(cell: Cell) -> str:
    """A, A级, 高价值."""
    value = plain(cell).removesuffix("客户").removesuffix("级").removesuffix("等").removesuffix("价值")
    value = _TIERS.get(value.casefold(), value.upper())
    if not re.fullmatch(r"\w{1,20}", value):
        raise ValueError("isn't a tier: write A, B or C")
    return value


def signatures(cell: Cell) -> tuple[Signature, ...]:
    """投保人、销售人员、销售管理部门经理; or 齐全 for all three."""
    found: set[Signature] = set()
    for part in _BETWEEN_PHONES.split(plain(cell)):
        if not part.strip():
            continue
        signed = _SIGNATURES.get(part.strip().casefold())
        if signed is None:
            raise ValueError("doesn't say who signed: write 投保人;销售人员;销售管理部门经理, or 齐全")
        found.update(signed)
    return tuple(one for one in ALL_SIGNATURES if one in found)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def zone(cell: Cell) -> str:
    value = plain(cell)
    if value not in _zones():
        raise ValueError("isn't a time zone: write e.g. Asia/Shanghai or Asia/Urumqi")
    return value
