"""Lists in and out at the command line: do-not-call, waivers, surrenders, contacts."""

from __future__ import annotations

import asyncio
import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from office_home import AT, HEADER, NAMES, NUMBERS, ROWS, dialer, shows_no_number, told
from openpyxl import Workbook, load_workbook

from dialer.campaigning import demonstrate
from dialer.imports import import_customers
from dialer.model import TaskId, TaskState
from dialer.policy.verdict import Decision, Escalate, Refuse
from dialer.store.database import SqlStore
from dialer.storeroom import with_store

BY = ("--by", "王五")


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("lists") / "home"
    asyncio.run(demonstrate(made, "c", "new-policy", AT))
    text = "\n".join((HEADER, *ROWS, ""))
    asyncio.run(import_customers(made, text.encode(), "l.csv", "c", None, AT))
    return made


@pytest.fixture
def home(tmp_path: Path, furnished: Path) -> Path:
    """Two customers of a running campaign."""
    return Path(shutil.copytree(furnished, tmp_path / "home"))


def run(home: Path, *args: str | Path, code: int = 0) -> Any:
    done = dialer(home, *args, "--json")
    assert done.exit_code == code, done.output
    return json.loads(done.output)


def wrote(home: Path, text: str, name: str = "list.csv") -> Path:
    file = home.parent / name
    file.write_text(text, encoding="utf-8")
    return file


def states(home: Path) -> list[TaskState]:
    tasks = asyncio.run(with_store(home, lambda store: store.tasks()))
    return [task.state for task in tasks]


def say(home: Path, task: int, verdict: Escalate | Refuse) -> None:
    async def work(store: SqlStore) -> None:
        await store.record_decision(TaskId(task), Decision(verdict, ()), AT)

    asyncio.run(with_store(home, work))


# --- do-not-call ---------------------------------------------------------------------------------


def test_a_number_on_the_list_is_refused_at_once(home: Path) -> None:
    file = wrote(home, f"电话,原因\n{NUMBERS[0]},客户投诉\n13700000000,\n123,\n")
    found = run(home, "dnc", "import", file, *BY, code=1)
    assert (found["report"], found["bad_rows"]) == ({"added": 2, "known": 0, "tasks": 1}, 1)
    verdict = run(home, "why", "1")["now"]["verdict"]
    assert (verdict["kind"], "禁呼名单" in verdict["why"]) == ("refuse", True)
    listed = dialer(home, "dnc", "list")
    shows_no_number(listed)
    assert "138****5678 客户投诉" in told(listed)
    assert run(home, "dnc", "import", file, *BY, code=1)["report"]["added"] == 0


def test_a_number_comes_off_the_list(home: Path) -> None:
    run(home, "dnc", "import", wrote(home, f"电话\n{NUMBERS[0]}\n"), *BY)
    say(home, 1, Refuse("R19", "不访"))
    assert states(home)[0] is TaskState.EXCLUDED
    assert run(home, "dnc", "remove", NUMBERS[0]) == {"tasks": 1}
    assert states(home) == [TaskState.OPEN, TaskState.OPEN]
    gone = dialer(home, "dnc", "remove", NUMBERS[0])
    assert (gone.exit_code, gone.output) == (2, "dialer: 138****5678 不在禁呼名单内\n")
    assert dialer(home, "dnc", "remove", "x").exit_code == 2


# --- waivers, surrenders -------------------------------------------------------------------------

WAIVERS = "保单号,亲笔签名声明,清楚合同及费用声明,投保人签字,销售人员签字,销售管理部门经理签字,上报日期"


def test_only_waivers_with_three_signatures_exempt(home: Path) -> None:
    file = wrote(home, f"{WAIVERS}\nP1,是,是,王芳,李四,赵六,2026-11-02\nP2,是,是,欧阳娜,,赵六,2026-11-02\n")
    done = dialer(home, "waivers", "import", file, "--campaign", "c", *BY)
    assert done.exit_code == 1
    assert "新增 1,已有 0,涉及任务 1,错误 1 行" in done.output
    assert (
        "第 3 行 销售人员签字: is missing: the waiver exempts only with all three signatures (R19)"
        in done.output
    )
    assert "王芳、李四、赵六" in told(dialer(home, "waivers", "list"))
    assert run(home, "why", "1")["now"]["verdict"]["rule"] == "R19"
    assert run(home, "why", "2")["now"]["verdict"]["rule"] != "R19"
    assert run(home, "waivers", "revoke", "P1", "--campaign", "c") == {"tasks": 0}
    assert run(home, "why", "1")["now"]["verdict"]["rule"] != "R19"
    assert dialer(home, "waivers", "revoke", "P1", "--campaign", "c").exit_code == 2


def test_a_dry_run_of_a_list_stores_nothing(home: Path) -> None:
    file = wrote(
        home, f"{WAIVERS}\nP1,是,是,王芳,李四,赵六,2026-11-02\nP2,否,是,欧阳娜,李四,赵六,2026-11-02\n"
    )
    report = home.parent / "bad.csv"
    done = dialer(home, "waivers", "import", file, "--campaign", "c", "--dry-run", "--report", report, *BY)
    assert "可用 1 行,错误 1 行" in done.output
    assert run(home, "waivers", "list") == []
    rows = list(csv.reader(report.read_text(encoding="utf-8-sig").splitlines()))
    assert rows[1][:2] == ["3", "亲笔签名声明"]


def test_surrendered_policies_are_not_called(home: Path) -> None:
    found = run(home, "surrenders", "import", wrote(home, "保单号,退保日期\nP2,2026-11-01\nP9,\n"), *BY)
    assert found["report"] == {"added": 2, "known": 0, "tasks": 1}
    assert run(home, "why", "2")["now"]["verdict"]["why"].startswith("保单已退保")
    later = f"{HEADER}\nP9,赵敏,女,13600000000,安心相伴终身寿险,12000,10\n"
    asyncio.run(import_customers(home, later.encode(), "l.csv", "c", None, AT))
    assert run(home, "why", "3")["now"]["verdict"]["why"].startswith("保单已退保"), "also what comes later"
    assert [one["policy_no"] for one in run(home, "surrenders", "list")] == ["P2", "P9"]


# --- contacts ------------------------------------------------------------------------------------


def test_numbers_go_out_with_reasons_and_come_back_confirmed(home: Path) -> None:
    say(home, 1, Escalate("contact_refresh", "R22", "号码为空号"))
    say(home, 2, Escalate("contact_refresh", "R24", "第 1 轮已拨满 3 次"))
    out = home.parent / "contacts.xlsx"
    assert run(home, "contacts", "export", out) == {"customers": 2, "file": str(out)}
    assert out.stat().st_mode & 0o077 == 0
    sheet = load_workbook(out).worksheets[0]
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    headings = rows[0]
    one = dict(zip(headings, rows[1], strict=True))
    assert (one["保单号"], one["投保人"], one["原电话"]) == ("P1", NAMES[0], NUMBERS[0])
    assert (one["规则"], one["原因"], one["轮次"]) == ("R22", "号码为空号", "1")
    back = Workbook()
    assert back.active is not None
    for row in rows:
        if row[headings.index("保单号")] == "P1":
            row[headings.index("新电话")] = "13700001111"
        back.active.append(row)
    filled = home.parent / "filled.xlsx"
    back.save(filled)
    found = run(home, "contacts", "import", filled, *BY)
    assert (found["report"]["added"], found["bad_rows"]) == (1, 0)
    assert found["notices"] == ["1 rows without an answer: they wait on"]
    first, second = asyncio.run(with_store(home, lambda store: store.tasks()))
    assert (first.state, first.pass_no, first.phones[0].number.national) == (TaskState.OPEN, 2, "13700001111")
    assert second.state is TaskState.CONTACT_REFRESH
    again = run(home, "contacts", "import", filled, *BY)
    assert again["report"] == {"added": 0, "known": 1, "tasks": 0}


def test_the_old_number_may_be_right_after_all(home: Path) -> None:
    say(home, 1, Escalate("contact_refresh", "R22", "号码为空号"))
    file = wrote(home, "保单号,原号码无误\nP1,是\n")
    assert run(home, "contacts", "import", file, "--campaign", "c", *BY)["report"]["added"] == 1
    task = asyncio.run(with_store(home, lambda store: store.tasks()))[0]
    assert (task.pass_no, task.phones[0].verified) == (2, True)


def test_what_comes_back_wrongly_is_refused_by_row(home: Path) -> None:
    say(home, 1, Escalate("contact_refresh", "R22", "号码为空号"))
    run(home, "dnc", "import", wrote(home, "电话\n13700001111\n", "dnc.csv"), *BY)
    file = wrote(
        home,
        "保单号,新电话\nP1,13700001111\nP2,13700002222\nP9,13700003333\nP1,13700004444\n",
    )
    done = dialer(home, "--lang", "en", "contacts", "import", file, "--campaign", "c", *BY)
    assert done.exit_code == 1
    for line in (
        "row 2 policy_no: P1 the number is on the do-not-call list",
        "row 3 policy_no: P2 isn't waiting for a number",
        "row 4 policy_no: P9 has no task in this campaign",
        "row 5 保单号: is in row 2 already",
    ):
        assert line in done.output
    assert states(home) == [TaskState.CONTACT_REFRESH, TaskState.OPEN]


def test_a_list_of_another_kind_is_not_written(home: Path) -> None:
    done = dialer(home, "contacts", "export", home.parent / "contacts.doc")
    assert (done.exit_code, "name a .csv or .xlsx file" in done.output) == (2, True)
