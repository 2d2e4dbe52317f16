"""Tickets: the anomaly in the customer's words, and the earlier ticket about the same matter."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('tickets', sa.Column('anomaly', sa.Text(), server_default='', nullable=False))
    op.add_column('tickets', sa.Column('repeat_of', sa.Integer(), server_default='0', nullable=False))
    op.create_index('ix_tasks_policy', 'tasks', ['policy_no'], unique=False)

