"""What people see and may do: sign-in, search, requests, approval, the score card, findings."""

from __future__ import annotations

import csv
import io
import logging
from datetime import timedelta

import pytest
from web_home import NAMES, PASSWORD, Desk

from dialer.access.accounts import Role
from dialer.access.config import AccessConfig
from dialer.access.requests import State, Use
from dialer.model import AnswerClass, ArchiveEvent, Disposition
from dialer.web import make_app
from dialer.web.show import named


async def test_nobody_sees_anything_without_signing_in(desk: Desk) -> None:
    client = desk.browser()
    for path in ("/calls", "/calls/1", "/requests", "/quality", "/findings", "/calls/1/replay"):
        answer = await client.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    for path in ("/calls/1/audio", "/calls/1/download", "/calls/1/peaks", "/findings.csv"):
        assert (await client.get(path, headers={"accept": "*/*"})).status_code == 401
    assert (await client.post("/requests", data={"purpose": "核实投诉", "calls": "1"})).status_code == 401


async def test_wrong_passwords_lock_an_account_for_a_while(desk: Desk) -> None:
    client = desk.browser()
    for _ in range(desk.house.config.max_failures):
        answer = await client.post("/sign-in", data={"name": "qa1", "password": "wrong password"})
        assert answer.status_code == 401
    answer = await client.post("/sign-in", data={"name": "qa1", "password": PASSWORD})
    assert answer.status_code == 401, "locked: the right password doesn't help"
    assert (await client.post("/sign-in", data={"name": "nobody", "password": "x"})).text.count("不正确") == 1
    desk.clock.move_to(desk.clock() + timedelta(minutes=desk.house.config.lock_minutes))
    answer = await client.post("/sign-in", data={"name": "qa1", "password": PASSWORD})
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


async def test_a_session_ends_by_time_by_signing_out_and_with_the_account(desk: Desk) -> None:
    first, second, third = [await desk.signed_in("qa1") for _ in range(3)]
    assert (await first.post("/sign-out")).status_code == 303
    assert (await first.get("/calls")).status_code == 303, "signed out"
    await desk.house.access.change_account("qa1", lambda one: type(one)(one.name, one.roles, active=False))
    assert (await second.get("/calls")).status_code == 303, "the account was taken away"
    await desk.house.access.change_account("qa1", lambda one: type(one)(one.name, one.roles))
    assert (await third.get("/calls")).status_code == 200
    desk.clock.move_to(desk.clock() + timedelta(hours=desk.house.config.session_hours))
    assert (await third.get("/calls")).status_code == 303


async def test_every_page_forbids_foreign_code_and_frames(desk: Desk) -> None:
    browser = await desk.signed_in("qa1")
    for path in ("/calls", "/calls/1", "/sign-in", "/static/player.js", "/no-such-page"):
        answer = await browser.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "http://" not in answer.text.replace("http://www.w3.org", "")
    assert (await browser.get("/calls")).headers["cache-control"] == "no-store"


async def test_calls_are_found_and_shown_masked(desk: Desk) -> None:
    browser = await desk.signed_in("qa1")
    text = (await browser.get("/calls?words=没收到")).text
    assert 'href="/calls/1"' in text
    assert 'href="/calls/2"' not in text
    text = (await browser.get("/calls/found?name=王*")).text
    assert 'href="/calls/1"' in text
    assert 'href="/calls/3"' in text
    assert "<html" not in text
    text = (await browser.get("/calls?phone=13812345672&branch=苏州")).text
    assert 'href="/calls/2"' in text
    page = (await browser.get("/calls/1")).text + text
    assert "138****5672" in page
    for name in NAMES:
        assert name not in page
    assert "13812345671" not in page
    for wrong in (
        "phone=12",
        "since=yesterday",
        "ticket=99999999999",
        "shortest_s=-1",
        "outcome=x",
        "words=,,",
    ):
        answer = await browser.get(f"/calls?{wrong}")
        assert answer.status_code == 422, wrong
        assert 'role="alert"' in answer.text


async def test_english_by_the_switch(desk: Desk) -> None:
    browser = await desk.signed_in("qa1")
    assert "查询录音" in (await browser.get("/calls")).text
    answer = await browser.get("/lang?to=en", referer="http://127.0.0.1/calls")
    assert answer.headers["location"] == "/calls"
    assert "Find calls" in (await browser.get("/calls")).text
    answer = await browser.get("/lang?to=en", referer="http://evil.example/calls")
    assert answer.headers["location"] == "/"


async def test_a_request_is_approved_by_another_and_both_are_in_the_log(desk: Desk) -> None:
    browser = await desk.signed_in("qa1")
    assert (await browser.get("/calls/1/replay")).status_code == 403
    asked = await browser.post("/requests", purpose="核实客户投诉", calls=["1", "2"], hours="2")
    assert asked.headers["location"] == "/requests/1"
    assert (await browser.post("/requests/1/decision", approve="true")).status_code == 403, "no right"
    chief = await desk.signed_in("chief")
    assert "核实客户投诉" in (await chief.get("/requests?state=waiting")).text
    assert (await chief.post("/requests/1/decision", approve="true")).status_code == 303
    assert (await chief.post("/requests/1/decision", approve="true")).status_code == 403, "decided already"
    assert (await browser.get("/calls/1/replay")).status_code == 200
    assert (await browser.get("/calls/3/replay")).status_code == 403, "not of the request"
    kinds = [(one.kind, one.by) for one in desk.log.entries]
    assert (ArchiveEvent.REQUESTED, "qa1") in kinds
    assert (ArchiveEvent.GRANTED, "chief") in kinds
    desk.clock.move_to(desk.clock() + timedelta(hours=2))
    assert (await browser.get("/calls/1/replay")).status_code == 403, "over"


async def test_nobody_approves_for_himself(desk: Desk) -> None:
    chief = await desk.signed_in("chief")
    await chief.post("/requests", purpose="自己想听", calls="1")
    assert (await chief.post("/requests/1/decision", approve="true")).status_code == 403
    assert (await chief.get("/calls/1/replay")).status_code == 403


async def test_all_that_a_search_finds_can_be_asked_for_at_once(desk: Desk) -> None:
    browser = await desk.signed_in("qa1")
    asked = await browser.post("/requests", purpose="质检抽查", search="branch=南京")
    assert asked.status_code == 303
    made = await desk.house.access.request(1)
    assert made is not None
    assert made.calls == (1, 3)
    assert made.search == "branch=南京"
    small = await desk.signed_in("qa2")
    desk.furnished(config=AccessConfig(max_calls=1))
    assert (await small.post("/requests", purpose="质检抽查", search="branch=南京")).status_code == 422


@pytest.mark.parametrize(
    "wish",
    [
        {"purpose": "听", "calls": "1"},
        {"purpose": "核实客户投诉"},
        {"purpose": "核实客户投诉", "calls": "99"},
        {"purpose": "核实客户投诉", "calls": "-1"},
        {"purpose": "核实客户投诉", "calls": "99999999999999"},
        {"purpose": "核实客户投诉", "calls": "1", "hours": "10000"},
        {"purpose": "报送", "calls": "1", "use": "regulator"},
        {"purpose": "核实客户投诉", "search": "nonsense=1&phone=x"},
    ],
)
async def test_a_wish_that_lacks_something_is_refused(desk: Desk, wish: dict[str, str]) -> None:
    browser = await desk.signed_in("qa1")
    assert (await browser.post("/requests", **wish)).status_code == 422
    assert desk.log.entries == []


async def test_a_form_of_another_session_changes_nothing(desk: Desk) -> None:
    browser, other = await desk.signed_in("qa1"), await desk.signed_in("qa2")
    browser.csrf = other.csrf
    assert (await browser.post("/requests", purpose="核实客户投诉", calls="1")).status_code == 403
    assert await desk.house.access.request(1) is None


async def test_roles_see_what_is_theirs(desk: Desk) -> None:
    sees = {
        "qa1": {"/calls", "/requests", "/quality", "/findings"},
        "chief": {"/calls", "/requests", "/findings"},
        "auditor": {"/calls", "/requests", "/findings"},
        "agent1": {"/calls", "/requests"},
        "operator": {"/calls", "/requests"},
        "root1": set(),
    }
    for name, pages in sees.items():
        browser = await desk.signed_in(name)
        for page in ("/calls", "/requests", "/quality", "/findings"):
            answer = await browser.get(page)
            assert (answer.status_code == 200) == (page in pages), (name, page, answer.status_code)


async def test_the_sample_is_worked_through_and_findings_exported(desk: Desk) -> None:
    browser = await desk.granted("qa1", (1, 2))
    text = (await browser.get("/quality?month=2026-11")).text
    assert text.count("待评分") == 3
    marks = {f"mark-{item.key}": "met" for item in desk.house.quality.items}
    form = {**marks, "mark-courtesy": "missed", "severity-courtesy": "serious", "note-courtesy": "=1+1",
            "offset-courtesy": "8.5"}  # fmt: skip
    assert (await browser.post("/calls/1/score", **marks | {"mark-courtesy": ""})).status_code == 422
    assert (await browser.post("/calls/1/score", **form)).status_code == 303
    assert (await browser.post("/calls/3/score", **marks)).status_code == 403, (
        "nobody scores what he can't hear"
    )
    text = (await browser.get("/quality?month=2026-11")).text
    assert text.count("待评分") == 2
    assert "90.0" in text
    assert "300" in (await browser.get("/findings?month=2026-11")).text
    answer = await browser.get("/findings.csv?month=2026-11")
    (row,) = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert (row["规则"], row["严重程度"], row["扣款(元)"], row["得分"]) == ("R47", "严重", "300", "90.0")
    assert row["说明"] == "'=1+1", "no formula"


async def test_every_refusal_has_a_log_line(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    browser = await desk.signed_in("qa1")
    with caplog.at_level(logging.WARNING, "dialer.web"):
        await browser.get("/calls/999")
    (line,) = [one for one in caplog.records if one.message == "request refused"]
    assert (line.status, line.path, line.account) == (404, "/calls/999", "qa1")  # type: ignore[attr-defined]


def test_the_application_names_all_its_routes(desk: Desk) -> None:
    assert len(make_app(desk.house).openapi()["paths"]) > 12


def test_words_of_two_kinds_have_names_of_their_own() -> None:
    """REFUSED is a state of requests and an outcome of calls, APPROVED a state and an entry of the log."""
    assert named(State.REFUSED, "zh") == "未批准"
    assert named(Disposition.REFUSED, "zh") == "拒访"
    assert named(State.APPROVED, "zh") == "已批准"
    assert named(ArchiveEvent.APPROVED, "zh") == "批准删除"
    for kind in (State, Use, Disposition, AnswerClass, ArchiveEvent, Role):
        for one in kind:
            assert not named(one, "zh").isascii(), f"{kind.__name__}.{one.name} has no Chinese name"
