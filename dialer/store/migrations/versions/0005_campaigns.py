"""Campaigns with versions and history; do-not-call, waivers, surrenders; visits, letters and texts.

What was under way goes on: each campaign that tasks name becomes a running version 0, carried over; what
verdicts gave to a visit or a text stands on its work list.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

CARRIED_OVER = "under way before campaigns had approvals"


def upgrade() -> None:
    for name in ('address', 'email'):
        op.add_column('tasks', sa.Column(name, sa.Text(), server_default='', nullable=False))
    op.create_index('ix_tasks_campaign_ready', 'tasks', ['campaign', 'deadline', 'id'], unique=False,
                    sqlite_where=sa.text("coalesce(state, '') = 'open' AND hidden_until = '1970-01-01 00:00:00.000000'"),
                    postgresql_where=sa.text("state = 'open' AND hidden_until = '1970-01-01 00:00:00+00'"))
    with op.batch_alter_table('tickets', table_kwargs={'sqlite_autoincrement': True}) as tickets:
        tickets.alter_column('call_id', existing_type=sa.Integer(), nullable=True)
    _campaigns()
    _lists()
    _handovers()
    _carry_over()


def _campaigns() -> None:
    op.create_table('campaign_versions',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('campaign', sa.Text(), nullable=False),
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('state', sa.Text(), nullable=False),
        sa.Column('author', sa.Text(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('digest', sa.Text(), nullable=False),
        sa.Column('plan_text', sa.Text(), nullable=False),
        sa.Column('script_text', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('id', name='pk_campaign_versions'),
        sa.UniqueConstraint('campaign', 'number', name='uq_campaign_versions_campaign'),
        sqlite_autoincrement=True
    )
    op.create_index('uq_campaign_versions_in_force', 'campaign_versions', ['campaign'], unique=True,
                    sqlite_where=sa.text("state IN ('running', 'paused')"),
                    postgresql_where=sa.text("state IN ('running', 'paused')"))
    op.create_table('campaign_steps',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('campaign', sa.Text(), nullable=False),
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('step', sa.Text(), nullable=False),
        sa.Column('before', sa.Text(), nullable=False),
        sa.Column('after', sa.Text(), nullable=False),
        sa.Column('actor', sa.Text(), nullable=False),
        sa.Column('account', sa.Text(), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('note', sa.Text(), nullable=False),
        sa.Column('digest', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('id', name='pk_campaign_steps'),
        sqlite_autoincrement=True
    )
    op.create_index('ix_campaign_steps_campaign', 'campaign_steps', ['campaign'], unique=False)


def _lists() -> None:
    op.create_table('do_not_call',
        sa.Column('number', sa.Text(), nullable=False),
        sa.Column('reason', sa.Text(), nullable=False),
        sa.Column('added_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('added_by', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('number', name='pk_do_not_call')
    )
    op.create_table('exemptions',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('kind', sa.Text(), nullable=False),
        sa.Column('policy_no', sa.Text(), nullable=False),
        sa.Column('campaign', sa.Text(), nullable=False),
        sa.Column('day', sa.Date(), nullable=True),
        sa.Column('detail', sa.Text(), nullable=False),
        sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('recorded_by', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('id', name='pk_exemptions'),
        sa.UniqueConstraint('policy_no', 'kind', 'campaign', name='uq_exemptions_policy_no'),
        sqlite_autoincrement=True
    )


def _handovers() -> None:
    op.create_table('handovers',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('task_id', sa.Integer(), nullable=False),
        sa.Column('channel', sa.Text(), nullable=False),
        sa.Column('state', sa.Text(), nullable=False),
        sa.Column('opened_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('assignee', sa.Text(), nullable=False),
        sa.Column('planned', sa.Date(), nullable=True),
        sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('done_on', sa.Date(), nullable=True),
        sa.Column('answers', sa.Text(), nullable=False),
        sa.Column('note', sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(['task_id'], ['tasks.id'], name='fk_handovers_task_id_tasks'),
        sa.PrimaryKeyConstraint('id', name='pk_handovers'),
        sqlite_autoincrement=True
    )
    op.create_index('ix_handovers_task_id', 'handovers', ['task_id'], unique=False)
    op.create_index('ix_handovers_opened_at', 'handovers', ['opened_at'], unique=False)
    op.create_index('ix_handovers_closed_at', 'handovers', ['closed_at'], unique=False)
    op.create_index('ix_handovers_list', 'handovers', ['channel', 'state', 'id'], unique=False)
    op.create_table('handover_steps',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('handover_id', sa.Integer(), nullable=False),
        sa.Column('step', sa.Text(), nullable=False),
        sa.Column('before', sa.Text(), nullable=False),
        sa.Column('after', sa.Text(), nullable=False),
        sa.Column('actor', sa.Text(), nullable=False),
        sa.Column('account', sa.Text(), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('note', sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(['handover_id'], ['handovers.id'], name='fk_handover_steps_handover_id_handovers'),
        sa.PrimaryKeyConstraint('id', name='pk_handover_steps'),
        sqlite_autoincrement=True
    )
    op.create_index('ix_handover_steps_handover_id', 'handover_steps', ['handover_id'], unique=False)
    op.create_table('meter_alarms',
        sa.Column('month', sa.Text(), nullable=False),
        sa.Column('told_at', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('month', name='pk_meter_alarms')
    )


def _carry_over() -> None:
    op.execute(
        "INSERT INTO campaign_versions"
        " (campaign, number, state, author, created_at, digest, plan_text, script_text)"
        " SELECT DISTINCT campaign, 0, 'running', '', CURRENT_TIMESTAMP, '', '', '' FROM tasks"
    )
    op.execute(
        "INSERT INTO campaign_steps"
        " (campaign, number, step, before, after, actor, account, at, note, digest)"
        " SELECT campaign, 0, 'carry over', 'running', 'running', 'upgrade', '', created_at,"
        f" '{CARRIED_OVER}', '' FROM campaign_versions"
    )
    op.execute(
        "INSERT INTO handovers (task_id, channel, state, opened_at, assignee, answers, note)"
        " SELECT decisions.task_id, decisions.channel, 'listed', decisions.at, '', '[]', ''"
        " FROM decisions JOIN tasks ON tasks.id = decisions.task_id"
        " WHERE tasks.state IN ('contact_refresh', 'excluded') AND decisions.kind = 'escalate'"
        " AND decisions.channel IN ('visit', 'text') AND decisions.id ="
        " (SELECT max(said.id) FROM decisions AS said WHERE said.task_id = decisions.task_id)"
        " ORDER BY decisions.id"
    )
    op.execute(
        "UPDATE tasks SET state = 'visit' WHERE state = 'contact_refresh' AND id IN"
        " (SELECT task_id FROM handovers WHERE channel = 'visit')"
    )
