import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.ivr.appointment import BY_KEY, PHRASES, parse
from dialer.model import AppointmentWish

WEDNESDAY = 2


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("明天再打吧", AppointmentWish(1)),
        ("明天下午", AppointmentWish(1, "pm")),
        ("下午三点再打", AppointmentWish(None, "pm", 15)),
        ("后天上午十点半", AppointmentWish(2, "am", 10, 30)),
        ("大后天", AppointmentWish(3)),
        ("三点吧", AppointmentWish(None, "pm", 15)),
        ("九点", AppointmentWish(None, "am", 9)),
        ("明天15:20", AppointmentWish(1, "pm", 15, 20)),
        ("明天10点一刻", AppointmentWish(1, "am", 10, 15)),
        ("十一点四十五", AppointmentWish(None, "am", 11, 45)),
        ("中午十二点", AppointmentWish(None, "pm", 12)),
        ("下午一点", AppointmentWish(None, "pm", 13)),
        ("晚上八点", AppointmentWish(None, "pm", 20)),
        ("今晚", AppointmentWish(0, "pm")),
        ("明早", AppointmentWish(1, "am")),
        ("过一会儿吧", AppointmentWish(0)),
        ("晚一点再打", AppointmentWish(0)),
        ("半小时后", AppointmentWish(0)),
        ("过两天", AppointmentWish(2)),
        ("三天以后", AppointmentWish(3)),
        ("过几天吧", AppointmentWish(3)),
        ("周五下午", AppointmentWish(2, "pm")),
        ("星期三", AppointmentWish(7)),
        ("下周一上午", AppointmentWish(5, "am")),
        ("下礼拜天", AppointmentWish(11)),
        ("下周再打", AppointmentWish(5)),
        ("改天吧", None),
        ("在上班没空", None),
        ("我有点忙", None),
        ("快点说", None),
        ("二十五点", None),
        ("", None),
    ],
)
def test_spoken_times(text: str, wish: AppointmentWish | None) -> None:
    assert parse(text, WEDNESDAY) == wish


def test_weekdays_need_the_day_of_the_call() -> None:
    assert parse("周五下午") == AppointmentWish(None, "pm")
    assert parse("下周") == AppointmentWish(7)
    assert parse("周五") is None


def test_keys_mean_the_next_workday() -> None:
    assert {"1": AppointmentWish(1, "am"), "2": AppointmentWish(1, "pm")} == BY_KEY


def test_the_grammar_holds_what_can_be_parsed() -> None:
    undecided = {"都行", "什么时候都可以"}
    assert {phrase for phrase in PHRASES if parse(phrase, WEDNESDAY) is None} == undecided


@given(
    st.text(
        "今明后大天下上午晚早周星期礼拜一二三四五六七八九十零两点半刻分钟小时过:：0123456789，", max_size=14
    ),
    st.none() | st.integers(0, 6),
)
def test_whatever_is_said_gives_a_possible_time(text: str, weekday: int | None) -> None:
    wish = parse(text, weekday)
    if wish is not None:
        assert wish != AppointmentWish()
        assert wish.half in ("", "am", "pm")
        assert wish.hour is None or 0 <= wish.hour < 24
        assert 0 <= wish.minute < 60
        assert wish.days is None or wish.days >= 0
