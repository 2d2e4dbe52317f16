"""Calendars of an installation: shown, checked, and a notice put in place."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dialer import app
from dialer.almanac import spans
from dialer.cli import main
from dialer.site import Site

SHIPPED = Path(__file__).parents[2] / "config" / "calendar" / "CN-2026.toml"
NOTICE = """year = 2027
notice = "国办发明电〔2026〕9号"
[holidays]
"元旦" = [2027-01-01, 2027-01-02, 2027-01-03]
"春节" = [2027-02-05, 2027-02-06, 2027-02-07, 2027-02-08, 2027-02-09, 2027-02-10, 2027-02-11]
"劳动节" = [2027-05-01, 2027-05-02, 2027-05-03]
"国庆节" = [2027-10-01, 2027-10-02, 2027-10-03, 2027-10-04, 2027-10-05, 2027-10-06, 2027-10-07]
[workdays]
"春节" = [2027-02-14]
"国庆节" = [2027-10-09]
"""


@pytest.fixture(autouse=True)
def _november(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "system_clock", lambda: datetime.fromisoformat("2026-11-10T10:00:00+08:00"))


def dialer(home: Path, *args: str | Path, lang: str = "en") -> Result:
    return CliRunner().invoke(main, ["--home", str(home), "--lang", lang, "calendar", *map(str, args)])


def notice(folder: Path, text: str = NOTICE) -> Path:
    file = folder / "notice.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_year_is_shown(tmp_path: Path) -> None:
    found = dialer(tmp_path, "show", "2026", lang="zh")
    assert found.exit_code == 0
    assert "2026 年 248 个工作日 (国办发明电〔2025〕7号" in found.output
    assert "2026-02-15 - 2026-02-23" in found.output
    assert "2026-10-10" in found.output
    facts = json.loads(dialer(tmp_path, "show", "--json").output)
    assert (facts["year"], facts["workdays"], facts["make_up"][0]) == (2026, 248, "2026-01-04")
    older = json.loads(dialer(tmp_path, "show", "2025", "--json").output)
    assert (older["workdays"], older["notice"], older["file"]) == (248, "", "")


def test_a_year_without_a_notice_is_not_shown(tmp_path: Path) -> None:
    found = dialer(tmp_path, "show", "2031")
    assert found.exit_code == 2
    assert "CN-2031.toml" in found.stderr


def test_from_november_on_a_missing_year_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = dialer(tmp_path, "check")
    assert found.exit_code == 1
    assert "CN-2027.toml before 1 January" in found.output
    monkeypatch.setattr(app, "system_clock", lambda: datetime.fromisoformat("2026-10-31T10:00:00+08:00"))
    assert dialer(tmp_path, "check").exit_code == 0


def test_a_notice_is_loaded(tmp_path: Path) -> None:
    home = tmp_path / "home"
    found = dialer(home, "add", notice(tmp_path))
    assert found.exit_code == 0, found.output
    assert "2027 has" in found.output
    assert "国办发明电〔2026〕9号" in found.output
    folder = home / "config" / "calendar"
    assert sorted(file.name for file in folder.iterdir()) == ["CN-2026.toml", "CN-2027.toml"]
    calendar = Site(home).calendar
    assert calendar.is_workday(date(2027, 2, 14))
    assert not calendar.is_workday(date(2027, 2, 8))
    assert not calendar.is_workday(date(2026, 10, 7))
    checked = dialer(home, "check", "--json")
    assert checked.exit_code == 0
    assert [one["name"] for one in json.loads(checked.output)] == ["2026", "2027"]
    assert dialer(home, "add", notice(tmp_path)).exit_code == 0, "the same once more"


def test_a_file_in_its_place_is_only_replaced_on_demand(tmp_path: Path) -> None:
    home = tmp_path / "home"
    dialer(home, "add", notice(tmp_path))
    other = notice(tmp_path, NOTICE.replace("2027-10-09", "2027-10-10"))
    found = dialer(home, "add", other)
    assert found.exit_code == 2
    assert "--replace" in found.stderr
    assert Site(home).calendar.is_workday(date(2027, 10, 9))
    found = dialer(home, "add", other, "--replace")
    assert "2027-10-09, 2027-10-10" in found.output
    assert Site(home).calendar.is_workday(date(2027, 10, 10))
    assert dialer(home, "add", other, "--json", "--replace").exit_code == 0


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("notice =", "# notice =", "notice"),
        ("2027-10-09", "2027-10-08", "2027-10-08, no Saturday"),
        ("2027-05-01, ", "", "lacks 2027-05-01"),
        ("year = 2027", "year = 2028", "not in 2028"),
        ("[workdays]", "[workday]", "unknown key"),
    ],
)
def test_a_wrong_notice_changes_nothing(tmp_path: Path, old: str, new: str, words: str) -> None:
    home = tmp_path / "home"
    found = dialer(home, "add", notice(tmp_path, NOTICE.replace(old, new)))
    assert found.exit_code == 2
    assert words in found.stderr
    assert "notice.toml:" in found.stderr
    assert not home.exists()


def test_every_broken_file_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "config" / "calendar"
    folder.mkdir(parents=True)
    (folder / "CN-2026.toml").write_bytes(SHIPPED.read_bytes())
    (folder / "CN-2027.toml").write_text("year = soon\n", encoding="utf-8")
    (folder / "CN-2028.toml").write_text("year = 2028\n", encoding="utf-8")
    found = dialer(tmp_path, "check", "--json")
    assert found.exit_code == 1
    said = [one["detail"] for one in json.loads(found.output)]
    assert len(said) == 2
    assert "CN-2027.toml:1: " in said[0]
    assert "CN-2028.toml:1: name the official notice" in said[1]


def test_adding_needs_an_installation(tmp_path: Path) -> None:
    found = CliRunner().invoke(main, ["calendar", "add", str(notice(tmp_path))], env={"DIALER_HOME": ""})
    assert found.exit_code == 2


def test_runs_of_days() -> None:
    days = tuple(date(2026, 2, day) for day in (1, 2, 3, 7))
    assert spans(days) == [(days[0], days[2]), (days[3], days[3])]
    assert spans(()) == []
