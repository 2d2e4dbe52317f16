from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, create_engine, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex

from dialer.store.tables import AttemptRow, Money, UtcDateTime, db_now

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no wrong result."""

ZONES = st.sampled_from([UTC, timezone(timedelta(hours=8)), timezone(timedelta(hours=-9, minutes=-30))])
TABLE = Table(
    "t", MetaData(), Column("id", Integer, primary_key=True), Column("at", UtcDateTime), Column("yuan", Money)
)
ENGINE = create_engine("sqlite://")
TABLE.metadata.create_all(ENGINE)


@UNHURRIED
@given(
    st.datetimes(datetime(1971, 1, 1), datetime(9000, 1, 1), timezones=ZONES),
    st.decimals(0, 10**10, places=2, allow_nan=False),
)
def test_times_and_money_come_back_exactly(at: datetime, yuan: Decimal) -> None:
    with ENGINE.connect() as connection:
        connection.execute(TABLE.insert().values(at=at, yuan=yuan))
        row = connection.execute(select(TABLE.c.at, TABLE.c.yuan)).one()
    assert row.at == at
    assert row.at.utcoffset() == timedelta(0)
    assert row.yuan == yuan


@UNHURRIED
@given(st.lists(st.datetimes(datetime(1971, 1, 1), datetime(9000, 1, 1), timezones=ZONES), max_size=6))
def test_the_database_sorts_times_as_instants(times: list[datetime]) -> None:
    with ENGINE.connect() as connection:
        for at in times:
            connection.execute(TABLE.insert().values(at=at))
        found = [row.at for row in connection.execute(select(TABLE.c.at).order_by(TABLE.c.at))]
    assert found == sorted(times)


def test_the_lease_clock_is_the_databases() -> None:
    with ENGINE.connect() as connection:
        now = connection.execute(select(db_now())).scalar_one()
    assert now == pytest.approx(datetime.now(UTC).timestamp(), abs=5)
    assert "julianday" in str(select(db_now()).compile(dialect=sqlite.dialect()))
    assert "clock_timestamp" in str(select(db_now()).compile(dialect=postgresql.dialect()))


def test_one_live_call_holds_on_both_engines() -> None:
    for index in AttemptRow.__table__.indexes:
        if str(index.name).startswith("uq_attempts_live"):
            for dialect in (sqlite.dialect(), postgresql.dialect()):
                assert "WHERE outcome IS NULL" in str(CreateIndex(index).compile(dialect=dialect))
