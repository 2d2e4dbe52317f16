"""The commands, as somebody at a terminal sees them."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from office_home import AT, HEADER, LIST, NAMES, ROWS, dialer, furnish, shows_no_number, told

from dialer import app
from dialer.campaigning import demonstrate
from dialer.sip import lines
from dialer.site import node_lock

SHIPPED = Path(__file__).parents[2] / "config" / "dialer.toml"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Read only."""
    made = tmp_path_factory.mktemp("site") / "home"
    furnish(made)
    return made


def configured(home: Path, *changes: tuple[str, str]) -> Path:
    """An own dialer.toml with these replacements."""
    text = SHIPPED.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    (home / "config").mkdir(parents=True, exist_ok=True)
    (home / "config" / "dialer.toml").write_text(text, encoding="utf-8")
    return home


# -- import -----------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_a_list_is_imported_once(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "list.csv"
    file.write_bytes(LIST.encode(encoding))
    first = dialer(tmp_path / "home", "import", file)
    waiting = "暂不拨打:回访项目 new-policy 没有经审批的版本(dialer campaign) "
    assert (first.exit_code, told(first)) == (0, f"导入 2 行,重复 0 行,错误 0 行 {waiting}")
    again = dialer(tmp_path / "home", "--lang", "en", "import", file)
    assert (again.exit_code, told(again)) == (
        0,
        "0 imported, 2 duplicates, 0 bad rows"
        " nobody of it is called yet: campaign new-policy has no approved version (dialer campaign) ",
    )
    assert "王*" in told(dialer(tmp_path / "home", "tasks"))


def test_good_rows_go_in_and_bad_rows_are_named(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text(
        "\n".join((HEADER, ROWS[0], "P8,李四,男,123,安心,1,10", ROWS[1], "P9,,男,,,x,10")), "utf-8"
    )
    report = tmp_path / "bad.csv"
    found = dialer(tmp_path / "home", "--lang", "en", "import", file, "--report", report)
    assert found.exit_code == 1
    lines = found.output.splitlines()
    assert lines[0].startswith("2 imported, 0 duplicates, 2 bad rows")
    assert any(line.startswith("row 3 电话: not a mainland number") for line in lines)
    assert {line.split()[1] for line in lines if line.startswith("row")} == {"3", "5"}
    text = report.read_text(encoding="utf-8-sig")
    assert "3" in text
    assert "电话" in text
    chinese = dialer(tmp_path / "home", "import", file)
    assert "第 3 行 电话: " in chinese.output


def test_an_import_as_json(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text(f"{HEADER},爱好\n{ROWS[0]},钓鱼\nP8,李四,男,123,安心,1,10,\n", encoding="utf-8")
    found = dialer(tmp_path / "home", "import", file, "--json")
    data = json.loads(found.output)
    assert data["report"]["accepted"] == 1
    assert [(bad["row"], bad["column"]) for bad in data["report"]["errors"]] == [(3, "电话")]
    assert ["爱好" in notice for notice in data["notices"]] == [True]
    assert found.exit_code == 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", ""),
        (b"\xff\xfe\x00\x01\x02" * 20, ""),
        ("姓名,电话\n王,1\n".encode(), "missing"),
    ],
)
def test_an_unreadable_list_is_one_line_and_stores_nothing(tmp_path: Path, data: bytes, words: str) -> None:
    file = tmp_path / "list.csv"
    file.write_bytes(data)
    found = dialer(tmp_path / "home", "import", file)
    assert found.exit_code == 2
    assert found.output.startswith("dialer: ")
    assert found.output.count("\n") == 1
    assert words in found.output
    assert not (tmp_path / "home" / "dialer.sqlite").exists()


def test_a_script_that_does_not_exist_is_refused_before_anything_is_stored(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text(LIST, encoding="utf-8")
    found = dialer(tmp_path / "home", "import", file, "--script", "nonsense")
    assert found.exit_code == 2
    assert "no script 'nonsense'; known: " in found.output
    assert not (tmp_path / "home" / "dialer.sqlite").exists()


def test_a_form_that_does_not_exist_is_refused_before_anything_is_stored(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text(LIST, encoding="utf-8")
    found = dialer(tmp_path / "home", "import", file, "--script", "new-policy/longer")
    assert found.exit_code == 2
    assert "no such script: 'new-policy/longer'" in found.output
    assert not (tmp_path / "home" / "dialer.sqlite").exists()


def test_a_report_that_cannot_be_written_is_said_before_anything_is_stored(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text(LIST, encoding="utf-8")
    report = tmp_path / "nowhere" / "bad.csv"
    found = dialer(tmp_path / "home", "import", file, "--report", report)
    assert found.exit_code == 2
    assert found.output == f"dialer: {report}: No such file or directory\n"
    assert not (tmp_path / "home" / "dialer.sqlite").exists()


def test_why_of_a_task_that_no_daemon_has_seen(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text(LIST, encoding="utf-8")
    dialer(tmp_path / "home", "import", file, "--script", "new-policy/short")
    assert "尚未对该任务作出判定" in dialer(tmp_path / "home", "why", "1").output
    assert "has decided nothing" in dialer(tmp_path / "home", "--lang", "en", "why", "1").output
    found = json.loads(dialer(tmp_path / "home", "why", "1", "--json").output)
    assert found["decisions"] == []
    assert found["now"]["verdict"]["kind"] in ("dial", "wait", "refuse")


def test_why_tells_of_a_number_that_no_trunk_may_dial(tmp_path: Path) -> None:
    home = configured(tmp_path / "home", ('allow = ["mobile", "geographic"]', 'allow = ["geographic"]'))
    file = tmp_path / "list.csv"
    file.write_text(LIST, encoding="utf-8")
    asyncio.run(demonstrate(home, "new-policy", "new-policy/short", AT))
    dialer(home, "import", file)
    verdict = json.loads(dialer(home, "why", "1", "--json").output)["now"]["verdict"]
    assert (verdict["kind"], verdict["rule"]) == ("refuse", "DESTINATION")
    assert "手机不在任何线路的允许范围内" in verdict["why"]


@pytest.mark.parametrize("command", ["show", "why"])
@pytest.mark.parametrize("number", ["x", str(10**30), "1.5"])
def test_what_is_no_number_of_a_call_or_task_is_said(home: Path, command: str, number: str) -> None:
    found = dialer(home, command, number)
    assert found.exit_code == 2
    assert "Invalid value for" in found.output


@pytest.mark.parametrize("command", [("import", "list.csv"), ("run",), ("demo",)])
def test_a_home_that_cannot_be_made_is_one_line(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "list.csv").write_text(LIST, encoding="utf-8")
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    home = tmp_path / "file" / "home"
    found = dialer(home, command[0], *(tmp_path / name for name in command[1:]))
    assert found.exit_code == 2
    assert found.output == f"dialer: {home}: Not a directory\n"


def test_the_campaign_and_form_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text(LIST, encoding="utf-8")
    dialer(tmp_path / "h", "import", file, "--campaign", "autumn", "--script", "new-policy/short")
    tasks = json.loads(dialer(tmp_path / "h", "tasks", "--json").output)
    assert {(task["campaign"], task["script"]) for task in tasks} == {("autumn", "new-policy/short")}


# -- looking things up ------------------------------------------------------------------------


def test_the_tasks(home: Path) -> None:
    chinese, english = dialer(home, "tasks"), dialer(home, "--lang", "en", "tasks")
    assert "任务 保单号 投保人 电话 产品 状态" in told(chinese)
    assert "1 P1 王* 138****5678 安心相伴终身寿险 已回访" in told(chinese)
    assert "2 P2 欧** 139****5432 安心相伴终身寿险 待回访" in told(chinese)
    assert "task policy policyholder phone product state" in told(english)
    assert "1 P1 王* 138****5678 安心相伴终身寿险 done" in told(english)


def test_the_calls(home: Path) -> None:
    expected = "1 1 2026-11-10 10:00:00 138****5678 2026-11-10/1"
    chinese, english = told(dialer(home, "calls")), told(dialer(home, "--lang", "en", "calls"))
    assert (
        f"{expected} 回访完成 the script was asked to its end 90.0s 2026/11/10/00000001-100008.wav" in chinese
    )
    assert f"{expected} completed " in english


def test_the_tickets(home: Path) -> None:
    chinese, english = told(dialer(home, "tickets")), told(dialer(home, "--lang", "en", "tickets"))
    assert "问题件 通话 类别 部门" in chinese
    assert "1 1 合同未送达 契约、客服 received 没收到 23.5s 是 是 2026-11-13 10:01:38 open" in chinese
    assert "ticket call category departments question" in english
    assert "23.5s yes yes" in english


def test_what_superiors_and_reminders_look_for(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """R55, R91: the grave ones; R18, R89: those for the steering group; R71: what is late."""

    def listed(*words: str, at: datetime = AT) -> int:
        monkeypatch.setattr(app, "system_clock", lambda: at)
        return len(json.loads(dialer(home, "tickets", *words, "--json").output))

    assert listed("--major") == listed("--escalated") == listed("--major", "--escalated") == 1
    assert listed("--overdue") == 0
    assert listed("--overdue", at=AT + timedelta(days=4)) == 1
    with sqlite3.connect(home / "dialer.sqlite") as database:
        database.execute("UPDATE tickets SET major = 0, escalated = 0, status = 'closed'")
    database.close()
    assert listed("--major") == listed("--escalated") == listed("--overdue", at=AT + timedelta(days=4)) == 0
    assert listed() == 1


def test_the_timeline_of_a_call(home: Path) -> None:
    chinese, english = told(dialer(home, "show", "1")), told(dialer(home, "--lang", "en", "show", "1"))
    for line in (
        "2026-11-10 10:00:00 呼出 138****5678",
        "2026-11-10 10:00:03 振铃",
        "2026-11-10 10:00:08 接听",
        "4.5-5.3s identity #1 是我 是 0.97 asr",
        "23.5-24.8s received #2 没收到 否 0.91 asr 没收到",
        "2026-11-10 10:01:38 挂机 回访完成",
    ):
        assert line in chinese
    positions = [chinese.index(word) for word in ("呼出", "振铃", "接听", "identity", "received", "挂机")]
    assert positions == sorted(positions)
    assert "23.5-24.8s received #2 没收到 N 0.91" in english


def test_why_a_task_is_called_or_not(home: Path) -> None:
    done = told(dialer(home, "why", "1"))
    assert "2026-11-10 10:00:00 拨打 138****5678 R44 第 1 轮第 1 次拨打" in done
    assert "任务已完成回访(R10) 任务已结束。" in done
    chinese, english = told(dialer(home, "why", "2")), told(dialer(home, "--lang", "en", "why", "2"))
    assert "2026-11-10 10:00:00 等待至 2026-11-10 14:00 R44 现在不在可呼叫时段" in chinese
    assert "时间 事件 规则 说明" in chinese
    assert "time event rule why" in english
    assert "2026-11-10 10:00:00 wait until 2026-11-10 14:00 R44 on workdays, inside the windows" in english


@pytest.mark.parametrize(
    "command", [("tasks",), ("calls",), ("tickets",), ("show", "1"), ("why", "1"), ("why", "2")]
)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_no_command_shows_a_number(home: Path, command: tuple[str, ...], lang: str) -> None:
    table = dialer(home, "--lang", lang, *command)
    as_json = dialer(home, "--lang", lang, *command, "--json")
    for found in (table, as_json):
        assert found.exit_code == 0
        shows_no_number(found)
    for name in NAMES:
        assert name not in table.output
    assert json.loads(as_json.output)


def test_json_has_what_the_tables_have(home: Path) -> None:
    (call,) = json.loads(dialer(home, "calls", "--json").output)
    assert call["attempt"]["number"] == "138****5678"
    assert call["attempt"]["outcome"] == "completed"
    assert call["record"]["recording"]["sha256"] == "ab" * 32
    shown = json.loads(dialer(home, "show", "1", "--json").output)
    assert [answer["answer_class"] for answer in shown["record"]["answers"]] == ["Y", "N"]
    (ticket,) = json.loads(dialer(home, "tickets", "--json").output)
    assert ticket["departments"] == ["契约", "客服"]
    why = json.loads(dialer(home, "why", "1", "--json").output)
    assert why["task"] == 1
    assert why["now"]["verdict"]["kind"] == "refuse"
    assert why["decisions"][0][1]["verdict"]["number"] == "138****5678"
    assert why["decisions"][0][1]["verdict"]["kind"] == "dial"


@pytest.mark.parametrize(
    ("command", "zh", "en"),
    [
        (("show", "77"), "没有编号为 77 的通话", "no call 77: `dialer calls` lists them"),
        (("why", "77"), "no task 77", "no task 77: `dialer tasks` lists them"),
    ],
)
def test_what_is_not_there_is_said(home: Path, command: tuple[str, str], zh: str, en: str) -> None:
    for lang, words in (("zh", zh), ("en", en)):
        found = dialer(home, "--lang", lang, *command)
        assert found.exit_code == 2
        assert found.output.startswith("dialer: ")
        assert words in found.output


@pytest.mark.parametrize("command", ["tasks", "calls", "tickets"])
def test_a_folder_without_customers_says_what_to_do(tmp_path: Path, command: str) -> None:
    found = dialer(tmp_path / "nothing", command)
    assert found.exit_code == 2
    assert "import customers first, or check --home" in found.output
    assert not (tmp_path / "nothing").exists()


# -- answer -----------------------------------------------------------------------------------


def test_an_answer_is_classed(tmp_path: Path) -> None:
    found = dialer(tmp_path, "answer", "POS", "没", "收到")
    assert (found.exit_code, found.output) == (0, "POS\t没收到\tN\n")


def test_answers_as_json(tmp_path: Path) -> None:
    file = tmp_path / "answers.tsv"
    file.write_text("BAD\t没有\n", encoding="utf-8")
    expected = {"kind": "BAD", "phrase": "没有", "class": "N"}
    for words in (("BAD", "没有"), ("--tsv", str(file))):
        assert json.loads(dialer(tmp_path, "answer", "--json", *words).output) == [expected]


def test_an_answer_is_explained_clause_by_clause(tmp_path: Path) -> None:
    shown = dialer(tmp_path, "answer", "POS", "是的,没收到", "--why").output
    assert "POS 否 ← 没收到" in shown
    assert "同意,按问题的字面" in shown
    told = dialer(tmp_path, "--lang", "en", "answer", "POS", "是的,没收到", "--why").output
    assert "POS N ← 没收到" in told
    assert "not received" in told
    made = json.loads(dialer(tmp_path, "answer", "POS", "是的,没收到", "--why", "--json").output)
    assert (made["answer_class"], made["decided_by"]) == ("N", "没收到")
    assert [one["words"] for one in made["because"]] == ["是的", "没收到"]


@pytest.mark.parametrize("words", [(), ("POS",), ("MAYBE", "是")])
def test_a_wrong_use_of_answer_names_the_kinds(tmp_path: Path, words: tuple[str, ...]) -> None:
    found = dialer(tmp_path, "answer", *words)
    assert found.exit_code == 2
    assert "POS KNOW BAD LEFT NEG CONS IDENTITY" in found.output


def test_a_file_of_answers(tmp_path: Path) -> None:
    file = tmp_path / "answers.tsv"
    file.write_text("\ufeffPOS\t收到了\tY\n\nBAD\t没有\nIDENTITY\t打错了\n", encoding="utf-8")
    found = dialer(tmp_path, "answer", "--tsv", file)
    assert found.exit_code == 0
    assert found.output.splitlines() == ["POS\t收到了\tY", "BAD\t没有\tN", "IDENTITY\t打错了\tWRONG"]


@pytest.mark.parametrize("bad", ["WHAT\t是", "POS", "是\tPOS"])
def test_a_bad_line_is_named_with_its_number(tmp_path: Path, bad: str) -> None:
    file = tmp_path / "answers.tsv"
    file.write_text(f"POS\t是\n\n{bad}\n", encoding="utf-8")
    found = dialer(tmp_path, "answer", "--tsv", file)
    assert found.exit_code == 2
    assert f"{file}:3: write KIND<TAB>PHRASE" in found.output
    assert "POS\t是" not in found.output


def test_a_file_of_answers_in_another_encoding(tmp_path: Path) -> None:
    file = tmp_path / "answers.tsv"
    file.write_bytes("POS\t收到了\n".encode("gbk"))
    found = dialer(tmp_path, "answer", "--tsv", file)
    assert found.exit_code == 2
    assert "can't be read as UTF-8" in found.output


# -- doctor -----------------------------------------------------------------------------------


@pytest.fixture
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "_PROBE_S", 0.05)


def checks(home: Path) -> dict[str, tuple[bool, str]]:
    found = dialer(home, "doctor", "--json")
    made = {check["name"]: (check["ok"], check["detail"]) for check in json.loads(found.output)}
    assert found.exit_code == (0 if all(ok for ok, _ in made.values()) else 1)
    return made


@pytest.mark.usefixtures("no_patience")
def test_the_trunks_and_whether_they_answer(tmp_path: Path) -> None:
    second = """
[[trunks]]
name = "line-2"
host = "127.0.0.1"
port = 9
type = "register"
username = "u77"
priority = 2
cps = 5.0
"""
    home = configured(
        tmp_path, ("\nport = 0", "\nport = 9"), ("# Our SIP socket", second + "\n# Our SIP socket")
    )
    found = dialer(home, "trunks", "--json")
    assert found.exit_code == 1
    first, line = json.loads(found.output)
    assert (first["name"], first["place"], first["alive"], first["code"]) == (
        "trunk-1",
        "127.0.0.1:9",
        False,
        0,
    )
    assert (line["name"], line["type"], line["priority"], line["cps"]) == ("line-2", "register", 2, 5.0)
    assert "u77" not in found.output
    chinese, english = told(dialer(home, "trunks")), told(dialer(home, "--lang", "en", "trunks"))
    assert "无应答" in chinese
    assert "专线" in chinese
    assert "no answer" in english
    assert "register" in english


@pytest.mark.usefixtures("no_patience")
def test_the_doctor_finds_a_shipped_installation_fit_but_for_its_trunk(tmp_path: Path) -> None:
    home = configured(tmp_path, ("\nport = 0", "\nport = 9"))
    found = checks(home)
    assert [name for name, (ok, _) in found.items() if not ok] == ["trunk trunk-1"]
    assert "127.0.0.1:9" in found["trunk trunk-1"][1]
    assert set(found) == {
        "config", "campaigns", "calendar", "model", "prompts", "disk", "archive", "backup", "database",
        "trunk trunk-1",
    }  # fmt: skip
    table = dialer(home, "--lang", "en", "doctor")
    assert "check result detail" in told(table)
    assert table.exit_code == 1


@pytest.mark.usefixtures("no_patience")
def test_the_doctor_names_a_backup_that_is_missing(tmp_path: Path) -> None:
    home = configured(tmp_path, ("\nport = 0", "\nport = 9"), ("# folder = ", "folder = "))
    assert checks(home)["backup"] == (
        False, "there is no backup yet: dialer backup make, and look into the log",
    )  # fmt: skip
    file = home / "config" / "dialer.toml"
    file.write_text(file.read_text().replace("/var/backups/huifang", "backups"))
    folder = home / "backups"
    folder.write_text("a disk that is gone")
    assert checks(home)["backup"] == (False, f"{folder}: can't be looked at: Not a directory")


@pytest.mark.usefixtures("no_patience")
def test_the_doctor_names_a_missing_model_and_prompts(tmp_path: Path) -> None:
    home = configured(
        tmp_path,
        ('# model_dir = "models/vosk-model-small-cn-0.22"', 'model_dir = "models/none"'),
        ('engine = "bundled"', 'engine = "vosk"'),
        ('# synthetic = "config/prompts/synthetic"', 'synthetic = "nowhere"'),
    )
    found = checks(home)
    assert not found["model"][0]
    assert str(home / "models" / "none") in found["model"][1]
    assert not found["prompts"][0]
    assert "run `dialer prompts build`" in found["prompts"][1]
    missing = dialer(home, "prompts", "missing")
    assert json.loads(dialer(home, "prompts", "missing", "--json").output) == missing.output.splitlines()
    assert missing.exit_code == 1
    assert "客户回访转接，接听请按一" in missing.output.splitlines()


@pytest.mark.usefixtures("no_patience")
def test_a_keys_only_installation_needs_no_model(tmp_path: Path) -> None:
    home = configured(
        tmp_path,
        ('engine = "bundled"', 'engine = "dtmf"'),
        ('# model_dir = "models/vosk-model-small-cn-0.22"', 'model_dir = "models/none"'),
    )
    assert checks(home)["model"] == (True, "keys only")


def test_the_doctor_says_where_the_configuration_is_broken(tmp_path: Path) -> None:
    home = configured(tmp_path, ("ring_s = 20.0", "ring_s = 10.0"))
    found = checks(home)
    assert list(found) == ["config"]
    ok, detail = found["config"]
    assert not ok
    assert detail.startswith(f"{home}/config/dialer.toml:")
    assert "R41" in detail


@pytest.mark.usefixtures("no_patience")
def test_the_doctor_finds_a_broken_database_and_a_full_disk(tmp_path: Path) -> None:
    home = configured(tmp_path, ("min_free_bytes = 1_000_000_000", "min_free_bytes = 1_000_000_000_000_000"))
    (home / "dialer.sqlite").write_bytes(b"this is no database" * 100)
    found = checks(home)
    assert not found["database"][0]
    assert str(home / "dialer.sqlite") in found["database"][1]
    assert not found["disk"][0]


# -- run --------------------------------------------------------------------------------------


def run(home: Path, *args: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "dialer.cli", "--home", str(home), "run", *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environ, check=False)


def test_run_without_a_model_is_one_line(tmp_path: Path) -> None:
    home = configured(
        tmp_path,
        ("bind_port = 5060", "bind_port = 0"),
        ('# model_dir = "models/vosk-model-small-cn-0.22"', 'model_dir = "models/none"'),
        ('engine = "bundled"', 'engine = "vosk"'),
        ('log_level = "INFO"', 'log_level = "ERROR"'),
    )
    found = run(home)
    assert found.returncode == 2
    assert found.stdout == ""
    assert found.stderr.count("\n") == 1
    assert found.stderr.startswith("dialer: ")
    assert str(home / "models" / "none") in found.stderr


@pytest.fixture
def usual_logging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """``run`` sets logging and the event loop up for the whole process."""
    root = logging.getLogger("dialer")
    before = (root.handlers[:], root.level, root.propagate)
    monkeypatch.setattr(app, "use_fast_loop", lambda: None)
    yield
    root.handlers[:], root.level, root.propagate = before


@pytest.mark.usefixtures("usual_logging")
@pytest.mark.parametrize("host", ["sip.carrier.example", "192.0.2.1", "localhost.example", "0.0.0.0"])
def test_a_set_clock_and_a_real_trunk_do_not_go_together(tmp_path: Path, host: str) -> None:
    home = configured(tmp_path, ('host = "127.0.0.1"', f'host = "{host}"'))
    found = dialer(home, "run", "--clock", "2026-11-10T10:00:00+0800")
    assert found.exit_code == 2
    assert found.stderr.count("\n") == 1
    assert "--clock works only with a trunk on a loopback address" in found.stderr
    assert not (home / "dialer.sqlite").exists()


@pytest.mark.usefixtures("usual_logging")
def test_run_on_a_broken_configuration_is_one_line(tmp_path: Path) -> None:
    found = dialer(configured(tmp_path, ("cps = 2.0", "cps = 0")), "run")
    assert found.exit_code == 2
    assert found.stderr.startswith(f"dialer: {tmp_path}/config/dialer.toml:")
    assert found.stderr.count("\n") == 1
    assert "cps" in found.stderr


@pytest.mark.usefixtures("usual_logging")
def test_run_without_a_clip_is_one_line(tmp_path: Path) -> None:
    home = configured(tmp_path, ('# synthetic = "config/prompts/synthetic"', 'synthetic = "nowhere"'))
    found = dialer(home, "run")
    assert found.exit_code == 2
    assert found.stderr.count("\n") == 1
    assert "run `dialer prompts build`" in found.stderr


@pytest.mark.usefixtures("usual_logging")
def test_a_second_daemon_is_one_line(tmp_path: Path) -> None:
    with node_lock(tmp_path):
        found = dialer(tmp_path, "run")
    assert found.exit_code == 2
    assert f"another daemon runs on {tmp_path} (process {os.getpid()}): stop it first" in found.stderr


def test_help_speaks_both_languages() -> None:
    found = dialer(Path("unused"), "--help")
    assert found.exit_code == 0
    for words in ("import", "run the daemon", "启动外呼服务", "why a task is or isn't called"):
        assert words in found.output
