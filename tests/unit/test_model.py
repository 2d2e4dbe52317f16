"""The shared values: numbers that can't leak, dispositions that count or not."""

from __future__ import annotations

import json
import logging
import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dialer.model import (
    Attempt,
    CallId,
    Disposition,
    Phone,
    PhoneNumber,
    Policyholder,
    Task,
    TaskId,
    without_numbers,
)
from dialer.views import to_json

MOBILES = st.from_regex(r"\A1[3-9][0-9]{9}\Z")
AREAS = st.sampled_from(["21", "755", "571", "28"])
NOW = datetime(2026, 11, 10, tzinfo=UTC)
WRITTEN = (
    "0086 138 1234 5678", "86138 1234 5678", "+86138 1234 5678", "+86 10 1234 5678", "8888 5678",
    "138-1234 5678", "138 1234-5678", "138.1234.5678", "138 - 1234 - 5678", "138  1234  5678",
    "+86 755 8888 5678", "138\u00a01234\u00a05678", "600123 5678", "138\u20131234\u20135678", "623 5678",
)  # fmt: skip


@pytest.mark.parametrize(
    ("written", "e164", "national"),
    [
        ("13812345678", "+8613812345678", "13812345678"),
        (" 138 1234 5678 ", "+8613812345678", "13812345678"),
        ("138-1234-5678", "+8613812345678", "13812345678"),
        ("+86 138 1234 5678", "+8613812345678", "13812345678"),
        ("008613812345678", "+8613812345678", "13812345678"),
        ("(010)6512-3456", "+861065123456", "01065123456"),
        ("（021）65123456", "+862165123456", "02165123456"),
        ("0755-86123456", "+8675586123456", "075586123456"),
        ("+1 202 555 0123", "+12025550123", "0012025550123"),
        ("00442079460000", "+442079460000", "00442079460000"),
    ],
)
def test_numbers_as_people_write_them(written: str, e164: str, national: str) -> None:
    number = PhoneNumber.parse(written)
    assert (number.e164, number.national) == (e164, national)


@pytest.mark.parametrize(
    "written",
    ["", "abc", "12", "1381234567", "138123456789", "12812345678", "110", "+12", "138x2345678", "９"],
)
def test_what_is_no_number_says_what_to_write(written: str) -> None:
    with pytest.raises(ValueError, match=r"digits|number") as found:
        PhoneNumber.parse(written)
    if written:
        assert written not in str(found.value) or len(written) < 3


def test_another_country() -> None:
    assert PhoneNumber.parse("91234567", country="852").e164 == "+85291234567"


@given(MOBILES)
def test_no_text_form_of_a_number_shows_its_middle(mobile: str) -> None:
    number = PhoneNumber.parse(mobile)
    shown = [
        str(number),
        repr(number),
        f"{number}",
        f"{number!s:>20}",
        "%s" % number,  # noqa: UP031 - as logging does it
        str(Phone(number)),
        repr([number]),
        json.dumps(to_json({"a": [Phone(number)]})),
    ]
    for text in shown:
        assert mobile not in text
        assert mobile[:3] + "****" + mobile[-4:] in text


@given(MOBILES)
def test_every_way_to_write_a_mobile_is_one_customer(mobile: str) -> None:
    forms = (
        mobile,
        "+86" + mobile,
        "0086" + mobile,
        f"{mobile[:3]} {mobile[3:7]}-{mobile[7:]}",
        "0" + mobile,
    )
    assert len({PhoneNumber.parse(form) for form in forms}) == 1
    number = PhoneNumber.parse(mobile)
    assert PhoneNumber.parse(number.national) == PhoneNumber.parse(number.e164) == number


@given(st.text(max_size=25))
def test_any_text_is_a_number_or_refused(text: str) -> None:
    try:
        number = PhoneNumber.parse(text)
    except ValueError:
        return
    assert number.e164.startswith("+")
    assert PhoneNumber.parse(number.e164) == number


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("no route to +8613812345678 here", "no route to +****5678 here"),
        ("138-1234-5678", "****5678"),
        ("2345678", "****5678"),
        ("+86 138 1234 5678 is busy", "+****5678 is busy"),
        *((number, f"{'+' if '+' in number else ''}****5678") for number in WRITTEN),
        ("(010) 8888 8888, (138) 1234 5678", "(****8888, (****5678"),
        ("１３８１２３４５６７８", "****５６７８"),
        ("SIP 571 888 888", "SIP ****8888"),
        ("SIP 480 13812345678 busy; Q.850 17 13812345678", "SIP 480 ****5678 busy; Q.850 17 ****5678"),
        ("13812345678 2026-11-29 10:11", "****5678 2026-11-29 10:11"),
        ("2026-11-29 10:11 maintenance", "2026-11-29 10:11 maintenance"),
        ("from 2026-11-29 - 2026-11-30T08:00:00+08:00", "from 2026-11-29 - 2026-11-30T08:00:00+08:00"),
        ("503 192.0.2.10 (192.0.2.11) 16 times", "503 192.0.2.10 (192.0.2.11) 16 times"),
        ("192.0.2.256 2026-13-29", "****1329"),
        ("010 6234 5678, 0755 6234567", "****5678, ****4567"),
        ("Q.850 127 4001, SIP 480 2026", "Q.850 127 4001, SIP 480 2026"),
        ("010-62345678, 95519", "****5678, 95519"),
        ("Q.850 16 Terminated; SIP 480", "Q.850 16 Terminated; SIP 480"),
        ("no answer from 192.168.10.120:5060", "no answer from 192.168.10.120:5060"),
    ],
)
def test_a_number_in_a_far_ends_words_is_masked(said: str, shown: str) -> None:
    assert without_numbers(said) == shown


SEPARATORS = st.text(st.sampled_from(" \t\u00a0\u3000-().（）－"), max_size=4)


@settings(max_examples=300)
@given(
    st.sampled_from(["", "+86", "0086", "0", "+49", "0049", "+1"]),
    st.one_of(MOBILES, st.from_regex(r"\A[2-9][0-9]{5,11}\Z"), st.from_regex(r"\A10[0-9]{8}\Z")),
    st.lists(SEPARATORS, min_size=18, max_size=18),
    st.sampled_from(
        ["", "no route to ", "SIP 480 ", "SIP ", "Q.850 17 ", "2026-11-29 ", "10:21 ", "192.0.2.1:5060 "]
    ),
    st.text(st.characters(exclude_categories=["Nd"]), max_size=9),
    st.text(st.characters(exclude_categories=["Nd"]), max_size=9),
)
def test_however_a_number_is_written_not_more_than_its_mask_stays_readable(
    prefix: str, digits: str, between: list[str], said: str, before: str, after: str
) -> None:
    written = "".join(a + b for a, b in zip(prefix + digits, between, strict=False))
    try:
        PhoneNumber.parse(written)
    except ValueError:
        assume(False)
    for readable in (r"[0-9]{4}-[0-9]{2}-[0-9]{2}", r"[0-9]+(\.[0-9]+){3}"):  # a date, an address
        assume(not re.search(readable, written))
    said = f"{before} {said}"
    shown = without_numbers(said + written + after).removeprefix(said)
    assert len(re.findall(r"\d", shown)) <= 7


@pytest.mark.parametrize(
    "part", ["1", " ", "1 ", "1    ", "+ ", "(1", "1.", "1:", "1.1.1.1 ", "10:10 ", "SIP 1 ", "SIP 1 2   "]
)
def test_a_hostile_far_end_gets_no_time_from_us(part: str) -> None:
    def took(size: int) -> float:
        said = "SIP 1" + part * (size // len(part))
        began = time.process_time()
        without_numbers(said)
        return time.process_time() - began

    assert took(65_536) < 1.0, "a backtracking one takes minutes"


def test_a_logged_attempt_is_masked(caplog: pytest.LogCaptureFixture) -> None:
    number = PhoneNumber("+8613812345678")
    attempt = Attempt(CallId(1), TaskId(1), number, 1, "s", NOW)
    with caplog.at_level(logging.INFO):
        logging.getLogger("dialer.x").info("an attempt", extra={"attempt": attempt, "number": number})
    (line,) = caplog.records
    assert "1234567" not in str(vars(line))


def test_only_our_own_faults_do_not_count() -> None:
    free = {item for item in Disposition if not item.counts_as_attempt}
    assert free == {Disposition.TRUNK_FAILURE, Disposition.NOT_DIALLED}


def test_an_attempt_lives_until_it_has_an_outcome() -> None:
    attempt = Attempt(CallId(1), TaskId(1), PhoneNumber("+8613812345678"), 1, "s", NOW)
    assert attempt.live
    assert not replace(attempt, outcome=Disposition.BUSY).live


def test_the_same_number_is_the_same_customer() -> None:
    phones = (Phone(PhoneNumber.parse("13812345678")),)
    one = Task(TaskId(1), "c", "P1", Policyholder("王"), phones, "p", Decimal(1), 1, "s")
    other = replace(one, id=TaskId(2), phones=(Phone(PhoneNumber.parse("+86 138-1234-5678")),))
    assert one.customer_key == other.customer_key
