"""Provisional deadlines once the notice is there: by the store alone, and by ``dialer calendar add``."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from office_home import HEADER, ROWS, dialer
from test_almanac import NOTICE

from dialer.model import Phone, PhoneNumber, Policyholder, Task, TaskId
from dialer.office import import_customers, with_store
from dialer.policy.calendar import calendar_from, parse_overrides
from dialer.policy.settings import PolicySettings
from dialer.redating import date_anew
from dialer.testing.store import MemoryStore

NOW = datetime(2026, 12, 28, 2, tzinfo=UTC)
SIGNED = date(2026, 12, 30)
TASK = Task(
    id=TaskId(0),
    campaign="c",
    policy_no="P1",
    holder=Policyholder("王芳"),
    phones=(Phone(PhoneNumber.parse("13812345678")),),
    product="年金",
    premium=Decimal(1),
    pay_years=10,
    script="s",
    due=date(2027, 1, 5),
    deadline_type="R30",
    event=SIGNED,
    due_provisional=True,
)


async def test_only_what_is_provisional_is_dated_anew(caplog: pytest.LogCaptureFixture) -> None:
    store, known = MemoryStore(), calendar_from([parse_overrides(NOTICE)])
    sure = replace(TASK, policy_no="P2", due_provisional=False)
    unknown = replace(TASK, policy_no="P3", deadline_type="own")
    await store.add_tasks([TASK, sure, unknown], NOW)
    settings = PolicySettings()
    assert await date_anew(store, calendar_from(), settings, NOW) == [], "no notice, no change"
    changes = await date_anew(store, known, settings, NOW)
    assert [(one.task_id, str(one.after), one.provisional) for one in changes] == [(1, "2027-01-07", False)]
    assert "no such deadline type" in caplog.text
    assert [str(task.due) for task in await store.tasks()] == ["2027-01-07", "2027-01-05", "2027-01-05"]
    assert await date_anew(store, known, settings, NOW) == []


def test_loading_a_notice_dates_deadlines_anew_and_says_so(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "notice.toml"
    file.write_text(NOTICE, encoding="utf-8")
    rows = f"{HEADER},签单日期\n{ROWS[0]},2026-12-30\n"
    imported = asyncio.run(
        import_customers(home, rows.encode(), "l.csv", "c", "new-policy", NOW, deadline="R30")
    )
    assert imported.report.accepted == 1
    (before,) = asyncio.run(with_store(home, lambda store: store.tasks()))
    assert (str(before.due), before.due_provisional) == ("2027-01-05", True)
    assert "重新计算了 1 个暂定期限" in dialer(home, "calendar", "add", file).output
    (after,) = asyncio.run(with_store(home, lambda store: store.tasks()))
    assert (str(after.due), after.due_provisional) == ("2027-01-07", False)
    again = dialer(home, "calendar", "add", file, "--json")
    assert json.loads(again.output)["dated_anew"] == 0


def test_an_unknown_deadline_type_is_refused_before_anything_is_stored(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text("x", encoding="utf-8")
    found = dialer(tmp_path / "home", "import", tmp_path / "l.csv", "--deadline", "R99")
    assert found.exit_code == 2
    assert "no deadline type 'R99'; known: R30" in found.output
    assert not (tmp_path / "home").exists()
