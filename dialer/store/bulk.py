"""Many rows into one table: SQLAlchemy's work on each row's values is done once for the statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Table, insert
from sqlalchemy.exc import StatementError

from dialer.store.rows import Values


def insert_rows(connection: Connection, table: Table, rows: Sequence[Values]) -> None:
    """As ``connection.execute(insert(table), rows)``, in two thirds of its time.

    Each row has the keys of the first; other columns get the database's own default. Raises StatementError
    where a value can't be stored.
    """
    if not rows:
        return
    dialect = connection.dialect
    compiled = insert(table).compile(dialect=dialect, column_keys=list(rows[0]))
    names = compiled.positiontup or ()
    converters = [
        (place, convert)
        for place, name in enumerate(names)
        if (convert := table.c[name].type.dialect_impl(dialect).bind_processor(dialect)) is not None
    ]
    given: list[tuple[Any, ...]] = []
    for row in rows:
        values = [row[name] for name in names]
        try:
            for place, convert in converters:
                values[place] = convert(values[place])
        except ValueError as error:  # as SQLAlchemy says it, without the row's values
            raise StatementError(str(error), str(compiled), None, error, hide_parameters=True) from error
        given.append(tuple(values))
    connection.exec_driver_sql(str(compiled), given)
