"""The archive's log on a page: who may read it, how it is narrowed, and as a file."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import openpyxl
import pytest
from web_home import AT, Desk

from dialer.model import ArchiveEvent, CallId


async def written(desk: Desk) -> None:
    """Into the real log, beside the three entries of sealing."""
    log, at = desk.store.archive, AT + timedelta(days=1)
    await log.append(ArchiveEvent.GRANTED, CallId(1), "chief", at, {"request": 1, "requester": "qa1"})
    await log.append(ArchiveEvent.ACCESSED, CallId(1), "qa1", at + timedelta(hours=1), {"request": 1})
    await log.append(ArchiveEvent.HELD, CallId(2), "=cmd|x", at + timedelta(days=1), {"reason": "诉讼,按1"})
    desk.furnished(log=log)


def rows(text: str) -> list[str]:
    """The numbers of the entries that the page shows."""
    found = text.partition("<tbody>")[2].split("<tr>")[1:]
    return [row.split("</td>")[0].rpartition(">")[2] for row in found]


async def test_only_who_audits_reads_it(desk: Desk) -> None:
    for name in ("qa1", "agent1", "operator", "root1"):
        browser = await desk.signed_in(name)
        for path in ("/log", "/log.csv", "/log.xlsx"):
            assert (await browser.get(path)).status_code == 403, (name, path)
        assert "审计日志" not in (await browser.get("/calls")).text
    for name in ("auditor", "chief"):
        browser = await desk.signed_in(name)
        assert (await browser.get("/log")).status_code == 200
        assert 'href="/log"' in (await browser.get("/calls")).text


async def test_it_is_narrowed_by_day_kind_person_and_call(desk: Desk) -> None:
    await written(desk)
    browser = await desk.signed_in("auditor")
    for asked, shown in (
        ("", "654321"),
        ("kind=sealed", "321"),
        ("by=qa1", "5"),
        ("by=qa", ""),
        ("by=n1", "321"),
        ("by=%25", ""),
        ("by==cmd|x", "6"),
        ("call=1", "541"),
        ("call=1&kind=granted", "4"),
        ("since=2026-11-11", "654"),
        ("until=2026-11-10", "321"),
        ("since=2026-11-11&until=2026-11-11", "54"),
        ("before=3", "21"),
    ):
        answer = await browser.get(f"/log?{asked}")
        assert answer.status_code == 200
        assert "".join(rows(answer.text)) == shown, asked
    text = (await browser.get("/log?by=qa1")).text
    assert "收听或下载" in text
    assert "request=1" in text
    for wrong in ("kind=x", "since=yesterday", "call=0", "call=a", "before=-1"):
        answer = await browser.get(f"/log?{wrong}")
        assert answer.status_code == 422, wrong
        assert 'role="alert"' in answer.text
        assert (await browser.get(f"/log.csv?{wrong}")).status_code == 422


async def test_as_a_file_it_is_whole_and_calculates_nothing(desk: Desk) -> None:
    await written(desk)
    browser = await desk.signed_in("auditor")
    answer = await browser.get("/log.csv?since=2026-11-11")
    assert answer.headers["content-type"].startswith("text/csv")
    assert 'filename="archive-log.csv"' in answer.headers["content-disposition"]
    lines = [*csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))]
    assert lines[0][:5] == ["序号", "时间", "事项", "人员", "通话"]
    assert [line[0] for line in lines[1:]] == ["6", "5", "4"]
    assert lines[1][3] == "'=cmd|x", "no formula"
    assert lines[3][1:6] == ["2026-11-11 10:00:00", "批准调阅", "chief", "1", "request=1, requester=qa1"]
    assert len(lines[1][6]) == 64
    answer = await browser.get("/log.xlsx?kind=sealed")
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    assert [row[0] for row in sheet.values] == ["序号", "3", "2", "1"]
    assert (await browser.get("/log.pdf")).status_code == 422


async def test_pages_follow_each_other_and_a_file_holds_them_all(desk: Desk) -> None:
    for number in range(130):
        await desk.log.append(ArchiveEvent.DENIED, CallId(1), "qa2", desk.clock(), {"tried": str(number)})
    browser = await desk.signed_in("auditor")
    first = (await browser.get("/log?by=qa2")).text
    assert len(rows(first)) == 100
    older = first.partition('href="/log?by=qa2&amp;before=')[2].partition('"')[0]
    assert older == "31"
    assert len(rows((await browser.get(f"/log?by=qa2&before={older}")).text)) == 30
    answer = await browser.get("/log.csv?by=qa2&before=31")
    assert answer.text.count("\r\n") == 131


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_in_the_persons_language(desk: Desk, lang: str) -> None:
    await written(desk)
    browser = await desk.signed_in("auditor")
    await browser.get(f"/lang?to={lang}")
    text = (await browser.get("/log?kind=held")).text
    assert ("法律保全" if lang == "zh" else "held") in text
    assert ("Audit log" in text) is (lang == "en")
