"""Imports into a real database: streamed, resumable, beside a daemon that writes."""

from __future__ import annotations

import asyncio
import csv
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from office_home import AT, HEADER, LIST, ROWS, dialer

from dialer.campaigning import Person, Rehearsal, Steps, demonstrate
from dialer.errors import ConfigError, ImportFileError
from dialer.imports import import_customers
from dialer.intaking import Options, Pacer
from dialer.model import ImportReport, TaskId
from dialer.policy.verdict import Decision, Wait
from dialer.site import Site
from dialer.store.database import SqlStore
from dialer.storeroom import with_store


def many(count: int) -> bytes:
    rows = (f"P{n},王芳,女,138{n:08d},安心相伴终身寿险,12000,10" for n in range(count))
    return "\n".join((HEADER, *rows, "")).encode()


async def imported(home: Path, data: bytes | Path, **options: object) -> ImportReport:
    found = await import_customers(home, data, "l.csv", "c", "new-policy", AT, Options(**options))  # type: ignore[arg-type]
    return found.report


async def test_a_dry_run_tells_and_stores_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert (await imported(home, LIST.encode(), dry_run=True)) == ImportReport(2, 0)
    assert not home.exists()
    await imported(home, f"{HEADER}\n{ROWS[0]}\n".encode())
    assert (await imported(home, LIST.encode(), dry_run=True)) == ImportReport(1, 1)
    assert len(await with_store(home, lambda store: store.tasks())) == 1


async def test_every_bad_row_is_in_the_report_file(tmp_path: Path) -> None:
    rows = [f"B{n},,男,13812345678,安心,1,10" for n in range(1500)]
    report = tmp_path / "bad.csv"
    found = await import_customers(
        tmp_path / "home",
        "\n".join((f"{HEADER},爱好", *rows, ROWS[0])).encode(),
        "l.csv", "c", "new-policy", AT, Options(report=report),
    )  # fmt: skip
    assert (found.report.accepted, found.bad_rows) == (1, 1500)
    assert len(found.report.errors) == 1000, "the screen needs no more"
    lines = list(csv.reader(report.read_text(encoding="utf-8-sig").splitlines()))
    assert [line[0] for line in lines[1:-1]] == [str(n) for n in range(2, 1502)]
    assert "爱好" in lines[-1][2]


def test_an_import_that_was_killed_is_made_again(tmp_path: Path) -> None:
    """Whatever is stored then counts as duplicates, and nothing is stored twice."""
    file = tmp_path / "l.csv"
    file.write_bytes(many(20_000))
    home = tmp_path / "home"
    command = [
        sys.executable,
        "-m",
        "dialer.cli",
        "--home",
        str(home),
        "import",
        str(file),
        "--campaign",
        "c",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while stored(home) < 1000:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.wait(10)
    before = stored(home)
    assert 1000 <= before < 20_000
    report = asyncio.run(imported(home, file))
    assert report == ImportReport(20_000 - before, before)
    assert stored(home) == 20_000


def stored(home: Path) -> int:
    if not (home / "dialer.sqlite").exists():
        return 0
    with closing(sqlite3.connect(home / "dialer.sqlite", timeout=5)) as database:
        try:
            return int(database.execute("SELECT count(*) FROM tasks").fetchone()[0])
        except sqlite3.OperationalError:
            return 0


async def test_a_daemon_beside_it_is_never_kept_waiting(tmp_path: Path) -> None:
    """Another process imports; this one records a verdict at a time, as a daemon does."""
    file = tmp_path / "l.csv"
    file.write_bytes(many(20_000))
    home = tmp_path / "home"
    await imported(home, LIST.encode())
    command = [
        sys.executable,
        "-m",
        "dialer.cli",
        "--home",
        str(home),
        "import",
        str(file),
        "--campaign",
        "c",
    ]
    store = await SqlStore.open(home / "dialer.sqlite")
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL)
    ended = asyncio.create_task(process.wait())
    waits: list[float] = []
    loop = asyncio.get_running_loop()
    try:
        while not ended.done():
            began = loop.time()
            wait = Wait(AT.replace(microsecond=len(waits) % 1000), "R44", "closed")
            await store.record_decision(TaskId(1), Decision(wait, ()), AT)
            waits.append(loop.time() - began)
            await asyncio.sleep(0.02)
        assert await ended == 0
    finally:
        if not ended.done():
            process.kill()
        await store.close()
    assert len(waits) > 20
    assert max(waits) < 1.5, "a transaction of the import and a look for the lock, on a busy machine"
    assert stored(home) == 20_000


def test_transactions_are_as_long_as_the_machine_allows() -> None:
    now = [0.0]
    pacer = Pacer(0.11, lambda: now[0])
    assert (pacer.rows, pacer.wait_s()) == (1000, 0.0)
    pacer.took(0.02)
    assert (pacer.rows, pacer.wait_s()) == (2000, 0.11)
    now[0] = 0.1
    assert pacer.wait_s() == pytest.approx(0.01)
    for _ in range(9):
        pacer.took(0.02)
    assert pacer.rows == 4000
    pacer.took(0.15)
    assert pacer.rows == 4000
    for _ in range(9):
        pacer.took(3.0)
    assert pacer.rows == 100


async def test_progress_reaches_the_end(tmp_path: Path) -> None:
    told: list[tuple[int, float]] = []
    await imported(tmp_path, many(3000), tell=lambda rows, share: told.append((rows, share)))
    assert told[-1] == (3001, 1.0)
    assert len(told) >= 2
    assert [share for _, share in told] == sorted(share for _, share in told)


# --- what the campaign makes of a list ------------------------------------------------------------

PLANNED = """\
id: autumn
title: 新契约回访
author: 张三
content: {script: new-policy/short, version: 1, filing: {number: "12"}}
time: {deadlines: [cooling_off, R30]}
subjects: {description: 新契约投保人, branches: [杭州]}
people: {responsible: 李四, department: 客服}
"""
DATED = f"{HEADER},签收日期,签订日期,机构,客户等级,通讯地址,邮箱,销售团队"


def plan(home: Path) -> None:
    folder = home / "config" / "campaigns"
    folder.mkdir(parents=True)
    (folder / "autumn.yaml").write_text(PLANNED, encoding="utf-8")


async def test_a_campaign_dates_its_customers_and_names_their_script(tmp_path: Path) -> None:
    plan(tmp_path)
    text = f"{DATED}\n{ROWS[0]},2026-11-08,2026-11-06,杭州,A,西湖路1号,w@example.cn,一组\n"
    found = await import_customers(tmp_path, text.encode(), "l.csv", "autumn", None, AT)
    assert found.report == ImportReport(1)
    assert "没有经审批的版本" in found.waiting
    (task,) = await with_store(tmp_path, lambda store: store.tasks())
    assert (task.script, task.due, task.deadline_type) == ("new-policy/short", date(2026, 11, 13), "R30")
    assert (task.cooling_off_end, task.event) == (date(2026, 11, 23), date(2026, 11, 6))
    assert (task.tier, task.address, task.email, task.seller_team) == (
        "A",
        "西湖路1号",
        "w@example.cn",
        "一组",
    )


async def test_who_is_no_subject_or_has_no_date_is_refused_by_row(tmp_path: Path) -> None:
    plan(tmp_path)
    rows = (
        f"{ROWS[0]},2026-11-08,2026-11-06,宁波,,,,",
        f"{ROWS[1]},2026-11-08,,杭州,,,,",
        "P3,李娜,女,13700000001,安心,1,10,,2026-11-06,杭州,,,,",
        "P4,李娜,女,13700000002,安心,1,10,2026-11-08,2026-11-06,杭州,,,no-address,",
    )
    found = await import_customers(tmp_path, "\n".join((DATED, *rows)).encode(), "l.csv", "autumn", None, AT)
    assert [(bad.row, bad.column) for bad in found.report.errors] == [
        (2, "机构"),
        (3, "签订日期"),
        (4, "cooling_off_end"),
        (5, "邮箱"),
    ]


async def test_the_approved_plan_counts_and_not_the_changed_file(tmp_path: Path) -> None:
    plan(tmp_path)
    site = Site(tmp_path)
    store = await SqlStore.open(site.settings.site.database)
    try:
        author, other = (Steps(site, store, "autumn", Person(name, AT)) for name in ("张三", "李四"))
        assert (await author.lint()).passed
        await author.rehearse(Rehearsal(None, "done"))
        await other.approve("")
        await other.start("")
    finally:
        await store.close()
    file = tmp_path / "config" / "campaigns" / "autumn.yaml"
    file.write_text(
        PLANNED.replace("new-policy/short", "new-policy").replace("[杭州]", "[]"), encoding="utf-8"
    )
    text = f"{DATED}\n{ROWS[0]},2026-11-08,2026-11-06,宁波,,,,\n{ROWS[1]},2026-11-08,2026-11-06,杭州,,,,\n"
    found = await import_customers(tmp_path, text.encode(), "l.csv", "autumn", None, AT)
    assert (found.report.accepted, found.waiting) == (1, "")
    assert [bad.row for bad in found.report.errors] == [2]
    (task,) = await with_store(tmp_path, lambda store: store.tasks())
    assert task.script == "new-policy/short"


async def test_another_script_than_the_campaigns_is_refused(tmp_path: Path) -> None:
    await demonstrate(tmp_path, "c", "new-policy/short", AT)
    with pytest.raises(ConfigError, match="asks new-policy/short, not new-policy"):
        await imported(tmp_path, LIST.encode())
    found = await import_customers(tmp_path, LIST.encode(), "l.csv", "c", "new-policy/short", AT)
    assert found.report.accepted == 2


async def test_a_broken_campaign_file_stops_the_import(tmp_path: Path) -> None:
    plan(tmp_path)
    (tmp_path / "config" / "campaigns" / "autumn.yaml").write_text("id: [", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"autumn\.yaml"):
        await import_customers(tmp_path, LIST.encode(), "l.csv", "autumn", None, AT)


# --- xlsx, titles, encodings: at the command line -------------------------------------------------


def test_a_title_above_the_headings_is_passed_over_and_said(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text(f"2026年11月新契约清单\n\n{HEADER}\n{ROWS[0]}\nP9,,男,1,,x,10\n", encoding="utf-8")
    found = dialer(tmp_path / "home", "--lang", "en", "import", file)
    assert "row 1 above the headings: not read" in found.output
    assert "1 imported" in found.output
    assert "row 5 电话" in found.output


def test_a_file_that_goes_away_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ImportFileError):
        asyncio.run(imported(tmp_path, b"\xff\xfe\x00"))
    assert not (tmp_path / "dialer.sqlite").exists()
