"""The queue's indexes hold what is open alone: ready tasks by lane, waiting ones by the end of their wait."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

AGO = {'sqlite': "'1970-01-01 00:00:00.000000'", 'postgresql': "'1970-01-01 00:00:00+00'::timestamptz"}


def upgrade() -> None:
    op.drop_index('ix_tasks_ready', table_name='tasks')
    op.drop_index('ix_tasks_campaign_ready', table_name='tasks')
    op.drop_index('ix_tasks_appointment', table_name='tasks')
    _index('ix_tasks_ready', ['campaign', 'zone', 'segment', 'deadline', 'id'], 'hidden_until = {ago}')
    _index('ix_tasks_waiting', ['hidden_until', 'deadline', 'id'], 'hidden_until > {ago}')
    _index('ix_tasks_agreed', ['appointment'], 'appointment IS NOT NULL')


def _index(name: str, columns: list[str], also: str) -> None:
    where = {name: sa.text(f"state = 'open' AND {also.format(ago=ago)}") for name, ago in AGO.items()}
    op.create_index(name, 'tasks', columns, unique=False,
                    sqlite_where=where['sqlite'], postgresql_where=where['postgresql'])
