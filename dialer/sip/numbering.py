"""The numbering plan of mainland China, which numbers a trunk may dial, and how it wants them written.

Sources: 电信网编号计划 (the numbering plan, YD/T 2000 series and the regulator's allocations): mobiles are
11 digits 1[3-9]x, area codes 10, 2x and three digits from 3 on, subscriber numbers 7 or 8 digits that
begin with 2-8. What it keeps for information services (声讯), services (95, 96, 1xx) and satellites has
charges of its own and is never a customer's telephone.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache

from dialer.model import PhoneNumber, Reason


class Destination(StrEnum):
    """What a number belongs to."""

    MOBILE = "mobile"
    GEOGRAPHIC = "geographic"
    """A fixed line with its area code."""
    SHARED_COST = "shared_cost"
    """400: an enterprise's number."""
    FREEPHONE = "freephone"
    """800."""
    SERVICE = "service"
    """Short codes and what hangs on them: 110, 12345, 95xxx, 96xxx, also behind an area code."""
    PREMIUM = "premium"
    """Information services 160 and 168 (声讯台)."""
    SATELLITE = "satellite"
    """1349 and 1740-1745."""
    HK_MO_TW = "hk_mo_tw"
    """Hong Kong, Macau and Taiwan: +852, +853, +886."""
    INTERNATIONAL = "international"
    UNKNOWN = "unknown"
    """Outside of the plan."""


WORDS: dict[Destination, str] = {
    Destination.MOBILE: "手机",
    Destination.GEOGRAPHIC: "固定电话",
    Destination.SHARED_COST: "400 号码",
    Destination.FREEPHONE: "800 号码",
    Destination.SERVICE: "短号码或服务号码",
    Destination.PREMIUM: "声讯等高资费号码",
    Destination.SATELLITE: "卫星电话",
    Destination.HK_MO_TW: "港澳台号码",
    Destination.INTERNATIONAL: "国际号码",
    Destination.UNKNOWN: "编号计划之外的号码",
}
"""How the operator is told."""

_KINDS = frozenset(kind.value for kind in Destination)
_BY_NAME_ONLY = frozenset({Destination.SERVICE, Destination.PREMIUM, Destination.SATELLITE})
"""No pattern opens them by accident: allow must name the kind."""
_ABROAD = frozenset({Destination.HK_MO_TW, Destination.INTERNATIONAL})
_AREA = re.compile(r"(10|2\d|[3-9]\d\d)(\d*)")
_NO_AREA = re.compile(r"400|800|950|95[6-9]|96\d")
"""Three digits that no place has: nationwide services begin so."""
_AREA_SAID = re.compile(r"0(10|2\d|[3-9]\d\d)")
_PATTERN = re.compile(r"\+?(?:[0-9X]|\[[0-9](?:-[0-9])?(?:[0-9](?:-[0-9])?)*\])*\*?", re.IGNORECASE)
_FIELDS = frozenset({"national", "e164", "digits", "local"})


@lru_cache(maxsize=65536)
def classify(number: PhoneNumber) -> Destination:
    """What ``number`` belongs to."""
    if not number.e164.startswith("+86"):
        regional = number.e164.startswith(("+852", "+853", "+886"))
        return Destination.HK_MO_TW if regional else Destination.INTERNATIONAL
    rest = number.e164[3:]
    if not rest.isdigit():
        return Destination.UNKNOWN
    if rest[0] == "1" and not rest.startswith("10"):
        return _one(rest)
    if rest.startswith(("400", "800")):
        if len(rest) != 10:
            return Destination.UNKNOWN
        return Destination.SHARED_COST if rest[0] == "4" else Destination.FREEPHONE
    if rest.startswith(("95", "96")) and len(rest) < 10:
        return Destination.SERVICE
    area = _AREA.fullmatch(rest)
    if area is None:
        return Destination.UNKNOWN
    if _NO_AREA.fullmatch(area[1]):
        return Destination.SERVICE
    return _behind(area[1], area[2])


def _one(rest: str) -> Destination:
    """A number that begins with 1 and isn't Beijing's."""
    if rest.startswith(("160", "168")):
        return Destination.PREMIUM
    if len(rest) < 11 or rest.startswith(("11", "12")):
        return Destination.SERVICE
    if len(rest) > 11:
        return Destination.UNKNOWN
    if re.match(r"1349|174[0-5]", rest):
        return Destination.SATELLITE
    return Destination.SERVICE if rest.startswith("179") else Destination.MOBILE


def _behind(area: str, subscriber: str) -> Destination:
    """What stands behind an area code."""
    if re.match(r"16[08]", subscriber):
        return Destination.PREMIUM
    if subscriber[:1] in ("1", "9"):
        return Destination.SERVICE
    lengths = (8,) if len(area) == 2 else (7, 8)
    right = len(subscriber) in lengths and subscriber[0] in "2345678"
    return Destination.GEOGRAPHIC if right else Destination.UNKNOWN


def local_part(number: PhoneNumber) -> str:
    """As dialled in its own area: without the area code; a mobile as it is."""
    if classify(number) is not Destination.GEOGRAPHIC:
        return number.national
    area = _AREA.fullmatch(number.e164[3:])
    return area[2] if area else number.national


# --- patterns ---------------------------------------------------------------------------------


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    if not pattern or not _PATTERN.fullmatch(pattern):
        raise ValueError(
            f"{pattern!r} is no number pattern: write digits, X for any digit, [3-9] for one of several, "
            "and * at the end for any rest, e.g. 1[3-9]X* or 010*"
        )
    text = pattern.upper().replace("+", r"\+").replace("X", "[0-9]")
    return re.compile(text.replace("*", "[0-9]*"), re.ASCII)


def matches(pattern: str, number: PhoneNumber) -> bool:
    """Whether ``pattern`` covers the number as dialled inside the country (``number.national``), or as
    E.164 where the pattern begins with +."""
    return bool(_compiled(pattern).fullmatch(number.e164 if pattern.startswith("+") else number.national))


def check_pattern(pattern: str) -> None:
    """Raises ValueError with how to write it."""
    _compiled(pattern)


# --- which numbers may be dialled ---------------------------------------------------------------


def check_destination(entry: str) -> None:
    """One entry of an allow or deny list: a kind of number, or a pattern. Raises ValueError."""
    if entry in _KINDS:
        return
    if entry[:1].isalpha() and entry[:1].upper() != "X":
        raise ValueError(f"{entry!r} is no kind of number: write {', '.join(sorted(_KINDS))}, or a pattern")
    check_pattern(entry)


def allowed(number: PhoneNumber, allow: Sequence[str], deny: Sequence[str] = ()) -> bool:
    """``deny`` wins over ``allow``; what neither names is refused."""
    return not any(_names(entry, number) for entry in deny) and any(_opens(entry, number) for entry in allow)


def _names(entry: str, number: PhoneNumber) -> bool:
    return classify(number).value == entry if entry in _KINDS else matches(entry, number)


def _opens(entry: str, number: PhoneNumber) -> bool:
    """``0*`` means the fixed lines of the country, and neither 00852... nor 010-110... behind it."""
    kind = classify(number)
    if entry not in _KINDS:
        if kind in _BY_NAME_ONLY:
            return False
        if kind in _ABROAD and not entry.startswith(("+", "00")):
            return False
    return _names(entry, number)


def refused_by_all(number: PhoneNumber, lists: Sequence[tuple[Sequence[str], Sequence[str]]]) -> str:
    """Why no trunk may dial this number, for the operator; empty where one may.

    ``lists``: each trunk's allow and deny.
    """
    if any(allowed(number, allow, deny) for allow, deny in lists):
        return ""
    kind = classify(number)
    return Reason(
        f"{WORDS[kind]}不在任何线路的允许范围内", f"no trunk may dial this kind of number: {kind.value}"
    )


# --- how a number is written --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NumberRule:
    """How numbers of one pattern are written. Raises ValueError at construction."""

    match: str
    """Which numbers: a pattern such as 1380101* or 010*; see ``matches``."""
    format: str = "{national}"
    """How they are written; see ``write``."""
    strip: int = 0
    """Digits taken off the front of {national} first."""

    def __post_init__(self) -> None:
        check_pattern(self.match)
        check_format(self.format)
        if not 0 <= self.strip <= 10:
            raise ValueError("strip: write 0 to 10 digits")
        known = _literal_digits(self.match)
        if self.strip and not (known.startswith("0") and self.strip <= len(known)):
            raise ValueError(
                f"strip: {self.match!r} doesn't say which digits are taken off: a match of fixed lines or "
                "foreign numbers that begins with them, e.g. 010*, and no mobile's"
            )
        if "{local}" in self.format and not _AREA_SAID.match(known):
            raise ValueError(
                f"{{local}}: {self.match!r} doesn't say of which area; without its area code a number of "
                "another place is a stranger's: write one area code, e.g. 010* or 0755*"
            )


def _literal_digits(pattern: str) -> str:
    """The digits that every number of a pattern begins with, as dialled inside the country."""
    digits = re.match(r"\+?[0-9]*", pattern)
    known = digits[0] if digits else ""
    if not known.startswith("+"):
        return known
    rest = known.removeprefix("+86")
    if rest == known:
        return "00" + known[1:]
    return rest if rest[:1] == "1" and rest[1:2] != "0" else "0" + rest


def check_format(text: str) -> None:
    """Raises ValueError where ``text`` can't write a number."""
    try:
        names = [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]
    except ValueError:
        names = []
    plain = re.sub(r"\{[a-z0-9]+\}", "", text)
    if len(names) != 1 or names[0] not in _FIELDS or not re.fullmatch(r"[0-9A-Za-z+*#.\-]*", plain):
        raise ValueError(
            f"{text!r} can't write a number: use one of {{national}}, {{e164}}, {{digits}}, {{local}}, "
            "with digits before or behind it, e.g. 9{national}"
        )


def write(number: PhoneNumber, rules: Sequence[NumberRule], default: str) -> str:
    """The number as this trunk wants it: by the first rule that matches, else by ``default``.

    {national} 13812345678 or 01065123456, {e164} +8613812345678, {digits} 8613812345678, {local} the
    same without area code. Mobiles of other places get their 0 by ``0{national}`` behind a rule for
    those of this place.
    """
    rule = next((rule for rule in rules if matches(rule.match, number)), None)
    text, strip = (default, 0) if rule is None else (rule.format, rule.strip)
    return text.format(
        national=number.national[strip:],
        e164=number.e164,
        digits=number.e164.removeprefix("+"),
        local=local_part(number),
    )
