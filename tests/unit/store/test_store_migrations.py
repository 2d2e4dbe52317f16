"""The migrations make exactly the tables that the code speaks of."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

from dialer.model import ALL_SIGNATURES
from dialer.store import SqlStore
from dialer.store.migrate import alembic_config
from dialer.store.tables import Base


def definitions(path: Path) -> dict[str, list[str]]:
    """Of each table and index its head and its parts: a column that was added later stands behind."""
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    connection.close()
    return {name: parts(re.sub(r"\s+|\"", " ", sql)) for name, sql in found}


def parts(sql: str) -> list[str]:
    head, inner, tail = (
        sql.partition("(")[0],
        sql[sql.index("(") + 1 : sql.rindex(")")],
        sql[sql.rindex(")") :],
    )
    columns = re.split(r",(?![^(]*\))", inner)
    return [" ".join(head.split()), *sorted(" ".join(one.split()) for one in columns), tail.strip()]


async def test_models_and_migrations_agree(tmp_path: Path) -> None:
    path = tmp_path / "dialer.sqlite"
    await (await SqlStore.open(path)).close()
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


async def test_even_the_partial_indexes_agree(tmp_path: Path) -> None:
    """Alembic's comparison doesn't see an index's WHERE, nor AUTOINCREMENT."""
    migrated, made = tmp_path / "dialer.sqlite", tmp_path / "made.sqlite"
    await (await SqlStore.open(migrated)).close()
    engine = create_engine(f"sqlite:///{made}")
    Base.metadata.create_all(engine)
    engine.dispose()
    found = definitions(migrated)
    found.pop("alembic_version")
    assert found == definitions(made)
    assert "WHERE outcome IS NULL" in found["uq_attempts_live_customer"][-1]
    assert any("AUTOINCREMENT" in part for part in found["attempts"])


async def test_a_waiver_of_before_counts_as_signed_by_all(tmp_path: Path) -> None:
    """Until the signatures were kept, the column said a signed waiver."""
    path = tmp_path / "dialer.sqlite"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        command.upgrade(alembic_config(connection), "0003")
        for n, waiver in ((1, True), (2, False)):
            connection.exec_driver_sql(  # every column of then
                "INSERT INTO tasks (id, campaign, policy_no, customer_key, holder_name, holder_honorific,"
                " insured_differs, product, premium, pay_years, script, cooling_off_days, deadline, branch,"
                " channel, seller, segment, zone, state, pass_no, waiver, opted_out, surrendered,"
                " do_not_call, imported_at, hidden_until, fence)"
                " VALUES (?, 'c', ?, 'k', '王芳', '', 0, '年金', '1', 1, 's',"
                " 15, '9999-12-31', '', '', '', 'general', 'Asia/Shanghai', 'open', 1, ?, 0, 0, 0,"
                " '2026-01-01 00:00:00.000000', '1970-01-01 00:00:00.000000', 0)",
                (n, f"P{n}", waiver),
            )
            connection.exec_driver_sql(
                "INSERT INTO phones (task_id, position, number, verified) VALUES (?, 0, '+8613812345678', 1)",
                (n,),
            )
    engine.dispose()
    store = await SqlStore.open(path)
    tasks = await store.tasks()
    await store.close()
    assert [task.missing_signatures for task in tasks] == [(), ALL_SIGNATURES]
    assert [(task.tier, task.deadline_type, task.due_provisional) for task in tasks] == [("", "", False)] * 2
