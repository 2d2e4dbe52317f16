"""The first tables.

There is no downgrade: it would drop evidence. Restore a backup instead.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('outbox',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('kind', sa.Text(), nullable=False),
        sa.Column('payload', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('id', name='pk_outbox'),
        sqlite_autoincrement=True
    )
    op.create_table('tasks',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('campaign', sa.Text(), nullable=False),
        sa.Column('policy_no', sa.Text(), nullable=False),
        sa.Column('customer_key', sa.Text(), nullable=False),
        sa.Column('holder_name', sa.Text(), nullable=False),
        sa.Column('holder_honorific', sa.Text(), nullable=False),
        sa.Column('insured_differs', sa.Boolean(), nullable=False),
        sa.Column('product', sa.Text(), nullable=False),
        sa.Column('premium', sa.String(length=32), nullable=False),
        sa.Column('pay_years', sa.Integer(), nullable=False),
        sa.Column('script', sa.Text(), nullable=False),
        sa.Column('cooling_off_days', sa.Integer(), nullable=False),
        sa.Column('cooling_off_end', sa.Date(), nullable=True),
        sa.Column('due', sa.Date(), nullable=True),
        sa.Column('deadline', sa.Date(), nullable=False),
        sa.Column('branch', sa.Text(), nullable=False),
        sa.Column('channel', sa.Text(), nullable=False),
        sa.Column('seller', sa.Text(), nullable=False),
        sa.Column('segment', sa.Text(), nullable=False),
        sa.Column('zone', sa.Text(), nullable=False),
        sa.Column('state', sa.Text(), nullable=False),
        sa.Column('pass_no', sa.Integer(), nullable=False),
        sa.Column('appointment', sa.DateTime(timezone=True), nullable=True),
        sa.Column('waiver', sa.Boolean(), nullable=False),
        sa.Column('opted_out', sa.Boolean(), nullable=False),
        sa.Column('surrendered', sa.Boolean(), nullable=False),
        sa.Column('do_not_call', sa.Boolean(), nullable=False),
        sa.Column('imported_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('hidden_until', sa.DateTime(timezone=True), nullable=False),
        sa.Column('fence', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('id', name='pk_tasks'),
        sa.UniqueConstraint('campaign', 'policy_no', name='uq_tasks_campaign'),
        sqlite_autoincrement=True
    )
    op.create_index('ix_tasks_customer_key', 'tasks', ['customer_key'], unique=False)
    op.create_index('ix_tasks_queue', 'tasks', ['state', 'deadline', 'id', 'hidden_until'], unique=False)
    op.create_table('attempts',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('task_id', sa.Integer(), nullable=False),
        sa.Column('customer_key', sa.Text(), nullable=False),
        sa.Column('number', sa.Text(), nullable=False),
        sa.Column('pass_no', sa.Integer(), nullable=False),
        sa.Column('slot', sa.Text(), nullable=False),
        sa.Column('node', sa.Text(), nullable=False),
        sa.Column('fence', sa.Integer(), nullable=False),
        sa.Column('invited_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('ringing_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('answered_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('outcome', sa.Text(), nullable=True),
        sa.Column('sip_code', sa.Integer(), nullable=False),
        sa.Column('reason', sa.Text(), nullable=False),
        sa.Column('appointment', sa.DateTime(timezone=True), nullable=True),
        sa.Column('hung_up_by', sa.Text(), nullable=False),
        sa.Column('agent', sa.Text(), nullable=False),
        sa.Column('transferred', sa.Boolean(), nullable=False),
        sa.Column('rtp', sa.Text(), nullable=True),
        sa.Column('script_version', sa.Text(), nullable=False),
        sa.Column('recovered', sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(['task_id'], ['tasks.id'], name='fk_attempts_task_id_tasks'),
        sa.PrimaryKeyConstraint('id', name='pk_attempts'),
        sqlite_autoincrement=True
    )
    op.create_index('ix_attempts_customer_key', 'attempts', ['customer_key'], unique=False)
    op.create_index('ix_attempts_task_id', 'attempts', ['task_id'], unique=False)
    op.create_index('uq_attempts_live_customer', 'attempts', ['customer_key'], unique=True,
                    sqlite_where=sa.text('outcome IS NULL'),
                    postgresql_where=sa.text('outcome IS NULL'))
    op.create_index('uq_attempts_live_task', 'attempts', ['task_id'], unique=True,
                    sqlite_where=sa.text('outcome IS NULL'),
                    postgresql_where=sa.text('outcome IS NULL'))
    op.create_table('claims',
        sa.Column('task_id', sa.Integer(), nullable=False),
        sa.Column('node', sa.Text(), nullable=False),
        sa.Column('fence', sa.Integer(), nullable=False),
        sa.Column('lease_until', sa.Double(), nullable=False),
        sa.Column('claimed_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['task_id'], ['tasks.id'], name='fk_claims_task_id_tasks'),
        sa.PrimaryKeyConstraint('task_id', name='pk_claims')
    )
    op.create_index('ix_claims_node', 'claims', ['node'], unique=False)
    op.create_table('decisions',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('task_id', sa.Integer(), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('kind', sa.Text(), nullable=False),
        sa.Column('rule', sa.Text(), nullable=False),
        sa.Column('why', sa.Text(), nullable=False),
        sa.Column('until', sa.DateTime(timezone=True), nullable=True),
        sa.Column('number', sa.Text(), nullable=True),
        sa.Column('slot', sa.Text(), nullable=True),
        sa.Column('channel', sa.Text(), nullable=True),
        sa.Column('findings', sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(['task_id'], ['tasks.id'], name='fk_decisions_task_id_tasks'),
        sa.PrimaryKeyConstraint('id', name='pk_decisions'),
        sqlite_autoincrement=True
    )
    op.create_index('ix_decisions_task', 'decisions', ['task_id', 'id'], unique=False)
    op.create_table('phones',
        sa.Column('task_id', sa.Integer(), nullable=False),
        sa.Column('position', sa.Integer(), nullable=False),
        sa.Column('number', sa.Text(), nullable=False),
        sa.Column('verified', sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(['task_id'], ['tasks.id'], name='fk_phones_task_id_tasks'),
        sa.PrimaryKeyConstraint('task_id', 'position', name='pk_phones')
    )
    op.create_table('answers',
        sa.Column('call_id', sa.Integer(), nullable=False),
        sa.Column('position', sa.Integer(), nullable=False),
        sa.Column('question', sa.Text(), nullable=False),
        sa.Column('kind', sa.Text(), nullable=False),
        sa.Column('answer_class', sa.Text(), nullable=False),
        sa.Column('words', sa.Text(), nullable=False),
        sa.Column('confidence', sa.Double(), nullable=False),
        sa.Column('source', sa.Text(), nullable=False),
        sa.Column('asked_offset_s', sa.Double(), nullable=False),
        sa.Column('start_offset_s', sa.Double(), nullable=False),
        sa.Column('end_offset_s', sa.Double(), nullable=False),
        sa.Column('asking', sa.Integer(), nullable=False),
        sa.Column('decided_by', sa.Text(), nullable=False),
        sa.Column('final', sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(['call_id'], ['attempts.id'], name='fk_answers_call_id_attempts'),
        sa.PrimaryKeyConstraint('call_id', 'position', name='pk_answers')
    )
    op.create_table('recordings',
        sa.Column('call_id', sa.Integer(), nullable=False),
        sa.Column('path', sa.Text(), nullable=False),
        sa.Column('sha256', sa.Text(), nullable=False),
        sa.Column('size', sa.Integer(), nullable=False),
        sa.Column('duration_s', sa.Double(), nullable=False),
        sa.Column('codec', sa.Text(), nullable=False),
        sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('ended_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('retain_until', sa.Date(), nullable=False),
        sa.Column('legal_hold', sa.Boolean(), nullable=False),
        sa.Column('partial', sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(['call_id'], ['attempts.id'], name='fk_recordings_call_id_attempts'),
        sa.PrimaryKeyConstraint('call_id', name='pk_recordings'),
        sa.UniqueConstraint('path', name='uq_recordings_path')
    )
    op.create_index('ix_recordings_retain_until', 'recordings', ['retain_until'], unique=False)
    op.create_table('tickets',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('call_id', sa.Integer(), nullable=False),
        sa.Column('task_id', sa.Integer(), nullable=False),
        sa.Column('category', sa.Text(), nullable=False),
        sa.Column('departments', sa.Text(), nullable=False),
        sa.Column('question', sa.Text(), nullable=False),
        sa.Column('words', sa.Text(), nullable=False),
        sa.Column('answer_offset_s', sa.Double(), nullable=False),
        sa.Column('issued_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('due', sa.DateTime(timezone=True), nullable=False),
        sa.Column('major', sa.Boolean(), nullable=False),
        sa.Column('escalated', sa.Boolean(), nullable=False),
        sa.Column('status', sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(['call_id'], ['attempts.id'], name='fk_tickets_call_id_attempts'),
        sa.ForeignKeyConstraint(['task_id'], ['tasks.id'], name='fk_tickets_task_id_tasks'),
        sa.PrimaryKeyConstraint('id', name='pk_tickets'),
        sqlite_autoincrement=True
    )
    op.create_index('ix_tickets_call_id', 'tickets', ['call_id'], unique=False)
    op.create_index('ix_tickets_task_id', 'tickets', ['task_id'], unique=False)
