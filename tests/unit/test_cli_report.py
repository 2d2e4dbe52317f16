"""The monthly report as an office sees it: on the screen, as JSON, as a workbook with the three forms."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from office_home import NAMES, dialer, furnish, shows_no_number, told

from dialer.kpi import FIGURES


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Read only: two customers without a deadline, imported and one of them called in November 2026."""
    made = tmp_path_factory.mktemp("site") / "home"
    furnish(made)
    return made


def configured(home: Path, text: str) -> Path:
    (home / "config").mkdir(parents=True)
    (home / "config" / "dialer.toml").write_text(f"[trunk]\nname = 'x'\nhost = '127.0.0.1'\n{text}", "utf-8")
    furnish(home)
    return home


def the_report(home: Path, month: str = "2026-11", *more: str) -> Any:
    found = dialer(home, "report", "month", month, *more, "--json")
    assert found.exit_code == 0, found.output
    return json.loads(found.output)


def test_the_figures_of_the_month(home: Path) -> None:
    made = the_report(home)
    tally = made["tally"]
    # Two imported, one asked through; its answer became a ticket that is still open.
    assert (tally["due"], tally["successes"], made["called_back"]) == (2, 0, 1)
    assert (tally["calls"], tally["answered"], tally["tickets"], tally["settled"]) == (1, 1, 1, 0)
    assert set(made["figures"]) == set(FIGURES)
    assert (made["figures"]["success_b"], made["figures"]["ticket_ratio"]) == (0.0, 1.0)
    assert made["methods"] == {"phone": 1.0, "visit": 0.0, "letter": 0.0, "text": 0.0}
    assert [(one["category"], one["tickets"], one["major"]) for one in made["causes"]] == [
        ("合同未送达", 1, 1)
    ]
    assert made["outcomes"] == {"completed": 1}
    assert made["slots"] == [{"slot": "1", "calls": 1, "answered": 1}]
    assert (made["recordings"], made["talk_s"]) == (1, 90.0)
    assert set(made["by"]) == {"branch", "channel", "product", "seller"}
    assert [one["name"] for one in made["by"]["product"]] == ["安心相伴终身寿险"]


def test_another_month_and_another_campaign_have_nothing(home: Path) -> None:
    for more in (("2026-10",), ("2026-11", "--campaign", "other")):
        made = the_report(home, *more)
        assert (made["tally"]["due"], made["tally"]["calls"], made["called_back"]) == (0, 0, 0)
        assert set(made["figures"].values()) == {None}
        assert made["goal_reached"] is None
    assert the_report(home, "2026-11", "--campaign", "c")["tally"]["due"] == 2


def test_the_screen_is_chinese_first_and_english_on_demand(home: Path) -> None:
    chinese = told(dialer(home, "report", "month", "2026-11"))
    english = told(dialer(home, "--lang", "en", "report", "month", "2026-11", "--by", "product"))
    for line in (
        "客户回访月报 2026-11",
        "应访量 2",
        "回访成功率(乙) 0.00%",
        "电话 1 100.00%",
        "回访完成 1 100.00%",
    ):
        assert line in chinese
    assert "合同未送达 received 1 100.00% 1 1" in chinese
    assert "客户回访统计表 - 中心支公司" in chinese
    assert "险种" not in chinese
    for line in ("call-back report 2026-11", "due 2", "success B 0.00%", "telephone 1 100.00%"):
        assert line in english
    assert "call-back statistics by product" in english
    assert "安心相伴终身寿险 2 0 1 1 0.00% 0.00% 0.00% 100.00% 0.00% 100.00%" in english


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_no_number_and_no_name_is_shown(home: Path, lang: str) -> None:
    for found in (
        dialer(home, "--lang", lang, "report", "month", "2026-11"),
        dialer(home, "--lang", lang, "report", "month", "2026-11", "--json"),
    ):
        assert found.exit_code == 0
        shows_no_number(found)
        assert not [name for name in NAMES if name in found.output]


def test_the_settings_judge_the_month(tmp_path: Path) -> None:
    plain = the_report(configured(tmp_path / "plain", ""))
    assert (plain["tally"]["successes"], plain["goal_reached"], plain["over_cap"]) == (0, False, False)
    assert plain["sample"] == 1
    generous = configured(
        tmp_path / "generous", "[reports]\nopen_ticket_is_success = true\nsuccess_goal = 0.5\n"
    )
    made = the_report(generous)
    assert (made["tally"]["successes"], made["figures"]["success_a"], made["goal_reached"]) == (1, 0.5, True)
    unchecked = configured(tmp_path / "unchecked", "[reports]\nsample_rate = 0.0\nsample_floor = 0\n")
    assert the_report(unchecked)["sample"] == 0
    by_rate = configured(tmp_path / "rate", "[reports]\nsample_rate = 1.0\nsample_floor = 0\n")
    assert the_report(by_rate)["sample"] == 1
    # Nobody was visited: only a cap below nothing could be passed, and visit_letter_cap = -1 is refused.
    wrong = configured_only(tmp_path / "wrong", "[reports]\nvisit_letter_cap = -1\n")
    found = dialer(wrong, "report", "month", "2026-11")
    assert found.exit_code == 2
    assert "visit_letter_cap: write a share from 0 to 1" in found.output


def configured_only(home: Path, text: str) -> Path:
    (home / "config").mkdir(parents=True)
    (home / "config" / "dialer.toml").write_text(text, encoding="utf-8")
    return home


def test_the_workbook_has_the_report_and_the_three_forms(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "november.xlsx"
    found = dialer(home, "report", "month", "2026-11", "--xlsx", file)
    assert found.exit_code == 0
    assert f"已写入 {file}" in "".join(found.output.splitlines())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]
    book = openpyxl.load_workbook(file)
    assert book.sheetnames == ["月报", "客户回访统计表", "客户回访信息记录表", "问题件转办表"]
    records = [
        dict(zip(rows[0], row, strict=True))
        for rows in [list(book["客户回访信息记录表"].values)]
        for row in rows[1:]
    ]
    (call,) = records
    assert (call["通话编号"], call["回访时间"], call["回访对象"]) == (1, "2026-11-10 10:00:00", "王芳")
    assert (call["被叫号码"], call["回访方式"], call["回访人员"]) == ("138****5678", "电话", "自动外呼")
    assert call["回访内容"] == "identity: 是我;received: 没收到"
    assert (call["存在的问题"], call["结果"], call["抽查"]) == ("合同未送达", "回访完成", "是")
    heading, row = book["问题件转办表"].values
    ticket = dict(zip(heading, row, strict=True))
    assert (ticket["问题件编号"], ticket["保单号"], ticket["类别"]) == (1, "P1", "合同未送达")
    assert (ticket["转办部门"], ticket["录音位置(秒)"], ticket["上报领导小组"]) == (
        "契约、客服",
        "23.5",
        "是",
    )
    assert ticket["经办人"] is None
    figures = {row[0]: row[1] for row in book["月报"].values}
    assert (figures["应访量"], figures["问题件比率"]) == (2, 1)
    assert any(row[0] == "安心相伴终身寿险" for row in book["客户回访统计表"].values)


def test_the_workbook_in_english(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "november.xlsx"
    assert dialer(home, "--lang", "en", "report", "month", "2026-11", "--xlsx", file, "--json").exit_code == 0
    book = openpyxl.load_workbook(file)
    assert book.sheetnames == ["report", "call-back statistics", "call-back records", "tickets handed on"]
    assert next(book["call-back records"].values)[:3] == ("call", "time", "method")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("2026-13",), "write it as 2026-10"),
        (("October",), "write it as 2026-10"),
        (("2026-11", "--xlsx", "/nowhere/at/all.xlsx"), "没有目录 /nowhere/at"),
    ],
)
def test_a_mistake_is_one_line(home: Path, args: tuple[str, ...], words: str) -> None:
    found = dialer(home, "report", "month", *args)
    assert found.exit_code == 2
    assert found.output.startswith("dialer: ")
    assert found.output.count("\n") == 1
    assert words in found.output


def test_an_installation_without_a_database_is_said(tmp_path: Path) -> None:
    found = dialer(tmp_path / "empty", "report", "month", "2026-11")
    assert found.exit_code == 2
    assert "no database" in found.output
