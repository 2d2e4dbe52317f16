"""The agents of a call with their offsets; grants that are taken back; the log by day and by kind."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('attempts', sa.Column('agent_legs', sa.Text(), nullable=True))
    op.add_column('access_requests', sa.Column('revoked_by', sa.Text(), nullable=True))
    op.add_column('access_requests', sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('access_requests', sa.Column('revoked_why', sa.Text(), nullable=True))
    op.create_index(op.f('ix_archive_log_at'), 'archive_log', ['at'])
    op.create_index('ix_archive_log_kind', 'archive_log', ['kind', 'seq'])
