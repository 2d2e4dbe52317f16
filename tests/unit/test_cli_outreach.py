"""Visits, letters, texts and their meter at the command line."""

from __future__ import annotations

import asyncio
import csv
import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from office_home import AT, HEADER, dialer, shows_no_number, told

from dialer import app
from dialer.alarm import watch_meter
from dialer.campaigning import demonstrate
from dialer.events import HandoverMoved, MethodCapPassed, TaskHandedOver
from dialer.imports import import_customers
from dialer.kpi import Month
from dialer.model import CallRecord, Disposition, TaskId, TaskState
from dialer.policy.verdict import Decision, Dial, Escalate, Finding
from dialer.policy.zones import find_zone
from dialer.store.database import SqlStore
from dialer.storeroom import with_store

BY = ("--by", "王五")
COLUMNS = f"{HEADER},业务员,通讯地址,邮箱,不接受电话,被保险人不同"
CUSTOMERS = (
    "P1,王芳,女,13812345678,安心相伴终身寿险,12000,10,S9,西湖路1号,,否,是",
    "P2,欧阳娜,女,13998765432,安心相伴终身寿险,12000,10,S9,,,否,否",
    "P3,赵敏,女,13700000003,安心相伴终身寿险,12000,10,S8,,zhao@example.cn,是,否",
)
NOW = app.system_clock()


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("outreach") / "home"
    asyncio.run(demonstrate(made, "c", "new-policy/short", AT))
    file = made / "config" / "campaigns" / "c.yaml"
    assert 'verification: ""' in file.read_text(encoding="utf-8")
    text = "\n".join((COLUMNS, *CUSTOMERS, ""))
    asyncio.run(import_customers(made, text.encode(), "l.csv", "c", None, AT))
    asyncio.run(with_store(made, _hand_over))
    return made


async def _hand_over(store: SqlStore) -> None:
    for task, channel, rule in ((1, "visit", "R25"), (2, "visit", "R25"), (3, "text", "R37")):
        verdict = Escalate(channel, rule, "电话回访已用尽")
        await store.record_decision(TaskId(task), Decision(verdict, ()), NOW)


@pytest.fixture
def home(tmp_path: Path, furnished: Path) -> Path:
    """Two visits to make, one text to send."""
    return Path(shutil.copytree(furnished, tmp_path / "home"))


def run(home: Path, *args: str | Path, code: int = 0) -> Any:
    done = dialer(home, *args, "--json")
    assert done.exit_code == code, done.output
    return json.loads(done.output)


def refused(home: Path, *args: str | Path) -> str:
    done = dialer(home, *args)
    assert (done.exit_code, done.output.count("\n")) == (2, 1), done.output
    return done.output


def tasks(home: Path) -> dict[tuple[str, str], TaskState]:
    found = asyncio.run(with_store(home, lambda store: store.tasks()))
    return {(task.campaign, task.policy_no): task.state for task in found}


# --- visits --------------------------------------------------------------------------------------


def test_a_visit_is_listed_assigned_and_printed(home: Path) -> None:
    listed = dialer(home, "visit", "list")
    shows_no_number(listed)
    assert "1 1 c P1 王* 待办" in told(listed)
    assert "R27" in refused(home, "visit", "assign", "1", "--to", "s9", *BY)
    run(home, "visit", "assign", "1", "--to", "钱七", "--on", "2026-11-30", *BY)
    assert "已分派 钱七 2026-11-30" in told(dialer(home, "visit", "list"))
    form = home.parent / "form.html"
    assert run(home, "visit", "form", form, "1")["forms"] == 1
    page = form.read_text(encoding="utf-8")
    for words in (
        "禾安人寿上门回访问卷", "P1", "王芳 女士", "西湖路1号", "钱七", "2026-11-30", "S9(不得单独上门)",
        "您投保的安心相伴终身寿险是保险，不是存款，您清楚吗？", "□ 是", "投保人签字", "被保险人签字",
        "上门人员签字",
    ):  # fmt: skip
        assert words in page, words
    assert "本人吗" not in page, "who he is, the visitor sees"
    assert "录音" not in page
    assert form.stat().st_mode & 0o077 == 0
    assert run(home, "visit", "form", form)["forms"] == 2
    assert form.read_text(encoding="utf-8").count("<section>") == 2


def test_what_a_stranger_wrote_is_text_on_the_form(home: Path) -> None:
    odd = f"{COLUMNS}\nP4,王<b>芳,女,13600000004,安心相伴终身寿险,12000,10,S9,<script>,,否,否\n"
    asyncio.run(import_customers(home, odd.encode(), "l.csv", "c", None, AT))

    async def hand_over(store: SqlStore) -> None:
        await store.record_decision(TaskId(4), Decision(Escalate("visit", "R25", ""), ()), NOW)

    asyncio.run(with_store(home, hand_over))
    form = home.parent / "form.html"
    run(home, "visit", "form", form)
    page = form.read_text(encoding="utf-8")
    assert "<script>" not in page
    assert "王&lt;b&gt;芳" in page


ALL_FINE = ("--reached", "--others-fine", "--signed")


def test_a_visit_that_succeeds_is_done_and_verified_by_telephone(home: Path) -> None:
    _with_verification(home)
    run(home, "visit", "assign", "1", "--to", "钱七", *BY)
    entered = run(home, "visit", "result", "1", *ALL_FINE, "--note", "在家", *BY)
    assert (entered["verification"], entered["tickets"]) == ("visit-verification", [])
    assert entered["view"]["handover"]["note"] == "signed; 在家"
    assert tasks(home)[("c", "P1")] is TaskState.DONE
    assert tasks(home)[("visit-verification", "P1")] is TaskState.OPEN
    (task,) = [
        one for one in asyncio.run(with_store(home, lambda store: store.tasks())) if one.campaign != "c"
    ]
    today = NOW.astimezone(find_zone("Asia/Shanghai")).date()
    assert (task.due, task.deadline_type) == (today + timedelta(days=1), "R83")
    assert (task.script, task.phones[0].number.national) == ("visit-verification", "13812345678")
    events = [event for _, event in asyncio.run(with_store(home, lambda store: store.outbox(1000)))]
    steps = [event.step for event in events if isinstance(event, HandoverMoved)]
    assert steps == ["assign", "succeed"]
    assert len([event for event in events if isinstance(event, TaskHandedOver)]) == 3
    done = told(dialer(home, "visit", "list"))
    assert "P1" not in done
    assert "已完成 钱七" in told(dialer(home, "visit", "list", "--all"))


def _with_verification(home: Path) -> None:
    """Its campaign's next version names one."""
    file = home / "config" / "campaigns" / "c.yaml"
    text = file.read_text(encoding="utf-8").replace('verification: ""', "verification: visit-verification")
    file.write_text(text, encoding="utf-8")
    for step, by in (("lint", "演示"), ("rehearse", "演示"), ("approve", "李四"), ("start", "李四")):
        note = () if step == "lint" else ("--note", "x")
        run(home, "campaign", step, "c", "--by", by, *note)


def test_a_no_at_a_visit_becomes_a_ticket(home: Path) -> None:
    run(home, "visit", "assign", "1", "--to", "钱七", *BY)
    entered = run(
        home, "visit", "result", "1", *ALL_FINE, "--answer", "received=no:没有收到合同",
        "--answer", "signed=否", *BY,
    )  # fmt: skip
    assert {(one["category"], one["words"], one["major"]) for one in entered["tickets"]} == {
        ("合同未送达", "没有收到合同", False),
        ("代签名", "否", True),
    }
    listed = told(dialer(home, "tickets"))
    assert "合同未送达" in listed
    assert "代签名" in listed
    answers = {one["question"]: one["yes"] for one in entered["view"]["handover"]["answers"]}
    assert (answers["received"], answers["insurance"]) == (False, True)
    assert "signed_insured" in answers, "the insured is another person (R3)"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--reached", "--others-fine"), "signature: --signed"),
        (("--reached", "--signed"), "not answered: insurance"),
        (("--reached", "--signed", "--others-fine", "--answer", "gone=yes"), "no question 'gone'"),
        (("--reached", "--signed", "--others-fine", "--answer", "received=maybe"), "write QUESTION=yes"),
        (("--reached", "--signed", "--others-fine", "--on", "2099-01-01"), "lies ahead"),
    ],
)
def test_a_result_that_is_no_proof_is_refused(home: Path, options: tuple[str, ...], says: str) -> None:
    run(home, "visit", "assign", "1", "--to", "钱七", *BY)
    assert says in refused(home, "visit", "result", "1", *options, *BY)
    assert tasks(home)[("c", "P1")] is TaskState.VISIT


def test_a_visit_without_an_assignment_or_a_number_has_no_result(home: Path) -> None:
    assert "is listed: fail isn't possible" in refused(home, "visit", "result", "1", "--not-reached", *BY)
    assert "there is no visit 9" in refused(home, "visit", "result", "9", "--not-reached", *BY)
    assert "there is no letter 1" in refused(home, "letter", "result", "1", "--not-reached", *BY)


# --- letters -------------------------------------------------------------------------------------


def test_a_visit_in_vain_becomes_a_letter_and_then_an_end(home: Path) -> None:
    config = home / "config" / "dialer.toml"
    config.write_text(
        '[letters]\nservice_phone = "95500"\nreturn_address = "杭州市西湖路9号"\n', encoding="utf-8"
    )
    for number in ("1", "2"):
        run(home, "visit", "assign", number, "--to", "钱七", *BY)
        run(home, "visit", "result", number, "--not-reached", "--note", "搬家", *BY)
    assert tasks(home)[("c", "P1")] is TaskState.LETTER
    assert "R26" in told(dialer(home, "why", "1"))
    merge, forms = home.parent / "letters.csv", home.parent / "letters.html"
    sent = run(home, "letter", "export", merge, "--forms", forms, *BY)
    assert sent == {"count": 2, "without_address": 1}
    rows = list(csv.DictReader(merge.read_text(encoding="utf-8-sig").splitlines(keepends=True)))
    first = rows[0]
    assert (first["投保人"], first["地址"], first["客服电话"]) == ("王芳", "西湖路1号", "95500")
    assert first["回邮地址"] == "杭州市西湖路9号"
    assert first["问卷"].startswith("1. 您投保的安心相伴终身寿险")
    page = forms.read_text(encoding="utf-8")
    for words in ("尊敬的王芳女士", "95500", "杭州市西湖路9号", "投保人签字"):
        assert words in page
    assert run(home, "letter", "export", merge, *BY)["count"] == 0, "sent once"
    assert run(home, "letter", "export", merge, "--again", *BY)["count"] == 2
    (letter, other) = run(home, "letter", "list")
    assert letter["handover"]["state"] == "sent"
    number = str(letter["handover"]["id"])
    run(home, "letter", "result", number, *ALL_FINE, *BY)
    run(home, "letter", "result", str(other["handover"]["id"]), "--not-reached", *BY)
    assert (tasks(home)[("c", "P1")], tasks(home)[("c", "P2")]) == (TaskState.DONE, TaskState.UNREACHED)
    assert run(home, "why", "2")["decisions"][-1][1]["verdict"]["channel"] == "letter"


# --- texts ---------------------------------------------------------------------------------------


def test_who_declines_calls_is_on_the_list_for_texts(home: Path) -> None:
    file = home.parent / "texts.csv"
    assert run(home, "texts", "export", file, *BY)["count"] == 1
    (row,) = csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines(keepends=True))
    assert (row["投保人"], row["手机"], row["邮箱"]) == ("赵敏", "13700000003", "zhao@example.cn")
    assert tasks(home)[("c", "P3")] is TaskState.EXCLUDED
    (view,) = run(home, "texts", "list")
    run(home, "texts", "result", str(view["handover"]["id"]), "--reached", "--others-fine", *BY)
    assert tasks(home)[("c", "P3")] is TaskState.DONE


# --- the meter -----------------------------------------------------------------------------------


async def _called(store: SqlStore, first: int, last: int) -> None:
    """Calls of this month, to other customers."""
    month = f"{NOW.astimezone(find_zone('Asia/Shanghai')):%Y-%m-%d}"
    for task in range(first, last + 1):
        claim = await store.claim(TaskId(task), "n", 600, NOW)
        assert claim is not None
        number = claim.task.phones[0].number
        dial = Decision(Dial(number, f"{month}/0", NOW), (Finding("R44", "pass", ""),))
        _, call = await store.barrier(claim, lambda _, dial=dial: dial, NOW)  # type: ignore[misc]
        assert call is not None
        await store.finish(claim, CallRecord(call.id, TaskId(task), Disposition.COMPLETED, NOW))


def _others(home: Path, count: int) -> None:
    rows = (f"X{n},王芳,女,135{n:08d},安心相伴终身寿险,12000,10,,,,否,否" for n in range(count))
    text = "\n".join((COLUMNS, *rows, ""))
    asyncio.run(import_customers(home, text.encode(), "l.csv", "c", None, AT))
    asyncio.run(with_store(home, lambda store: _called(store, 4, 3 + count)))


def test_the_meter_and_its_alarm(home: Path) -> None:
    few = run(home, "meter")
    assert (few["called_back"], few["visits"], few["over"]) == (3, 2, False), "so few say nothing yet"
    _others(home, 10)
    over = run(home, "meter", code=1)
    assert (over["called_back"], over["visits"], over["letters"], over["cap"]) == (13, 2, 0, 0.1)
    assert "✗" in dialer(home, "meter").output
    (home / "config" / "dialer.toml").write_text("[reports]\nvisit_letter_cap = 0.2\n", encoding="utf-8")
    assert "✓" in dialer(home, "meter").output
    assert run(home, "meter", "--month", "2020-01")["share"] is None
    assert "is not a month" in refused(home, "meter", "--month", "soon")

    async def watch(store: SqlStore) -> list[MethodCapPassed]:
        zone = find_zone("Asia/Shanghai")
        assert zone is not None
        for _ in range(2):
            watching = asyncio.create_task(watch_meter(store, 0.1, zone, lambda: NOW, 0.01))
            await asyncio.sleep(0.2)
            watching.cancel()
        return [event for _, event in await store.outbox(1000) if isinstance(event, MethodCapPassed)]

    (told_,) = asyncio.run(with_store(home, watch))
    month = str(Month(NOW.astimezone(find_zone("Asia/Shanghai")).date().replace(day=1)))
    assert (told_.month, told_.visits_and_letters, told_.called_back) == (month, 2, 13)
    assert tasks(home)[("c", "P1")] is TaskState.VISIT, "an alarm, never a silent drop"
