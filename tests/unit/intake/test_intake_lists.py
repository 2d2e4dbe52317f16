"""The smaller lists: what counts, and what is refused with its row."""

from __future__ import annotations

import io
from datetime import date
from typing import TypeVar

import pytest
from openpyxl import Workbook

from dialer.errors import ImportFileError
from dialer.intake import (
    IntakeConfig,
    contact_list,
    do_not_call_list,
    read_customers,
    surrender_list,
    waiver_list,
)
from dialer.intake.reader import ListReader
from dialer.listings import DoNotCall, Exemption, ExemptionKind
from dialer.model import PhoneNumber

T = TypeVar("T")

CONFIG = IntakeConfig()
TODAY = date(2026, 11, 10)
NUMBER, OTHER = PhoneNumber.parse("13812345678"), PhoneNumber.parse("010-65123456")
WAIVERS = "保单号,亲笔签名声明,清楚合同及费用声明,投保人签字,销售人员签字,销售管理部门经理签字,上报日期"


def read(reader: ListReader[T]) -> tuple[list[T], list[tuple[int, str]]]:
    """Good values; (row, column) of what is wrong."""
    values: list[T] = []
    wrong: list[tuple[int, str]] = []
    for reading in reader:
        wrong += [(error.row, error.column) for error in reading.errors]
        if reading.value is not None:
            values.append(reading.value)
    return values, wrong


def test_numbers_that_nobody_dials() -> None:
    text = "号码,电话,原因\n1,13812345678;010-65123456,投诉\n2,123,\n3,,\n"
    values, wrong = read(do_not_call_list(text.encode(), "dnc.csv", CONFIG))
    assert values == [(DoNotCall(NUMBER, "投诉"), DoNotCall(OTHER, "投诉"))]
    assert wrong == [(3, "电话"), (4, "电话")]


def waivers(*rows: str, campaign: str = "new-policy", header: str = WAIVERS) -> ListReader[Exemption]:
    return waiver_list("\n".join((header, *rows)).encode(), "w.csv", CONFIG, campaign, TODAY)


def test_a_waiver_with_all_three_signatures() -> None:
    values, wrong = read(waivers("P1,是,是,王芳,李四,赵六,2026-11-02"))
    assert wrong == []
    assert values == [
        Exemption(ExemptionKind.WAIVER, "P1", "new-policy", date(2026, 11, 2), ("王芳", "李四", "赵六"))
    ]


@pytest.mark.parametrize(
    ("row", "columns"),
    [
        ("P1,是,是,,李四,赵六,2026-11-02", ["投保人签字"]),
        ("P1,是,是,王芳,无,赵六,2026-11-02", ["销售人员签字"]),
        ("P1,是,是,王芳,李四,否,2026-11-02", ["销售管理部门经理签字"]),
        ("P1,否,是,王芳,李四,赵六,2026-11-02", ["亲笔签名声明"]),
        ("P1,是,,王芳,李四,赵六,2026-11-02", ["清楚合同及费用声明"]),
        ("P1,是,是,王芳,李四,赵六,", ["上报日期"]),
        ("P1,是,是,王芳,李四,赵六,2026-11-11", ["上报日期"]),
        ("P1,是,是,,,,", ["投保人签字", "销售人员签字", "销售管理部门经理签字", "上报日期"]),
        (",是,是,王芳,李四,赵六,2026-11-02", ["保单号"]),
    ],
)
def test_a_waiver_that_lacks_anything_is_refused_with_its_row(row: str, columns: list[str]) -> None:
    values, wrong = read(waivers("P0,是,是,王芳,李四,赵六,2026-11-02", row))
    assert len(values) == 1
    assert wrong == [(3, column) for column in columns]


def test_a_list_without_a_signature_column_is_no_list_of_waivers() -> None:
    with pytest.raises(ImportFileError, match=r"sales_manager \(销售管理部门经理签字"):
        waivers(header=WAIVERS.replace("销售管理部门经理签字,", ""))


def test_a_waiver_belongs_to_a_campaign() -> None:
    _, wrong = read(waivers("P1,是,是,王芳,李四,赵六,2026-11-02", campaign=""))
    assert wrong == [(2, "campaign")]
    values, _ = read(waivers("P1,是,是,王芳,李四,赵六,2026-11-02,claims", header=f"{WAIVERS},回访项目"))
    assert [one.campaign for one in values] == ["claims"]


def test_surrenders() -> None:
    text = "保单号,退保日期\nP1,2026-11-03\nP2,\nP1,\nP3,soon\n"
    values, wrong = read(surrender_list(text.encode(), "s.csv", CONFIG, ""))
    assert values == [
        Exemption(ExemptionKind.SURRENDER, "P1", "", date(2026, 11, 3)),
        Exemption(ExemptionKind.SURRENDER, "P2"),
    ]
    assert wrong == [(4, "保单号"), (5, "退保日期")]


def test_what_comes_back_about_numbers() -> None:
    text = (
        "回访项目,保单号,投保人,原电话,新电话,原号码无误\n"
        "c,P1,王芳,13812345678,010-65123456,\n"
        "c,P2,王芳,13812345678,,是\n"
        "c,P3,王芳,13812345678,,\n"
        ",P4,王芳,13812345678,13812345678,\n"
        "c,P5,王芳,13812345678,1,\n"
    )
    reader = contact_list(text.encode(), "c.csv", CONFIG, "")
    values, wrong = read(reader)
    assert [(one.policy_no, one.phones, one.old_confirmed) for one in values] == [
        ("P1", (OTHER,), False),
        ("P2", (), True),
        ("P3", (), False),
    ]
    assert wrong == [(5, "回访项目"), (6, "新电话")]
    assert reader.sheet.notices == (), "the columns of our own export are no surprise"


# --- sheets and titles ---------------------------------------------------------------------------


def book(*sheets: list[list[object]]) -> bytes:
    made = Workbook()
    made.remove(made.worksheets[0])
    for number, rows in enumerate(sheets, 1):
        sheet = made.create_sheet(f"表{number}")
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


HEADER: list[object] = ["保单号", "投保人", "电话", "产品", "保费", "缴费年限"]
ROW: list[object] = ["P1", "王芳", "13812345678", "A", 1, 1]


def test_a_title_and_a_second_sheet_are_told() -> None:
    data = book([["清单"], [], HEADER, ROW], [["备注"]], [])
    found = read_customers(data, "l.xlsx", campaign="c", script="s")
    assert [task.policy_no for task in found.tasks] == ["P1"]
    assert found.notices == (
        "row 1 above the headings: not read",
        "only the first sheet '表1' is read; not read: '表2'",
    )


def test_a_list_on_the_second_sheet_is_not_mistaken_for_none() -> None:
    with pytest.raises(ImportFileError, match=r"missing.*is the list on '表2'"):
        read_customers(book([["目录"]], [HEADER, ROW]), "l.xlsx", campaign="c", script="s")


def test_a_broken_package_is_found_before_the_first_row() -> None:
    data = bytearray(book([HEADER, *([ROW] * 2000)]))
    data[len(data) // 3] ^= 0xFF
    with pytest.raises(ImportFileError, match="not a readable xlsx"):
        read_customers(bytes(data), "l.xlsx", campaign="c", script="s")


def test_headings_in_the_eleventh_row_are_too_far_down() -> None:
    lines = [f"title {n}" for n in range(10)]
    text = "\n".join([*lines, ",".join(map(str, HEADER))])
    with pytest.raises(ImportFileError, match="missing"):
        read_customers(text.encode(), "l.csv", campaign="c", script="s")
