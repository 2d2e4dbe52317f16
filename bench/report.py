"""A month's report over a million calls: `make bench-report`. Fills a database of its own first.

400,000 tasks of 2,000 sellers (each of one branch and one channel, as in life), 2.5 calls a task within the
month; imported and due day by day. Figures: the whole count as ``dialer report month`` makes it.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from bench.measure import print_json, print_table
from dialer.kpi import Month, MonthCount
from dialer.reports import MonthReport, ReportConfig, month_report
from dialer.store import SqlStore

MONTH = Month.parse("2026-10")
ZONE = ZoneInfo("Asia/Shanghai")
AT = datetime(2026, 11, 1, tzinfo=UTC)

_COUNTER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count) "
_FILL = (
    _COUNTER
    + """INSERT INTO tasks (id, campaign, policy_no, customer_key, holder_name, holder_honorific,
    insured_differs, product, premium, pay_years, script, cooling_off_days, cooling_off_end, due, deadline,
    branch, channel, seller, segment, waiver_signatures, zone, state, pass_no, appointment, waiver, opted_out,
    surrendered, do_not_call, imported_at, hidden_until, fence)
    SELECT i, 'new-policy', 'P' || i, '+86138' || printf('%08d', i), '王芳', '女士', 0,
    '安心相伴终身寿险' || (i * 31 % 12), '12000', 20, 'new-policy/short', 15,
    date('2026-10-01', '+' || (i * 31 / (:count + 1)) || ' days'), NULL,
    date('2026-10-01', '+' || (i * 31 / (:count + 1)) || ' days'),
    '第' || (i * 7919 % 2000 % 40) || '中心支公司', '渠道' || (i * 7919 % 2000 % 5), 'S' || (i * 7919 % 2000),
    'general', 'policyholder,seller,sales_manager', 'Asia/Shanghai',
    CASE WHEN i % 10 < 7 THEN 'done' WHEN i % 10 = 7 THEN 'refused' WHEN i % 10 = 8 THEN 'contact_refresh'
    ELSE 'open' END, 1, NULL, i % 97 = 0, 0, i % 53 = 0, 0, '2026-09-20 01:00:00.000000',
    '1970-01-01 00:00:00.000000', 1 FROM n""",
    _COUNTER
    + """INSERT INTO attempts (id, task_id, customer_key, number, pass_no, slot, node, fence, invited_at,
    ringing_at, answered_at, ended_at, outcome, sip_code, reason, appointment, hung_up_by, agent, transferred,
    rtp, script_version, recovered)
    SELECT i, (i - 1) % :tasks + 1, '+86138' || printf('%08d', i), '+86138' || printf('%08d', i), 1,
    date('2026-10-01', '+' || (i * 31 / (:count + 1)) || ' days') || '/' || (i % 2), 'dialer-1', 1,
    '2026-10-01 02:00:00.000000', '2026-10-01 02:00:03.000000',
    CASE WHEN i > :count - :tasks AND ((i - 1) % :tasks + 1) % 10 < 7 THEN '2026-10-01 02:00:08.000000' END,
    '2026-10-01 02:01:38.000000',
    CASE WHEN i > :count - :tasks AND ((i - 1) % :tasks + 1) % 10 < 7 THEN 'completed'
    WHEN i % 3 = 0 THEN 'busy' ELSE 'no_answer' END,
    200, '', NULL, 'customer', '', 0, NULL, 'new-policy@1', 0 FROM n""",
    """INSERT INTO tickets (call_id, task_id, category, departments, question, words, answer_offset_s,
    issued_at, due, major, escalated, status)
    SELECT id, task_id, '类别' || (id % 11), '["契约"]', 'received', '没收到', 23.5, ended_at, ended_at, 0, 0,
    CASE WHEN id % 3 = 0 THEN 'closed' ELSE 'open' END
    FROM attempts WHERE outcome = 'completed' AND id % 13 = 0""",
    """INSERT INTO recordings (call_id, path, sha256, size, duration_s, codec, started_at, ended_at,
    retain_until, legal_hold, partial)
    SELECT id, 'r/' || id || '.wav', '', 1, 90.0, 'PCMA', answered_at, ended_at, '2029-10-31', 0, 0
    FROM attempts WHERE answered_at IS NOT NULL""",
    """INSERT INTO decisions (task_id, at, kind, rule, why, until, number, slot, channel, findings)
    SELECT id, '2026-10-20 02:00:00.000000',
    CASE WHEN state = 'contact_refresh' THEN 'escalate' ELSE 'wait' END,
    'R25', '', NULL, NULL, NULL, CASE WHEN state = 'contact_refresh' THEN 'visit' END, '[]' FROM tasks""",
)


def fill(connection: Connection, tasks: int, calls: int) -> None:
    for number, sql in enumerate(_FILL):
        values = {"count": tasks if number == 0 else calls, "tasks": tasks}
        connection.execute(text(sql), {key: values[key] for key in values if f":{key}" in sql})


async def count_month(place: Path, tasks: int, calls: int, runs: int) -> list[float]:
    """Seconds of the report, so many times, over a database that is made at ``place``."""
    return (await _measure(place, tasks, calls, runs))[0]


async def _measure(
    place: Path, tasks: int, calls: int, runs: int
) -> tuple[list[float], float, MonthCount, MonthReport]:
    store = await SqlStore.open(place)
    before = time.perf_counter()
    await store._group.alone(lambda connection, _: fill(connection, tasks, calls))
    filled = time.perf_counter() - before
    took = []
    for _ in range(runs):
        before = time.perf_counter()
        count = await store.month_count(MONTH, ZONE)
        report = month_report(count, ReportConfig(), AT)
        took.append(time.perf_counter() - before)
    assert report.tally.calls == calls, "every call is in the report"
    await store.close()
    return took, filled, count, report


async def measure(place: Path, tasks: int, calls: int, runs: int) -> dict[str, float]:
    took, filled, count, report = await _measure(place, tasks, calls, runs)
    rows: list[tuple[str, float]] = [
        ("calls", report.tally.calls),
        ("due", report.tally.due),
        ("tickets", report.tally.tickets),
    ]
    rows += [("slices", len(count.slices)), ("filled in s", round(filled, 1))]
    rows += [(f"report, run {n}, s", round(one, 2)) for n, one in enumerate(took, 1)]
    print_table([("figure", "value"), *rows])
    return {"calls": calls, "tasks": tasks, "report_1m_s": max(took)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=400_000)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-report-") as folder:
        found = asyncio.run(measure(Path(folder) / "bench.sqlite", asked.tasks, asked.calls, asked.runs))
    print_json(found)


if __name__ == "__main__":
    main()
