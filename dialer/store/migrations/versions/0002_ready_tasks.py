"""Ready tasks are found by one index, whatever number of tasks wait; appointments by another."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index('ix_tasks_queue', table_name='tasks')
    op.create_index('ix_tasks_ready', 'tasks', ['state', 'hidden_until', 'deadline', 'id'], unique=False)
    op.create_index('ix_tasks_appointment', 'tasks', ['appointment'], unique=False)
