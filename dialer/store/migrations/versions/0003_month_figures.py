"""A month's figures are counted on indexes: due tasks, calls by slot, completed calls by task."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index('ix_tasks_deadline', 'tasks', ['deadline'], unique=False)
    op.create_index('ix_attempts_slot', 'attempts', ['slot', 'outcome', 'task_id'], unique=False)
    op.create_index('ix_attempts_completed', 'attempts', ['task_id', 'slot'], unique=False,
                    sqlite_where=sa.text("outcome = 'completed'"),
                    postgresql_where=sa.text("outcome = 'completed'"))
