from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.access.accounts import Account, Role
from dialer.access.config import AccessConfig
from dialer.access.requests import AccessRequest, State, Use, Wish, ask, decide, grant_for, revoke
from dialer.errors import AccessRefused
from dialer.model import CallId

NOW = datetime(2026, 11, 10, 2, tzinfo=UTC)
QA, OTHER = Account("qa1", (Role.QA,)), Account("qa2", (Role.QA,))
CHIEF = Account("chief", (Role.RECORDS_MANAGER,))
ADMIN = Account("root1", (Role.ADMIN,))
CONFIG = AccessConfig()
WISH = Wish("核实客户投诉", (CallId(1), CallId(2)))


def waiting(**changed: object) -> AccessRequest:
    return ask(QA, replace(WISH, **changed), NOW, CONFIG)


def approved(**changed: object) -> AccessRequest:
    return replace(decide(waiting(**changed), CHIEF, NOW, approve=True), id=1)


def test_a_grant_is_of_the_requester_those_calls_and_that_time() -> None:
    grant = approved(hours=2)
    assert grant_for([grant], QA, CallId(1), Use.LISTEN, NOW) == grant
    just_before = NOW + timedelta(hours=2) - timedelta(microseconds=1)
    assert grant_for([grant], QA, CallId(2), Use.LISTEN, just_before) == grant
    for account, call, use, at in (
        (OTHER, 1, Use.LISTEN, NOW),
        (CHIEF, 1, Use.LISTEN, NOW),
        (ADMIN, 1, Use.LISTEN, NOW),
        (replace(QA, active=False), 1, Use.LISTEN, NOW),
        (QA, 3, Use.LISTEN, NOW),
        (QA, 1, Use.DOWNLOAD, NOW),
        (QA, 1, Use.REGULATOR, NOW),
        (QA, 1, Use.LISTEN, NOW + timedelta(hours=2)),
    ):
        with pytest.raises(AccessRefused):
            grant_for([grant], account, CallId(call), use, at)


def test_a_records_manager_takes_a_grant_back_with_a_reason() -> None:
    grant, later = approved(hours=2), NOW + timedelta(hours=1)
    revoked = revoke(grant, CHIEF, later, " 误批 ")
    assert (revoked.revoked_by, revoked.revoked_at, revoked.revoked_why) == ("chief", later, "误批")
    assert not revoked.in_force(later)
    with pytest.raises(AccessRefused, match="已被撤销"):
        grant_for([revoked], QA, CallId(1), Use.LISTEN, later)
    other = replace(approved(hours=2), id=2)
    assert grant_for([revoked, other], QA, CallId(1), Use.LISTEN, later) == other, "another one still holds"
    for wrong, account, at in (
        (grant, QA, later), (grant, CHIEF, NOW + timedelta(hours=2)), (waiting(), CHIEF, later),
        (revoked, CHIEF, later),
    ):  # fmt: skip
        with pytest.raises(AccessRefused):
            revoke(wrong, account, at, "误批")
    with pytest.raises(ValueError, match="撤销的原因"):
        revoke(grant, CHIEF, later, " ")


def test_who_may_take_it_away_may_hear_it() -> None:
    for use in (Use.DOWNLOAD, Use.REGULATOR):
        grant = approved(use=use, filing_no="F1")
        assert grant_for([grant], QA, CallId(1), Use.LISTEN, NOW) == grant
        assert grant_for([grant], QA, CallId(1), use, NOW) == grant


def test_what_is_missing_is_said() -> None:
    refused = decide(waiting(), CHIEF, NOW, approve=False, why="目的不明")
    for requests, words in (
        ([], "须先申请"),
        ([waiting()], "尚未批准"),
        ([refused], "未获批准"),
        ([replace(approved(), expires_at=NOW)], "已过期"),
    ):
        with pytest.raises(AccessRefused, match=words):
            grant_for(requests, QA, CallId(1), Use.LISTEN, NOW)


def test_the_requester_never_decides() -> None:
    own = ask(CHIEF, WISH, NOW, CONFIG)
    with pytest.raises(AccessRefused, match="自己"):
        decide(own, CHIEF, NOW, approve=True)
    both = Account("both", (Role.QA, Role.RECORDS_MANAGER))
    with pytest.raises(AccessRefused, match="自己"):
        decide(ask(both, WISH, NOW, CONFIG), both, NOW, approve=True)
    for account in (QA, OTHER, ADMIN, replace(CHIEF, active=False)):
        with pytest.raises(AccessRefused):
            decide(waiting(), account, NOW, approve=True)


def test_a_decision_is_made_once_and_a_refusal_says_why() -> None:
    with pytest.raises(AccessRefused, match="已经处理"):
        decide(approved(), CHIEF, NOW, approve=False, why="反悔")
    with pytest.raises(ValueError, match="原因"):
        decide(waiting(), CHIEF, NOW, approve=False, why="  ")
    assert decide(waiting(), CHIEF, NOW, approve=False, why="无关").expires_at is None


@pytest.mark.parametrize(
    "changed",
    [
        {"purpose": "  听 "},
        {"purpose": "x" * 501},
        {"calls": ()},
        {"calls": tuple(map(CallId, range(1, 2002)))},
        {"hours": 0},
        {"hours": 169},
        {"use": Use.REGULATOR, "filing_no": "  "},
    ],
)
def test_a_wish_must_be_whole(changed: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        waiting(**changed)


def test_the_settings_bound_a_wish() -> None:
    small = AccessConfig(max_hours=1, max_calls=1)
    with pytest.raises(ValueError, match="1 通"):
        ask(QA, replace(WISH, hours=1), NOW, small)
    with pytest.raises(ValueError, match="1 小时"):
        ask(QA, replace(WISH, hours=2, calls=(CallId(1),)), NOW, small)
    assert ask(QA, Wish("核实投诉", (CallId(1),), hours=1), NOW, small).hours == 1


def test_only_a_filing_lets_calls_go_to_a_regulator() -> None:
    assert waiting(use=Use.REGULATOR, filing_no="备2026-7").filing_no == "备2026-7"


@given(
    st.lists(
        st.tuples(
            st.sampled_from([QA, OTHER, CHIEF]),
            st.sampled_from(list(Use)),
            st.sampled_from(list(State)),
            st.integers(-3, 3),
            st.sets(st.integers(1, 3), min_size=1),
        ),
        max_size=8,
    ),
    st.sampled_from([QA, OTHER, CHIEF, ADMIN]),
    st.integers(1, 3),
    st.sampled_from(list(Use)),
)
def test_no_history_of_requests_opens_more_than_was_approved(
    history: list[tuple[Account, Use, State, int, set[int]]], account: Account, call: int, use: Use
) -> None:
    requests = [
        AccessRequest(
            by.name, NOW, "核实投诉", tuple(map(CallId, calls)), asked, 24, state=state, id=n,
            expires_at=NOW + timedelta(hours=hours) if state is State.APPROVED else None,
        )
        for n, (by, asked, state, hours, calls) in enumerate(history, 1)
    ]  # fmt: skip
    opens = account is not ADMIN and any(
        by is account
        and call in calls
        and state is State.APPROVED
        and hours > 0
        and use in (asked, Use.LISTEN)
        for by, asked, state, hours, calls in history
    )
    try:
        found = grant_for(requests, account, CallId(call), use, NOW)
    except AccessRefused:
        assert not opens
    else:
        assert opens
        assert found.by == account.name
        assert found.in_force(NOW)
