"""Which numbers are what in the plan of mainland China, who may be dialled, and how numbers are written."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.model import PhoneNumber
from dialer.sip.numbering import (
    WORDS,
    Destination,
    NumberRule,
    allowed,
    check_destination,
    check_format,
    check_pattern,
    classify,
    local_part,
    matches,
    refused_by_all,
    write,
)

D = Destination


def number(text: str) -> PhoneNumber:
    return PhoneNumber(text if text.startswith("+") else f"+86{text.removeprefix('0')}")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("13812345678", D.MOBILE),
        ("19912345678", D.MOBILE),
        ("17012345678", D.MOBILE),
        ("16612345678", D.MOBILE),
        ("14712345678", D.MOBILE),
        ("13491234567", D.SATELLITE),
        ("17401234567", D.SATELLITE),
        ("17451234567", D.SATELLITE),
        ("17461234567", D.MOBILE),
        ("01065123456", D.GEOGRAPHIC),
        ("02151234567", D.GEOGRAPHIC),
        ("02887654321", D.GEOGRAPHIC),
        ("057187654321", D.GEOGRAPHIC),
        ("0951 5012345".replace(" ", ""), D.GEOGRAPHIC),
        ("08983312345", D.GEOGRAPHIC),
        ("01012345", D.SERVICE),
        ("01095588", D.SERVICE),
        ("057196345", D.SERVICE),
        ("0571110", D.SERVICE),
        ("057116812345", D.PREMIUM),
        ("01016012345", D.PREMIUM),
        ("16812345", D.PREMIUM),
        ("16012345678", D.PREMIUM),
        ("110", D.SERVICE),
        ("12345", D.SERVICE),
        ("11885", D.SERVICE),
        ("17951", D.SERVICE),
        ("17951013812", D.SERVICE),
        ("95588", D.SERVICE),
        ("950131234567", D.SERVICE),
        ("96123", D.SERVICE),
        ("4008001234", D.SHARED_COST),
        ("8008201234", D.FREEPHONE),
        ("40080012345", D.UNKNOWN),
        ("0106512345", D.UNKNOWN),
        ("0571123", D.SERVICE),
        ("057187654", D.UNKNOWN),
        ("138123456789", D.UNKNOWN),
        ("+85223456789", D.HK_MO_TW),
        ("+85328123456", D.HK_MO_TW),
        ("+886223456789", D.HK_MO_TW),
        ("+12025550123", D.INTERNATIONAL),
        ("+8210234567890", D.INTERNATIONAL),
        ("+447911123456", D.INTERNATIONAL),
    ],
)
def test_what_a_number_belongs_to(text: str, kind: Destination) -> None:
    assert classify(number(text)) is kind


@given(st.from_regex(r"\+[0-9]{3,18}", fullmatch=True))
def test_every_number_is_something_and_only_mainland_ones_of_full_length_are_dialled_by_default(
    text: str,
) -> None:
    found = PhoneNumber(text)
    kind = classify(found)
    assert WORDS[kind]
    if allowed(found, ("mobile", "geographic")):
        assert re.fullmatch(r"\+861[3-9]\d{9}|\+86(10|2\d)[2-8]\d{7}|\+86[3-9]\d\d[2-8]\d{6,7}", text)


@given(st.from_regex(r"1[3-9][0-9]{9}|0(10|2[0-9])[2-8][0-9]{7}", fullmatch=True))
def test_what_people_type_and_the_plan_agree(text: str) -> None:
    kind = classify(PhoneNumber.parse(text))
    if text.startswith("0"):
        assert kind is D.GEOGRAPHIC
    else:
        assert kind in (D.MOBILE, D.SATELLITE, D.PREMIUM, D.SERVICE)


@pytest.mark.parametrize(
    ("pattern", "text", "covered"),
    [
        ("1[3-9]X*", "13812345678", True),
        ("1380101*", "13801011234", True),
        ("1380101*", "13801021234", False),
        ("010*", "01065123456", True),
        ("XXXXXXXXXXX", "13812345678", True),
        ("xxxxxxxxxx", "13812345678", False),
        ("1[35-7]*", "15812345678", True),
        ("1[35-7]*", "14812345678", False),
        ("+8613812345678", "13812345678", True),
        ("+1*", "+12025550123", True),
        ("00852*", "+85223456789", True),
        ("13812345678", "13812345678", True),
        ("*", "13812345678", True),
    ],
)
def test_patterns(pattern: str, text: str, covered: bool) -> None:
    assert matches(pattern, number(text)) is covered


@pytest.mark.parametrize("pattern", ["", "1?", "1*3", "[3-9", "[a-b]", "1.*", "(1)", "1{3}", "13 8", "１3"])
def test_a_pattern_that_is_none_is_explained(pattern: str) -> None:
    with pytest.raises(ValueError, match="is no number pattern: write digits, X for any digit"):
        check_pattern(pattern)


@given(st.text(alphabet="0123456789X[]-*+", max_size=12))
def test_any_text_is_a_pattern_or_refused(pattern: str) -> None:
    try:
        check_pattern(pattern)
    except ValueError:
        return
    matches(pattern, number("13812345678"))


def test_deny_wins_and_what_nobody_names_is_refused() -> None:
    mobile, fixed, hotline = number("17012345678"), number("01065123456"), number("4008001234")
    assert allowed(mobile, ("mobile",))
    assert not allowed(mobile, ("mobile",), ("170*",))
    assert not allowed(mobile, ("mobile",), ("mobile",))
    assert not allowed(fixed, ("mobile",))
    assert allowed(fixed, ("mobile", "010*"))
    assert not allowed(hotline, ("mobile", "geographic"))
    assert allowed(hotline, ("shared_cost",))


@pytest.mark.parametrize("text", ["+441234567890", "+85291234567", "+12025550123"])
def test_a_pattern_of_the_country_opens_nothing_abroad(text: str) -> None:
    for entry in ("0*", "*", "X*", "0X*", "[0-9]*"):
        assert not allowed(number(text), ("mobile", entry))
        assert not allowed(number(text), ("international", "hk_mo_tw"), (entry,)), "but deny does cover them"
    assert allowed(number(text), ("00*",))
    assert allowed(number(text), ("+*",))


@pytest.mark.parametrize(
    ("text", "kind"),
    [("16812345678", "premium"), ("01016812345", "premium"), ("13491234567", "satellite"),
     ("01011012345", "service"), ("01012345678", "service")],
)  # fmt: skip
def test_what_costs_more_or_rings_the_police_is_opened_by_its_name_only(text: str, kind: str) -> None:
    for entry in ("*", "1*", "1[3-9]X*", "0*", "010*", "+86*", text):
        assert not allowed(number(text), ("mobile", "geographic", entry))
    assert allowed(number(text), (kind,))


def test_a_number_that_no_trunk_may_dial_is_explained_without_saying_it() -> None:
    only_mobiles, only_fixed = (("mobile",), ()), (("geographic",), ("010*",))
    assert refused_by_all(number("13812345678"), [only_mobiles, only_fixed]) == ""
    assert refused_by_all(number("057187654321"), [only_mobiles, only_fixed]) == ""
    why = refused_by_all(number("+12025550123"), [only_mobiles, only_fixed])
    assert why.startswith("国际号码")
    assert "2025550123" not in why
    assert refused_by_all(number("01065123456"), [only_mobiles, only_fixed]).startswith("固定电话")


def test_kinds_and_patterns_are_told_apart() -> None:
    for entry in ("mobile", "hk_mo_tw", "1[3-9]X*", "X*", "+1*"):
        check_destination(entry)
    with pytest.raises(ValueError, match=r"'mobil' is no kind of number: write .*mobile"):
        check_destination("mobil")


@pytest.mark.parametrize(
    ("text", "local"),
    [("01065123456", "65123456"), ("057187654321", "87654321"), ("08983312345", "3312345"),
     ("13812345678", "13812345678")],
)  # fmt: skip
def test_the_number_inside_its_own_area(text: str, local: str) -> None:
    assert local_part(number(text)) == local


@pytest.mark.parametrize(
    ("text", "rules", "default", "written"),
    [
        ("13812345678", (), "{national}", "13812345678"),
        ("01065123456", (), "{national}", "01065123456"),
        ("13812345678", (), "9{e164}", "9+8613812345678"),
        ("01065123456", (), "{digits}", "861065123456"),
        ("+85223456789", (), "{national}", "0085223456789"),
        ("+85223456789", (), "{digits}", "85223456789"),
    ],
)
def test_how_a_number_is_written(
    text: str, rules: tuple[NumberRule, ...], default: str, written: str
) -> None:
    assert write(number(text), rules, default) == written


PEKING = (
    NumberRule("1380101*"),
    NumberRule("1[3-9]X*", "0{national}"),
    NumberRule("010*", "{local}"),
    NumberRule("00*", "17951{national}", strip=2),
)
"""Mobiles of the city as they are, others as long distance, fixed lines of the city without its code."""


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("13801011234", "13801011234"),
        ("13812345678", "013812345678"),
        ("01065123456", "65123456"),
        ("057187654321", "057187654321"),
        ("+85223456789", "1795185223456789"),
    ],
)
def test_the_first_rule_that_covers_the_number_writes_it(text: str, written: str) -> None:
    assert write(number(text), PEKING, "{national}") == written


@pytest.mark.parametrize(
    "text", ["0", "{name}", "{national}{e164}", "{", "{}", "9 {national}", "{national:>20}@x", "{e164}{e164}"]
)
def test_a_format_that_cannot_write_a_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="can't write a number"):
        check_format(text)


def test_a_rule_that_cannot_work_is_refused() -> None:
    with pytest.raises(ValueError, match="no number pattern"):
        NumberRule("abc")
    with pytest.raises(ValueError, match="can't write"):
        NumberRule("1*", "x")
    with pytest.raises(ValueError, match="strip"):
        NumberRule("1*", strip=11)
    for match, strip in (("1[3-9]X*", 1), ("13801*", 3), ("0X*", 2), ("*", 1), ("+8613*", 1)):
        with pytest.raises(ValueError, match=r"strip: .* doesn't say which digits"):
            NumberRule(match, strip=strip)
    for match in ("0*", "0X*", "1*", "*", "057*", "+86*"):
        with pytest.raises(ValueError, match="doesn't say of which area"):
            NumberRule(match, "9{local}")


@pytest.mark.parametrize(
    ("rule", "text", "written"),
    [
        (NumberRule("010*", "{national}", strip=3), "01065123456", "65123456"),
        (NumberRule("0*", "{national}", strip=1), "057187654321", "57187654321"),
        (NumberRule("+8610*", "{local}"), "01065123456", "65123456"),
        (NumberRule("0571*", "8{local}"), "057187654321", "887654321"),
        (NumberRule("+1*", "17909{national}", strip=2), "+12025550123", "1790912025550123"),
    ],
)
def test_what_a_rule_cuts_stands_in_its_match(rule: NumberRule, text: str, written: str) -> None:
    assert write(number(text), (rule,), "{national}") == written
