"""A million tasks in mixed states, written by the database itself: the same rows on SQLite and PostgreSQL.

Of a hundred tasks 60 are over (done, declined, exempt, with an agent, at contact refresh), 24 wait for the
afternoon, 4 for another day, 2 for an agreed time or have one due, and 10 are ready. Of those that aren't
over, a fifth belongs to a campaign that isn't approved. Three of four have been called before; one customer
in ten has two tasks.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Boolean, Connection, Date, DateTime, Integer, Table

from dialer.store.tables import ATTEMPTS, DECISIONS, LONG_AGO, PHONES, TASKS, UtcDateTime

SHANGHAI = ZoneInfo("Asia/Shanghai")
OPENS = datetime(2026, 11, 10, 10, tzinfo=SHANGHAI)
"""A Tuesday; the queue is looked at from then on."""
AFTERNOON = OPENS.replace(hour=14)
NOT_APPROVED = "wealth"

_KIND = "(i * 7919 % 100)"
"""Which of the hundred the task is; neighbours differ."""


def fill(connection: Connection, first: int, last: int) -> None:
    """The tasks of these numbers with their phones, attempts and decisions, behind those before them."""
    count = (
        f"WITH RECURSIVE n(i) AS (SELECT CAST({first} AS bigint)"
        f" UNION ALL SELECT i + 1 FROM n WHERE i < {last}) "
    )
    thrice = "(SELECT 1 AS k UNION ALL SELECT 2 UNION ALL SELECT 3) AS thrice"
    for table, values, source in (
        (TASKS, _TASK, "n"),
        (PHONES, _PHONE, "n"),
        (ATTEMPTS, _ATTEMPT, f"n JOIN {thrice} ON k <= {_CALLS} ORDER BY k, i"),
        (DECISIONS, _DECISION, f"n WHERE {_KIND} < 95"),
    ):
        columns = [name for name in table.c.keys() if name != "id" or name in values]  # noqa: SIM118
        select = ", ".join(_typed(table, name, connection.dialect.name, values) for name in columns)
        names = ", ".join(f'"{name}"' for name in columns)
        connection.exec_driver_sql(
            f"INSERT INTO {table.name} ({names}) {count} SELECT {select} FROM {source}"
        )
    if connection.dialect.name == "postgresql":
        for table in (TASKS, ATTEMPTS, DECISIONS):
            connection.exec_driver_sql(
                f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'),"
                f" (SELECT max(id) FROM {table.name}))"
            )


def _typed(table: Table, name: str, dialect: str, values: Mapping[str, str]) -> str:
    """The expression for one column; columns that the benches don't care for get an empty value."""
    column = table.c[name]
    value = values.get(name)
    if value is None:
        if column.nullable:
            value = "NULL"
        elif isinstance(column.type, Boolean):
            value = "false"
        else:
            value = "0" if isinstance(column.type, Integer) else "''"
    if dialect == "postgresql":
        if isinstance(column.type, UtcDateTime | DateTime):
            return f"CAST(CAST({value} AS text) || '+00' AS timestamptz)"
        return f"CAST({value} AS date)" if isinstance(column.type, Date) else value
    return value


def _at(moment: datetime) -> str:
    return f"'{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}'"


def _by_kind(*parts: tuple[int, str], rest: str) -> str:
    """The value of the first part whose bound the kind lies below."""
    return (
        f"CASE {' '.join(f'WHEN {_KIND} < {below} THEN {value}' for below, value in parts)} ELSE {rest} END"
    )


def _days(first: date, count: int) -> str:
    """One of so many days, by the number of the task."""
    days = [date.fromordinal(first.toordinal() + n).isoformat() for n in range(count)]
    return f"CASE i / 7 % {count} {' '.join(f'WHEN {n} THEN ' + repr(day) for n, day in enumerate(days))} END"


_E164 = "'+86138' || substr(CAST(100000000 + i - CASE WHEN i % 10 = 9 THEN 1 ELSE 0 END AS text), 2)"
_CALLS = (
    "("
    + _by_kind((50, "2"), (54, "1"), (57, "3"), (58, "0"), (60, "1"), (84, "1"), (90, "2"), rest="i % 2")
    + ")"
)
_LAST = "CASE WHEN k < {calls} THEN 'no_answer' ELSE {last} END".format(
    calls=_CALLS,
    last=_by_kind(
        (50, "'completed'"),
        (54, "'refused'"),
        (58, "'busy'"),
        (60, "'transferred'"),
        (88, "'no_answer'"),
        (90, "'appointment'"),
        rest="'unreachable'",
    ),
)
_TASK = {
    "id": "i",
    "campaign": f"CASE WHEN {_KIND} >= 60 AND i % 5 = 0 THEN '{NOT_APPROVED}'"
    " WHEN i % 3 = 0 THEN 'claims' ELSE 'new-policy' END",
    "policy_no": "'P' || CAST(i AS text)",
    "customer_key": _E164,
    "holder_name": "'王芳'",
    "product": "'安心相伴终身寿险'",
    "premium": "'12000'",
    "pay_years": "20",
    "script": "'new-policy'",
    "cooling_off_days": "15",
    "cooling_off_end": _days(date(2026, 11, 9), 16),
    "due": _days(date(2026, 11, 20), 16),
    "deadline": _days(date(2026, 11, 9), 16),
    "branch": "'第' || CAST(i % 40 AS text) || '中心支公司'",
    "channel": "'个代'",
    "seller": "'S' || CAST(i % 2000 AS text)",
    "segment": "CASE WHEN i % 10 = 3 THEN 'government' ELSE 'general' END",
    "zone": "CASE WHEN i % 50 = 7 THEN 'Asia/Urumqi' ELSE 'Asia/Shanghai' END",
    "state": _by_kind(
        (50, "'done'"),
        (54, "'refused'"),
        (57, "'contact_refresh'"),
        (58, "'excluded'"),
        (60, "'with_agent'"),
        rest="'open'",
    ),
    "pass_no": "1",
    "appointment": f"CASE WHEN {_KIND} = 88 THEN {_at(AFTERNOON.replace(minute=30))}"
    f" WHEN {_KIND} = 89 AND i % 997 = 0 THEN {_at(OPENS)} END",
    "imported_at": _at(OPENS.replace(day=2)),
    "hidden_until": _by_kind(
        (60, _at(LONG_AGO)),
        (84, _at(AFTERNOON)),
        (88, _at(OPENS.replace(day=11))),
        (89, _at(AFTERNOON.replace(minute=30))),
        (90, f"CASE WHEN i % 997 = 0 THEN {_at(OPENS)} ELSE {_at(OPENS.replace(day=12))} END"),
        rest=_at(LONG_AGO),
    ),
    "fence": _CALLS,
}
_PHONE = {"task_id": "i", "position": "0", "number": _E164, "verified": "true"}
_ATTEMPT = {
    "task_id": "i",
    "customer_key": _E164,
    "number": _E164,
    "pass_no": "1",
    "slot": "'2026-11-0' || CAST(3 + k AS text) || '/' || CAST(i % 2 AS text)",
    "node": "'dialer-1'",
    "fence": "k",
    "invited_at": "'2026-11-0' || CAST(3 + k AS text) || ' 02:30:00.000000'",
    "ended_at": "'2026-11-0' || CAST(3 + k AS text) || ' 02:30:40.000000'",
    "outcome": _LAST,
    "sip_code": "486",
    "hung_up_by": "'customer'",
    "script_version": "'new-policy@1'",
}
_DECISION = {
    "task_id": "i",
    "at": _at(OPENS.replace(day=6)),
    "kind": "'wait'",
    "rule": "'R43'",
    "why": "'本时段已拨打过'",
    "until": _at(AFTERNOON),
    "findings": "'[]'",
}
