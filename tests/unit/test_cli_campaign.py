"""``dialer campaign`` as its author, its approver and an auditor use it."""

from __future__ import annotations

import asyncio
import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from office_home import AT, LIST, dialer, furnish, told

from dialer.campaigning import Person, Steps
from dialer.imports import import_customers
from dialer.model import CallId, Disposition
from dialer.ports import CallView
from dialer.site import Site
from dialer.store import SqlStore
from dialer.storeroom import with_store

AUTHOR, APPROVER = ("--by", "张三"), ("--by", "李四")


def ok(home: Path, *args: str | Path) -> Any:
    """The command's JSON; it must succeed."""
    done = dialer(home, *args, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def refused(home: Path, *args: str | Path) -> str:
    done = dialer(home, *args)
    assert done.exit_code == 2, done.output
    assert done.output.startswith("dialer: ")
    assert done.output.count("\n") == 1
    return done.output


def complete(home: Path, name: str = "new-policy") -> Path:
    file = home / "config" / "campaigns" / f"{name}.yaml"
    text = file.read_text(encoding="utf-8")
    text = text.replace('number: ""', 'number: "保监〔2026〕12号"').replace(
        'responsible: ""', "responsible: 王五"
    )
    file.write_text(text, encoding="utf-8")
    return file


def approved(home: Path, name: str = "new-policy") -> Path:
    ok(home, "campaign", "new", "new-policy", "--id", name, *AUTHOR)
    file = complete(home, name)
    ok(home, "campaign", "lint", name, *AUTHOR)
    ok(home, "campaign", "rehearse", name, *AUTHOR, "--note", "本机试打")
    ok(home, "campaign", "approve", name, *APPROVER)
    return file


def test_from_a_template_to_running(tmp_path: Path) -> None:
    approved(tmp_path, "2026-11")
    head = ok(tmp_path, "campaign", "start", "2026-11", *APPROVER, "--note", "可以开始")
    assert (head["campaign"], head["number"], head["state"]) == ("2026-11", 1, "running")
    (line,) = ok(tmp_path, "campaign", "list")
    assert (line["name"], line["title"], line["file"]) == ("2026-11", "新契约回访", "same")
    shown = told(dialer(tmp_path, "campaign", "show", "2026-11"))
    for words in (
        "执行中",
        "new-policy 1",
        "保监〔2026〕12号",
        "张三",
        "王五 客户服务部",
        "cooling_off、R87",
    ):
        assert words in shown
    history = told(dialer(tmp_path, "--lang", "en", "campaign", "history", "2026-11"))
    assert [word for word in ("lint", "rehearse", "approve", "start") if f" {word} " in history] == [
        "lint",
        "rehearse",
        "approve",
        "start",
    ]
    assert "本机试打" in history


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ((("start", APPROVER),), "is linted: start isn't possible"),
        ((("approve", APPROVER),), "is linted: approve isn't possible"),
        ((("rehearse", (*AUTHOR, "--note", "x")), ("approve", AUTHOR)), "somebody else must approve it"),
        ((("rehearse", AUTHOR),), "say which telephone is called now"),
        ((("pause", APPROVER),), "pause isn't possible"),
    ],
)
def test_no_step_is_left_out(tmp_path: Path, steps: Any, says: str) -> None:
    ok(tmp_path, "campaign", "new", "new-policy", *AUTHOR)
    complete(tmp_path)
    ok(tmp_path, "campaign", "lint", "new-policy", *AUTHOR)
    for name, options in steps[:-1]:
        ok(tmp_path, "campaign", name, "new-policy", *options)
    name, options = steps[-1]
    before = ok(tmp_path, "campaign", "show", "new-policy")
    assert says in refused(tmp_path, "campaign", name, "new-policy", *options)
    assert ok(tmp_path, "campaign", "show", "new-policy") == before


def test_lint_says_what_is_missing_and_where(tmp_path: Path) -> None:
    ok(tmp_path, "campaign", "new", "claims", *AUTHOR)
    file = tmp_path / "config" / "campaigns" / "claims.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("script: claims", "script: nowhere"), "utf-8")
    done = dialer(tmp_path, "campaign", "lint", "claims", *AUTHOR, "--json")
    assert done.exit_code == 1
    found = json.loads(done.output)
    assert not found["passed"]
    lines = file.read_text(encoding="utf-8").splitlines()
    places = {
        (one["rule"], one["place"], lines[one["line"] - 1].split(":")[0].strip()) for one in found["findings"]
    }
    assert places == {
        ("R9", "content.filing", "filing"),
        ("R9", "content.script", "script"),
        ("R76", "method.verification", "verification"),
        ("R48", "people.responsible", "responsible"),
    }
    chinese = told(dialer(tmp_path, "campaign", "lint", "claims", *AUTHOR))
    assert "缺少话术 nowhere" in chinese
    assert "检查未通过" in chinese
    assert "script nowhere is missing" in told(
        dialer(tmp_path, "--lang", "en", "campaign", "lint", "claims", *AUTHOR)
    )


def test_a_file_that_changed_since_it_was_linted_is_not_approved(tmp_path: Path) -> None:
    ok(tmp_path, "campaign", "new", "new-policy", *AUTHOR)
    file = complete(tmp_path)
    ok(tmp_path, "campaign", "lint", "new-policy", *AUTHOR)
    ok(tmp_path, "campaign", "rehearse", "new-policy", *AUTHOR, "--note", "x")
    file.write_text(file.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    assert "changed since version 1 was linted" in refused(
        tmp_path, "campaign", "approve", "new-policy", *APPROVER
    )
    assert ok(tmp_path, "campaign", "lint", "new-policy", *AUTHOR)["version"]["number"] == 2
    assert "is linted" in refused(tmp_path, "campaign", "approve", "new-policy", *APPROVER)


def test_what_changed_around_it_is_looked_at_again_when_it_is_approved(tmp_path: Path) -> None:
    ok(tmp_path, "campaign", "new", "new-policy", *AUTHOR)
    file = complete(tmp_path)
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('# windows: ["10:00-11:00"]', 'windows: ["10:00-11:00"]'), encoding="utf-8")
    ok(tmp_path, "campaign", "lint", "new-policy", *AUTHOR)
    ok(tmp_path, "campaign", "rehearse", "new-policy", *AUTHOR, "--note", "x")
    (tmp_path / "config" / "dialer.toml").write_text(
        '[calling]\nwindows = ["14:00-16:00"]\ngovernment_windows = ["15:00-16:00"]\n', encoding="utf-8"
    )
    assert "R44 at time.windows" in refused(tmp_path, "campaign", "approve", "new-policy", *APPROVER)


def test_a_running_campaign_goes_on_while_its_next_version_is_prepared(tmp_path: Path) -> None:
    file = approved(tmp_path)
    ok(tmp_path, "campaign", "start", "new-policy", *APPROVER)
    file.write_text(file.read_text(encoding="utf-8").replace("# passes: 2", "passes: 3"), encoding="utf-8")
    assert ok(tmp_path, "campaign", "list")[0]["file"] == "changed"
    ok(tmp_path, "campaign", "lint", "new-policy", *AUTHOR)
    (line,) = ok(tmp_path, "campaign", "list")
    assert (line["head"]["number"], line["head"]["state"], line["file"]) == (1, "running", "same")
    ok(tmp_path, "campaign", "rehearse", "new-policy", *AUTHOR, "--note", "x")
    ok(tmp_path, "campaign", "approve", "new-policy", *APPROVER)
    assert ok(tmp_path, "campaign", "pause", "new-policy", *APPROVER)["number"] == 1
    assert ok(tmp_path, "campaign", "resume", "new-policy", *APPROVER)["number"] == 1
    assert ok(tmp_path, "campaign", "start", "new-policy", *APPROVER)["number"] == 2
    old = ok(tmp_path, "campaign", "show", "new-policy", "--version", "1")
    assert (old["version"]["state"], old["plan"]["method"]["passes"]) == ("superseded", None)
    assert ok(tmp_path, "campaign", "finish", "new-policy", *APPROVER)["state"] == "finished"
    assert "is finished: start isn't possible" in refused(
        tmp_path, "campaign", "start", "new-policy", *APPROVER
    )


def test_a_rehearsal_is_a_call_of_this_very_script(tmp_path: Path) -> None:
    furnish(tmp_path)  # call 1 asked new-policy@1
    ok(tmp_path, "campaign", "new", "new-policy", *AUTHOR)
    complete(tmp_path)
    ok(tmp_path, "campaign", "lint", "new-policy", *AUTHOR)
    assert "no finished call 9" in refused(
        tmp_path, "campaign", "rehearse", "new-policy", *AUTHOR, "--call", "9"
    )
    ok(tmp_path, "campaign", "rehearse", "new-policy", *AUTHOR, "--call", "1")
    last = ok(tmp_path, "campaign", "history", "new-policy")[-1]
    assert (last["taken"]["note"], last["taken"]["by"]) == ("call 1", "张三")
    assert last["taken"]["account"]
    ok(tmp_path, "campaign", "new", "new-policy", "--id", "short", *AUTHOR)
    file = complete(tmp_path, "short")
    file.write_text(
        file.read_text(encoding="utf-8").replace("script: new-policy", "script: new-policy/short"),
        encoding="utf-8",
    )
    ok(tmp_path, "campaign", "lint", "short", *AUTHOR)
    assert "asked new-policy@1, the campaign asks new-policy/short@1" in refused(
        tmp_path, "campaign", "rehearse", "short", *AUTHOR, "--call", "1"
    )


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"outcome": Disposition.ANSWERED_INCOMPLETE}, "call 1 ended before the script did"),
        ({"recording": None}, "call 1 wasn't recorded whole"),
        ({"answered_at": None}, "call 1 wasn't answered"),
    ],
)
def test_a_call_that_lacks_something_is_no_rehearsal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], why: str
) -> None:
    furnish(tmp_path)
    ok(tmp_path, "campaign", "new", "new-policy", *AUTHOR)
    complete(tmp_path)
    ok(tmp_path, "campaign", "lint", "new-policy", *AUTHOR)
    found = SqlStore.call

    async def call(store: SqlStore, call_id: CallId) -> CallView | None:
        view = await found(store, call_id)
        assert view is not None
        assert view.record is not None
        return replace(view, record=replace(view.record, **changes))  # type: ignore[arg-type]

    monkeypatch.setattr(SqlStore, "call", call)
    rehearse = ("campaign", "rehearse", "new-policy", *AUTHOR, "--call", "1")
    assert why in refused(tmp_path, *rehearse)
    assert why in refused(tmp_path, *rehearse, "--note", "  ")
    if "outcome" in changes:
        ok(tmp_path, *rehearse, "--note", "前六题已走通")
    else:
        assert why in refused(tmp_path, *rehearse, "--note", "前六题已走通")


def test_customers_are_told_before_where_the_plan_says_so(tmp_path: Path) -> None:
    ok(tmp_path, "campaign", "new", "new-policy", *AUTHOR)
    file = complete(tmp_path)
    notice = "pre_notice: {days: 7, channel: sms, text: 我司将于下周致电回访}"
    text = file.read_text(encoding="utf-8").replace(
        "deadlines: [cooling_off, R87]", f"deadlines: []\n  {notice}"
    )
    file.write_text(text, encoding="utf-8")
    ok(tmp_path, "campaign", "lint", "new-policy", *AUTHOR)
    ok(tmp_path, "campaign", "rehearse", "new-policy", *AUTHOR, "--note", "x")
    assert "notify isn't possible" in refused(
        tmp_path, "campaign", "notify", "new-policy", tmp_path / "tell.csv", *AUTHOR
    )
    ok(tmp_path, "campaign", "approve", "new-policy", *APPROVER)
    assert "R80" in refused(tmp_path, "campaign", "start", "new-policy", *APPROVER)
    asyncio.run(import_customers(tmp_path, LIST.encode(), "l.csv", "new-policy", None, AT))
    told_ = ok(tmp_path, "campaign", "notify", "new-policy", tmp_path / "tell.csv", *AUTHOR)
    assert told_["customers"] == 2
    rows = list(csv.DictReader((tmp_path / "tell.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert [(row["投保人"], row["电话"], row["内容"]) for row in rows] == [
        ("王芳", "13812345678", "我司将于下周致电回访"),
        ("欧阳娜", "13998765432", "我司将于下周致电回访"),
    ]
    assert (tmp_path / "tell.csv").stat().st_mode & 0o077 == 0
    late = Person("李四", AT.replace(year=2027))

    async def start_late() -> None:
        site = Site(tmp_path)
        await with_store(tmp_path, lambda store: Steps(site, store, "new-policy", late).start(""))

    with pytest.raises(Exception, match="R80"):
        asyncio.run(start_late())
    ok(tmp_path, "campaign", "start", "new-policy", *APPROVER)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("new", "holiday", *AUTHOR), "no template 'holiday'"),
        (("new", "claims", "--id", "../x", *AUTHOR), "can't name a campaign"),
        (("lint", "gone", *AUTHOR), "no such campaign file"),
        (("show", "gone"), "there is no campaign gone"),
        (("history", "gone"), "there is no campaign gone"),
        (("start", "gone", *APPROVER), "there is no campaign gone"),
        (("approve", "gone", *APPROVER), "no such campaign file"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(tmp_path: Path, args: tuple[str, ...], says: str) -> None:
    assert says in refused(tmp_path, "campaign", *args)


def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    ok(tmp_path, "campaign", "new", "claims", *AUTHOR)
    assert "is there already" in refused(tmp_path, "campaign", "new", "claims", *AUTHOR)


def test_a_broken_file_is_listed_with_its_fault(tmp_path: Path) -> None:
    ok(tmp_path, "campaign", "new", "claims", *AUTHOR)
    file = tmp_path / "config" / "campaigns" / "claims.yaml"
    file.write_text("id: claims\ntitel: x\n", encoding="utf-8")
    shown = told(dialer(tmp_path, "campaign", "list"))
    assert "有误" in shown
    assert "claims.yaml:2" in shown
    assert "claims.yaml:2: unknown key 'titel', did you mean 'title'?" in refused(
        tmp_path, "campaign", "lint", "claims", *AUTHOR
    )


def test_a_step_needs_a_name(tmp_path: Path) -> None:
    done = dialer(tmp_path, "campaign", "lint", "x")
    assert done.exit_code == 2
    assert "--by" in done.output


def test_the_templates_are_shown(tmp_path: Path) -> None:
    shown = told(dialer(tmp_path, "campaign", "templates"))
    for title in ("新契约回访", "理赔回访", "孤儿保单回访", "满意度回访", "上门回访核实"):
        assert title in shown


def test_why_tells_what_the_campaign_does(tmp_path: Path) -> None:
    furnish(tmp_path)
    ok(tmp_path, "campaign", "pause", "c", *APPROVER, "--note", "系统升级")
    shown = told(dialer(tmp_path, "why", "2"))
    assert "回访项目 c 第 1 版: 暂停 李四 R49 系统升级" in shown
    assert "现在" in shown
    assert "不拨打 —— 回访项目或话术未审批:回访项目 c 第 1 版已暂停" in shown
    english = json.loads(dialer(tmp_path, "why", "2", "--json").output)
    assert english["now"]["verdict"]["rule"] == "R49"
    assert [line["taken"]["step"] for line in english["campaign"]][-1] == "pause"
