"""What the rules go by, and the ledger of what they said: tiers, deadline types, inputs of each decision.

Waivers of before counted as signed by all three: that is what the column said then.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ('deadline_type', 'seller_team', 'tier', 'waiver_signatures'):
        op.add_column('tasks', sa.Column(name, sa.Text(), server_default='', nullable=False))
    for name in ('due_provisional', 'visit_failed'):
        op.add_column('tasks', sa.Column(name, sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column('tasks', sa.Column('event', sa.Date(), nullable=True))
    op.execute("UPDATE tasks SET waiver_signatures = 'policyholder,seller,sales_manager' WHERE waiver")
    op.create_index('ix_tasks_provisional', 'tasks', ['id'], unique=False,
                    sqlite_where=sa.text('due_provisional'), postgresql_where=sa.text('due_provisional'))
    op.add_column('decisions', sa.Column('en', sa.Text(), server_default='', nullable=False))
    op.add_column('decisions', sa.Column('inputs', sa.Text(), nullable=True))
    op.create_index('ix_decisions_at', 'decisions', ['at'], unique=False)
    op.create_table('rules',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('campaign', sa.Text(), nullable=False),
        sa.Column('fingerprint', sa.Text(), nullable=False),
        sa.Column('body', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('id', name='pk_rules'),
        sqlite_autoincrement=True
    )
    op.create_index('ix_rules_fingerprint', 'rules', ['fingerprint'], unique=False)
    op.create_index('ix_rules_campaign', 'rules', ['campaign', 'id'], unique=False)
    op.create_table('due_changes',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('task_id', sa.Integer(), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('deadline_type', sa.Text(), nullable=False),
        sa.Column('before', sa.Date(), nullable=True),
        sa.Column('after', sa.Date(), nullable=False),
        sa.Column('provisional', sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(['task_id'], ['tasks.id'], name='fk_due_changes_task_id_tasks'),
        sa.PrimaryKeyConstraint('id', name='pk_due_changes'),
        sqlite_autoincrement=True
    )
    op.create_index('ix_due_changes_task_id', 'due_changes', ['task_id'], unique=False)
