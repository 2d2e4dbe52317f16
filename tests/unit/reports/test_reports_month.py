"""Judging a month by the settings, and forms that outgrow a sheet or hold what a formula looks like."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest

from dialer.kpi import CallCount, Cause, Dimension, Month, MonthCount, Slice, Tally
from dialer.model import (
    Attempt,
    CallId,
    CallRecord,
    Disposition,
    Phone,
    PhoneNumber,
    Policyholder,
    Task,
    TaskId,
)
from dialer.ports import CallView
from dialer.reports import ReportConfig, Workbook, month_report, sections
from dialer.reports.month import SlotLine

AT = datetime(2026, 11, 1, tzinfo=UTC)
NAMES = {outcome: outcome.value for outcome in Disposition}
EAST = Slice(
    "东", "银代", "年金", "S1", Tally(due=10, successes=9, by_phone=9, by_visit=1, tickets=3, with_ticket=3)
)
WEST = replace(
    EAST, branch="西", tally=Tally(due=10, refused=2, successes=7, by_phone=9, by_letter=1, tickets=1)
)
COUNT = MonthCount(
    Month(date(2026, 10, 1)), "", (EAST, WEST),
    (
        CallCount("2026-10-12/0", Disposition.BUSY, 5),
        CallCount("2026-10-13/0", Disposition.COMPLETED, 3),
        CallCount("2026-10-13/0", Disposition.TRUNK_FAILURE, 50),
        CallCount("2026-10-13/a153000", Disposition.COMPLETED, 2),
    ),
    (Cause("误导", "promised", 3, 1, 3), Cause("缴费", "premium", 1, 0, 0)), 5, 600.0,
)  # fmt: skip


def test_the_goal_and_the_cap() -> None:
    made = month_report(COUNT, ReportConfig(), AT)
    assert made.figures["success_a"] == 16 / 18
    assert (made.goal_reached, made.over_cap) == (False, False), "a tenth exactly is within R8"
    judged = month_report(COUNT, ReportConfig(success_goal=0.88, visit_letter_cap=0.09), AT)
    assert (judged.goal_reached, judged.over_cap) == (True, True)
    (summary, *_) = sections(judged, "zh", NAMES)
    assert summary.rows[-2:] == (("成功率达标", "是"), ("上门及信函比例", "超过上限"))


def test_each_branch_has_its_share_of_all_tickets() -> None:
    made = month_report(COUNT, ReportConfig(), AT)
    assert [(one.name, one.ticket_share) for one in made.by[Dimension.BRANCH]] == [("东", 0.75), ("西", 0.25)]
    assert [(one.category, one.share, one.unsettled) for one in made.causes] == [
        ("误导", 0.75, 2),
        ("缴费", 0.25, 1),
    ]


def test_calls_by_window_leave_out_what_reached_nobody() -> None:
    made = month_report(COUNT, ReportConfig(), AT)
    assert made.slots == (SlotLine("0", 8, 3), SlotLine("a", 2, 2))
    shown = next(one for one in sections(made, "zh", NAMES) if one.title == "拨打时段")
    assert [row[0] for row in shown.rows] == ["时段 1", "预约"]


def test_every_section_has_a_cell_for_each_heading() -> None:
    for lang in ("zh", "en"):
        for section in sections(month_report(COUNT, ReportConfig(), AT), lang, NAMES):
            assert {len(row) for row in section.rows} == {len(section.headings)}, section.title


@pytest.mark.parametrize(
    "wrong", [{"success_goal": 1.1}, {"visit_letter_cap": -0.1}, {"sample_rate": 2.0}, {"sample_floor": -1}]
)
def test_settings_that_make_no_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}: write"):
        ReportConfig(**wrong)  # type: ignore[arg-type]


def a_call(n: int, policy: str = "P1") -> CallView:
    phone = Phone(PhoneNumber.parse("13812345678"))
    task = Task(TaskId(n), "c", policy, Policyholder("王芳"), (phone,), "年金", Decimal(1), 10, "s")
    attempt = Attempt(
        CallId(n), TaskId(n), phone.number, 1, "2026-10-12/0", AT, ended_at=AT, outcome=Disposition.BUSY
    )
    return CallView(attempt, task, CallRecord(CallId(n), TaskId(n), Disposition.BUSY, AT))


def test_a_form_goes_on_on_a_further_sheet(tmp_path: Path) -> None:
    book = Workbook(month_report(COUNT, ReportConfig(), AT), "zh", NAMES, max_rows=4)
    book.add_calls([(a_call(n), False) for n in range(1, 8)])
    book.save(tmp_path / "x.xlsx")
    read = openpyxl.load_workbook(tmp_path / "x.xlsx")
    pages = [name for name in read.sheetnames if name.startswith("客户回访信息记录表")]
    assert pages == ["客户回访信息记录表", "客户回访信息记录表 2", "客户回访信息记录表 3"]
    found = [row[0] for page in pages for row in read[page].values]
    assert found == ["通话编号", 1, 2, 3, "通话编号", 4, 5, 6, "通话编号", 7]


def test_what_looks_like_a_formula_is_text(tmp_path: Path) -> None:
    book = Workbook(month_report(COUNT, ReportConfig(), AT), "zh", NAMES)
    book.add_calls([(a_call(1, "=1+1"), False), (a_call(2, "a\x00b"), False)])
    book.save(tmp_path / "x.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "x.xlsx")["客户回访信息记录表"]
    cells = [row[6] for row in sheet.iter_rows(min_row=2)]
    assert [(cell.data_type, cell.value) for cell in cells] == [("s", "=1+1"), ("s", "ab")]


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    book = Workbook(month_report(COUNT, ReportConfig(), AT), "zh", NAMES)
    (tmp_path / "x.xlsx").mkdir()
    with pytest.raises(OSError, match=r"x\.xlsx"):
        book.save(tmp_path / "x.xlsx")
    assert [one.name for one in tmp_path.iterdir()] == ["x.xlsx"]
