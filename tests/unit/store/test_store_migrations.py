"""The migrations make exactly the tables that the code speaks of."""

from __future__ import annotations

import re
import sqlite3
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData, create_engine, insert

from dialer.campaigns import CampaignState, CampaignStep, StepTaken
from dialer.handover import HandoverId, HandoverState
from dialer.kpi import Method
from dialer.model import ALL_SIGNATURES, TaskState
from dialer.store import SqlStore, StoreConfig
from dialer.store.claims import InLoop
from dialer.store.engine import make
from dialer.store.migrate import alembic_config
from dialer.store.tables import Base


def definitions(path: Path) -> dict[str, list[str]]:
    """Each table's and index's parts; a column that was added later stands behind the constraints."""
    with sqlite3.connect(path) as connection:
        found = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND type != 'trigger'"
        ).fetchall()
    connection.close()
    return {
        name: parts(re.sub(r"\s+|\"", " ", sql).replace("( ", "("))
        for name, sql in found
        if not words_of_calls(name)
    }


def words_of_calls(name: str | None) -> bool:
    """FTS5's table and those that it keeps beside it: SQLAlchemy has no word for them."""
    return (name or "").startswith("call_words")


def parts(sql: str) -> list[str]:
    head, _, body = sql.partition("(")
    found, depth = [""], 0
    for letter in body:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and not depth:
            found.append("")
        elif depth >= 0:
            found[-1] += letter
        else:
            found.append("")  # behind the list: an index's condition
            depth = 0
    name = " ".join(head.split())
    inside = [" ".join(one.split()) for one in found]
    return [name, *(sorted(inside) if name.startswith("CREATE TABLE") else inside)]


async def test_models_and_migrations_agree(tmp_path: Path) -> None:
    path = tmp_path / "dialer.sqlite"
    await (await SqlStore.open(path)).close()
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        opts = {"compare_type": True, "include_name": lambda name, kind, _: not words_of_calls(name)}
        context = MigrationContext.configure(connection, opts=opts)
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
    assert "WHERE outcome IS NULL" in " ".join(found["uq_attempts_live_customer"])
    assert "AUTOINCREMENT" in " ".join(found["attempts"])


OLD_TASKS = [
    (1, "autumn", "P1", "open"),
    (2, "autumn", "P2", "contact_refresh"),
    (3, "spring", "P3", "contact_refresh"),
    (4, "spring", "P4", "excluded"),
]
OLD_DECISIONS = [
    (1, 2, "escalate", "R24", "contact_refresh"),
    (2, 3, "wait", "R44", None),
    (3, 3, "escalate", "R25", "visit"),
    (4, 4, "escalate", "R37", "text"),
]


def an_older_database(connection: Connection, _: InLoop) -> None:
    """As the release before campaigns left it."""
    command.upgrade(alembic_config(connection), "0003")
    now = datetime(2026, 11, 10, tzinfo=UTC)
    flags = ("insured_differs", "waiver", "opted_out", "surrendered", "do_not_call")
    words = (
        "customer_key", "holder_name", "holder_honorific", "product", "script", "branch", "channel", "seller",
        "zone",
    )  # fmt: skip
    old = MetaData()
    old.reflect(connection)
    tasks, decisions, phones = (old.tables[name] for name in ("tasks", "decisions", "phones"))
    for key, campaign, policy_no, state in OLD_TASKS:
        values = {
            **dict.fromkeys(flags, False),
            **dict.fromkeys(words, "x"),
            "segment": "general",
            "premium": "12000",
            "pay_years": 10,
            "cooling_off_days": 15,
            "deadline": date(2026, 12, 1),
            "pass_no": 1,
            "imported_at": now,
            "hidden_until": now,
            "fence": 0,
        }
        connection.execute(
            insert(tasks).values(id=key, campaign=campaign, policy_no=policy_no, state=state, **values)
        )
        connection.execute(
            insert(phones).values(task_id=key, position=0, number="+8613812345678", verified=True)
        )
    for key, task, kind, rule, channel in OLD_DECISIONS:
        connection.execute(
            insert(decisions).values(
                id=key, task_id=task, at=now, kind=kind, rule=rule, why="", number=None, slot=None,
                until=now if kind == "wait" else None, channel=channel, findings="[]",
            )
        )  # fmt: skip


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
async def test_what_was_under_way_goes_on(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    place: str | Path = tmp_path / "old.sqlite"
    if engine == "postgres":
        place = request.getfixturevalue("postgres").make("older")
    database = make(place, StoreConfig())
    await database.write_much(an_older_database)
    await database.close()
    store = await SqlStore.open(place)
    try:
        heads = {(head.campaign, head.number, head.state) for head in await store.campaign_heads()}
        assert heads == {("autumn", 0, CampaignState.RUNNING), ("spring", 0, CampaignState.RUNNING)}
        (line,) = await store.campaign_history("spring")
        assert (line.taken.step, line.taken.by) == (CampaignStep.CARRY_OVER, "upgrade")
        states = [task.state for task in await store.tasks()]
        assert states == [TaskState.OPEN, TaskState.CONTACT_REFRESH, TaskState.VISIT, TaskState.EXCLUDED]
        given = {
            channel: [view.task.policy_no for view in found]
            for channel in (Method.VISIT, Method.LETTER, Method.TEXT)
            if (found := await store.handovers(channel, tuple(HandoverState), HandoverId(0), 10))
        }
        assert given == {Method.VISIT: ["P3"], Method.TEXT: ["P4"]}
        taken = StepTaken(CampaignStep.PAUSE, "李四", datetime(2026, 11, 10, tzinfo=UTC))
        assert (await store.take_campaign_step("autumn", 0, taken)).state is CampaignState.PAUSED
    finally:
        await store.close()


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
