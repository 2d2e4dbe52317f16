"""`dialer simulate`: a forecast from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dialer.policy.case import Case
from dialer.settings import shipped_dir
from dialer.simulation import Callees, read_callees
from tests.unit.office_home import HEADER, dialer, told

NOVEMBER = ("--from", "2026-11-09", "--days", "5", "--seed", "3")


def test_a_forecast_in_both_languages(tmp_path: Path) -> None:
    done = dialer(tmp_path, "simulate", "--tasks", "60", "--at-once", *NOVEMBER)
    assert done.exit_code == 0, done.stderr
    for words in (
        "按期完成率",
        "回访成功率(甲)",
        "回访成功率(乙)",
        "需要线路",
        "每任务拨打次数",
        "未发现违规",
    ):
        assert words in done.output
    english = dialer(tmp_path, "--lang", "en", "simulate", "--tasks", "60", "--at-once", *NOVEMBER)
    for words in ("done within deadline", "success A", "success B", "lines needed", "no rule was broken"):
        assert words in english.output


def test_the_answer_for_a_program(tmp_path: Path) -> None:
    args = ("simulate", "--tasks", "60", "--lines", "7", "--agents", "2", *NOVEMBER, "--json")
    first, again = dialer(tmp_path, *args), dialer(tmp_path, *args)
    assert first.output == again.output, "the same seed, the same answer"
    found = json.loads(first.output)
    assert (found["tasks"], found["start"], found["days"], found["seed"]) == (60, "2026-11-09", 5, 3)
    assert (found["lines"]["given"], found["agents"]["given"]) == (7, 2)
    assert found["checked"] > 60
    assert found["broken"] == 0


def test_a_customer_list(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    rows = [f"P{n},王芳,女,138{n:08d},安心相伴终身寿险,12000,10" for n in range(20)]
    file.write_text("\n".join([HEADER, *rows, rows[0], "P99,王芳,女,no,x,1,1", ""]), encoding="utf-8")
    done = dialer(tmp_path, "simulate", "--tasks", file, *NOVEMBER, "--json")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["tasks"] == 20, "a policy that stands there twice is one task"
    assert found["calls"] >= 20
    assert "第 23 行" in done.stderr


def test_a_broken_rule_ends_with_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Case, "used", lambda self, slot: False)
    done = dialer(tmp_path, "simulate", "--tasks", "60", "--at-once", *NOVEMBER)
    assert done.exit_code == 1
    assert "R43: a second attempt in one slot" in told(done)
    assert "+86" not in done.output


def test_the_installations_settings_count(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.mkdir()
    (config / "callees.toml").write_text("[unanswered]\ndead_share = 1.0\n", encoding="utf-8")
    found = json.loads(dialer(tmp_path, "simulate", "--tasks", "20", *NOVEMBER, "--json").stdout)
    assert set(found["outcomes"]) <= {"unallocated", "trunk_failure"}


def test_the_shipped_model_is_the_default() -> None:
    file = shipped_dir() / "config" / "callees.toml"
    assert read_callees(file) == Callees()
    uncommented = file.read_text(encoding="utf-8").replace("\n# ", "\n")
    for name in ("by_hour", "dead_share", "wants_agent", "spread", "with_hour_share", "workdays", "sellers"):
        assert f"{name} =" in uncommented


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--tasks", "many"), "--tasks"),
        (("--tasks", "0"), "--tasks"),
        (("--tasks", "10", "--from", "2031-01-01"), "no workday"),
        (("--tasks", "10", "--callees", "nowhere.toml"), "nowhere.toml"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, args: tuple[str, ...], words: str) -> None:
    done = dialer(tmp_path, "simulate", *args)
    assert done.exit_code == 2
    assert words in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[reach]\nhard_share = 1.5\n", "hard_share"),
        ("[reach]\nby_hour = { noon = 0.5 }\n", "by_hour"),
        ("[seconds]\nbefore_18x = [4.0, 1.0]\n", "before_18x"),
        ("[taken]\ncompleted = -1\n", "completed"),
        ("[nobody]\nx = 1\n", "nobody"),
        ("[reach]\nunknown = 1\n", "unknown"),
    ],
)
def test_a_wrong_model_is_named_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "model.toml"
    file.write_text(text, encoding="utf-8")
    done = dialer(tmp_path, "simulate", "--tasks", "10", "--callees", file)
    assert done.exit_code == 2
    assert words in done.stderr
    assert "model.toml" in done.stderr
