"""``dialer why``: past, present and what comes next, as the operator reads it."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from office_home import HEADER, NUMBERS, ROWS, dialer, shows_no_number, told

from dialer import app
from dialer.campaigning import demonstrate
from dialer.model import CallRecord, Disposition, Reason
from dialer.office import import_customers, with_store
from dialer.policy.calendar import calendar_from
from dialer.policy.ledger import rules_of
from dialer.policy.ruling import Inputs
from dialer.policy.settings import PolicySettings
from dialer.policy.verdict import Decision, Dial, Resources, decide
from dialer.ports import Candidate
from dialer.store.database import SqlStore

SHANGHAI = ZoneInfo("Asia/Shanghai")
CALENDAR, SETTINGS = calendar_from(), PolicySettings()
RULES = rules_of(SETTINGS, CALENDAR)
FREE = Resources(8)
CHINESE = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")


def at(text: str) -> datetime:
    """``10 10:00``: that minute of November 2026 in Shanghai; the 10th is a Tuesday."""
    return datetime.fromisoformat(f"2026-11-{text}").replace(tzinfo=SHANGHAI)


async def look(
    store: SqlStore,
    when: str,
    outcome: Disposition = Disposition.NO_ANSWER,
    resources: Resources = FREE,
    wished: str = "",
) -> None:
    """What the scheduler does for the first customer at that moment; a call takes 31 s."""
    now = at(when)

    def check(one: Candidate) -> Decision:
        made = decide(one.task, one.attempts, one.customer_attempts, now, CALENDAR, SETTINGS, resources)
        went_by = Inputs(now, one.task, one.attempts, one.customer_attempts, resources, RULES.fingerprint)
        return msgspec.structs.replace(made, inputs=went_by)

    for one in await store.candidates(now, 10):
        if one.task.id != 1:
            continue
        decision = check(one)
        if not isinstance(decision.verdict, Dial):
            await store.record_decision(one.task.id, decision, now)
            continue
        claim = await store.claim(one.task.id, "n", 600, now)
        assert claim is not None
        _, call = await store.barrier(claim, check, now)
        assert call is not None
        agreed = at(wished) if wished else None
        record = CallRecord(call.id, one.task.id, outcome, now + timedelta(seconds=31), appointment=agreed)
        await store.finish(claim, record)


async def three_days(store: SqlStore) -> None:
    full = Resources(8, can_record=False, can_record_why=Reason("磁盘已满", "the disk is full"))
    await store.keep_rules(RULES, at("09 17:05"))
    await look(store, "09 17:05:01")
    await look(store, "10 10:00:02")
    await look(store, "10 10:01:02")
    await look(store, "10 14:30", Disposition.ANSWERED_INCOMPLETE, wished="12 09:30")
    await look(store, "10 14:31")
    await look(store, "12 10:05", resources=full)
    await look(store, "12 10:05:30", Disposition.BUSY)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("why")
    rows = f"{HEADER},签单日期\n{ROWS[0]},2026-11-09\n{ROWS[1]},2026-11-09\n"
    asyncio.run(
        import_customers(folder, rows.encode(), "l.csv", "c", "new-policy", at("09 17:00"), deadline="R30")
    )
    asyncio.run(demonstrate(folder, "c", "new-policy", at("09 16:59")))
    asyncio.run(with_store(folder, three_days))
    return folder


@pytest.fixture(autouse=True)
def _after_the_third_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "system_clock", lambda: at("12 10:06:10"))


def ask(home: Path, *args: str, lang: str = "zh", task: int = 1) -> str:
    found = dialer(home, "--lang", lang, "why", str(task), *args)
    assert found.exit_code == 0, found.output
    shows_no_number(found, NUMBERS)
    if lang == "en":
        assert not CHINESE.search(re.sub("演示(审批)?", "", found.output)), "names aside"
    return told(found)


def test_past_present_and_future(home: Path) -> None:
    answer = ask(home)
    in_order = (
        "任务 1 · 保单 P1 · 138****5678 · 待回访 · 第 1 轮 · 期限 2026-11-16",
        "2026-11-09 17:00:00 导入",
        "2026-11-10 10:00:02 拨打 138****5678 R44 11月10日 10:00-11:00,第 1 轮第 1 次拨打",
        "2026-11-10 10:00:33 通话 1: 无人接听",
        "2026-11-10 10:01:02 等待至 2026-11-10 14:00 R43 11月10日 10:00-11:00 时段已拨打过",
        "2026-11-12 10:05:00 等待至 2026-11-12 10:05:15 R75 无法录音,暂不拨打:磁盘已满",
        "2026-11-12 10:06:01 通话 3: 占线",
        "现在 2026-11-12 10:06:10: 转业务部门核实联系方式 —— 第 1 轮已拨满 3 次",
    )
    places = [answer.find(words) for words in in_order]
    assert -1 not in places, in_order[places.index(-1)]
    assert places == sorted(places)
    assert "to the business side" in ask(home, lang="en")


def test_a_task_that_nobody_has_looked_at_is_planned(home: Path) -> None:
    answer = ask(home, task=2)
    assert "服务尚未对该任务作出判定" in answer
    for line in (
        "现在 2026-11-12 10:06:10: 拨打 139****5432 —— 11月12日 10:00-11:00,第 1 轮第 1 次拨打(R44)",
        "2026-11-12 14:00 拨打 139****5432 —— 11月12日 14:00-16:00,第 1 轮第 2 次拨打(R44)",
        "2026-11-13 10:00 拨打",
        "2026-11-13 10:00:25 转业务部门核实联系方式",
    ):
        assert line in answer
    assert "next (if nobody answers)" in ask(home, lang="en", task=2)


@pytest.mark.parametrize(
    ("moment", "zh", "en"),
    [
        (
            "2026-11-10T12:00",
            (
                "当时的判定(2026-11-10 10:01:02 作出):等待至 2026-11-10 14:00",
                "规则 R43 第 2 版(换时段至少三次)",
                "已有拨打:2026-11-10 10:00:02 138****5678 无人接听;空闲线路 8 条;可以录音",
                f"规则集 {RULES.fingerprint}(与现行相同)",
                "之后的拨打:2026-11-10 14:30:00 138****5678 接通未完成",
                "ONE_LIVE_CALL 1 通过",
            ),
            ("rule R43 version 2", "attempts so far: 2026-11-10 10:00:02 138****5678 no_answer", "today's"),
        ),
        (
            "2026-11-10T14:10",
            ("等待至 2026-11-10 14:00", "该等待已于 2026-11-10 14:00 结束,此后到所问时刻系统未再查看此任务"),
            ("That wait was over at 2026-11-10 14:00",),
        ),
        (
            "2026-11-09T17:02",
            ("截至该时刻,系统从未查看过此任务", "当时会是:等待至 2026-11-10 10:00"),
            ("Nobody had looked at the task until then.", "wait until 2026-11-10 10:00"),
        ),
        ("2026-11-09T10:00", ("当时任务尚未导入(2026-11-09 17:00:00 导入)",), ("wasn't there yet",)),
        ("2026-11-12T10:05:10", ("R75", "无法录音;线路可用"), ("couldn't record", "the disk is full")),
        ("2026-11-13T12:00", ("该时刻还没到",), ("Still to come",)),
        (
            "2026-11-10T02:10:00+00:00",
            ("当时的判定(2026-11-10 10:01:02 作出)",),
            ("made 2026-11-10 10:01:02",),
        ),
    ],
)
def test_a_moment(home: Path, moment: str, zh: tuple[str, ...], en: tuple[str, ...]) -> None:
    for lang, expected in (("zh", zh), ("en", en)):
        answer = ask(home, "--at", moment, lang=lang)
        for words in expected:
            assert words in answer


@pytest.mark.parametrize(
    ("day", "zh", "en"),
    [
        (
            "2026-11-10",
            (
                "2026-11-10(周二):工作日;许可时段 10:00-11:00、14:00-16:00",
                "当天拨打 2 次:10:00:02 无人接听;14:30:00 接通未完成。",
                "10:00:02 拨打 138****5678: 无人接听",
                "14:00:00 可拨而未轮到;本时段共拨打 1 次,期限更近的在先(R10)",
                "14:31:00 等待至 2026-11-12 10:00 —— 客户约定的 11月12日 09:30 不在许可时段",
            ),
            ("(Tuesday): a workday", "Calls that day: 10:00:02 no_answer; 14:30:00 answered_incomplete."),
        ),
        (
            "2026-11-11",
            ("当天没有拨打:客户约定的 11月12日 09:30 不在许可时段", "(R79,2026-11-10 14:31:00 判定)。"),
            (
                "Not called: 2026-11-12 09:30, asked for by the customer",
                "(R79, decided 2026-11-10 14:31:00).",
            ),
        ),
        ("2026-11-14", ("非工作日", "这一天不会拨打"), ("no workday", "no call is due")),
        ("2026-11-09", ("10:00-11:00 当时任务尚未导入",), ("wasn't there yet",)),
        ("2026-11-08", ("当时任务尚未导入",), ("wasn't there yet",)),
        (
            "2026-11-12",
            (
                "可拨而未轮到;无法录音,暂不拨打:磁盘已满(R75);本时段共拨打 1 次",
                "10:05:30 拨打 138****5678: 占线",
            ),
            ("the call can't be recorded: the disk is full (R75)",),
        ),
    ],
)
def test_a_day(home: Path, day: str, zh: tuple[str, ...], en: tuple[str, ...]) -> None:
    for lang, expected in (("zh", zh), ("en", en)):
        answer = ask(home, "--at", day, lang=lang)
        for words in expected:
            assert words in answer


def test_a_day_off_and_a_day_without_a_daemon(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "system_clock", lambda: at("17 12:00"))
    assert "当天没有拨打:不是工作日,任何客户都不拨打(R44)。" in ask(home, "--at", "2026-11-14", task=2)
    assert "本时段没有拨打任何客户,服务未运行" in ask(home, "--at", "2026-11-16", task=2)


def test_a_day_to_come(home: Path) -> None:
    answer = ask(home, "--at", "2026-11-13", task=2)
    assert "这一天还没到;若一直无人接听:" in answer
    assert "2026-11-13 10:00 拨打 139****5432" in answer
    assert "今天还会(若一直无人接听)" in ask(home, "--at", "2026-11-12", task=2)


def test_the_answer_for_a_program(home: Path) -> None:
    found = json.loads(dialer(home, "why", "1", "--at", "2026-11-10T12:00", "--json").output)
    assert found["then"]["decision"]["verdict"]["rule"] == "R43"
    inputs = found["then"]["decision"]["inputs"]
    assert inputs["rules"] == RULES.fingerprint
    assert [(one["outcome"], one["number"]) for one in inputs["attempts"]] == [("no_answer", "138****5678")]
    assert inputs["resources"]["lines_free"] == 8
    assert len(found["decisions"]) == 3
    assert len(found["calls"]) == 1
    assert found["told"][0] == "所问时刻:2026-11-10 12:00"
    day = json.loads(dialer(home, "why", "1", "--at", "2026-11-12", "--json").output)
    assert [one[1]["verdict"]["kind"] for one in day["decisions"]] == ["wait", "dial"]
    assert day["now"]["verdict"]["channel"] == "contact_refresh"
    planned = json.loads(dialer(home, "why", "2", "--json").output)["next"]
    assert [one["unanswered"] for one in planned][-1] == 3


def test_other_rules_than_todays_are_said(home: Path) -> None:
    (home / "config").mkdir(exist_ok=True)
    file = home / "config" / "dialer.toml"
    file.write_text("[calling]\ndaily_cap = 1\n", encoding="utf-8")
    try:
        assert "与现行不同" in ask(home, "--at", "2026-11-10T12:00")
    finally:
        file.unlink()


@pytest.mark.parametrize("asked", ["tuesday", "2026-13-01", "2026-11-10T25:00"])
def test_what_is_no_time_is_said(home: Path, asked: str) -> None:
    found = dialer(home, "why", "1", "--at", asked)
    assert found.exit_code == 2
    assert "2026-11-10T10:30" in found.output
