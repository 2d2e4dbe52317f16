"""Finding calls, and who may hear them: search index, words, accounts, sessions, requests, score cards.

The rows of ``found_calls`` and ``call_words`` are filled by the program when it opens the database: the
numbers' key is its own.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def _needed(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def upgrade() -> None:
    op.create_index('ix_answers_question', 'answers', ['question', 'answer_class', 'call_id'])
    op.create_index('ix_answers_class', 'answers', ['answer_class', 'call_id'])
    op.create_index('ix_tickets_category', 'tickets', ['category', 'call_id'])
    op.create_table(
        'found_calls',
        sa.Column('call_id', sa.Integer(), autoincrement=False, nullable=False),
        sa.Column('at', TIME, nullable=False),
        *_needed('number_key', 'name', 'policy_no', 'branch', 'campaign', 'seller', 'agent', 'outcome'),
        sa.Column('talk_s', sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(['call_id'], ['attempts.id'], name=op.f('fk_found_calls_call_id_attempts')),
        sa.PrimaryKeyConstraint('call_id', name=op.f('pk_found_calls')),
    )
    for name in ('at', 'number_key', 'name', 'policy_no', 'branch', 'campaign', 'seller', 'agent', 'outcome'):
        op.create_index(f'ix_found_calls_{name}', 'found_calls', [name, 'call_id'])
    op.create_index('ix_found_calls_talk', 'found_calls', ['talk_s', 'call_id'])
    op.create_table(
        'index_key',
        sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
        *_needed('salt', 'check'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_index_key')),
    )
    if op.get_bind().dialect.name == 'sqlite':
        op.execute("CREATE VIRTUAL TABLE call_words USING fts5(words, content='', tokenize='unicode61')")
    else:
        op.execute("CREATE TABLE call_words (call_id integer PRIMARY KEY, words tsvector NOT NULL)")
        op.execute("CREATE INDEX ix_call_words ON call_words USING gin (words)")
    op.create_table(
        'accounts',
        *_needed('name', 'roles', 'password_hash'),
        sa.Column('active', sa.Boolean(), nullable=False),
        sa.Column('failures', sa.Integer(), nullable=False),
        sa.Column('locked_until', TIME, nullable=True),
        sa.PrimaryKeyConstraint('name', name=op.f('pk_accounts')),
    )
    op.create_table(
        'sessions',
        *_needed('token_sha256', 'account', 'csrf'),
        sa.Column('expires_at', TIME, nullable=False),
        sa.ForeignKeyConstraint(['account'], ['accounts.name'], name=op.f('fk_sessions_account_accounts')),
        sa.PrimaryKeyConstraint('token_sha256', name=op.f('pk_sessions')),
    )
    op.create_index(op.f('ix_sessions_account'), 'sessions', ['account'])
    op.create_index(op.f('ix_sessions_expires_at'), 'sessions', ['expires_at'])
    op.create_table(
        'access_requests',
        sa.Column('id', sa.Integer(), nullable=False),
        *_needed('by', 'purpose', 'use', 'filing_no', 'search', 'state', 'decided_by', 'why'),
        sa.Column('hours', sa.Integer(), nullable=False),
        sa.Column('at', TIME, nullable=False),
        sa.Column('decided_at', TIME, nullable=True),
        sa.Column('expires_at', TIME, nullable=True),
        sa.ForeignKeyConstraint(['by'], ['accounts.name'], name=op.f('fk_access_requests_by_accounts')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_access_requests')),
        sqlite_autoincrement=True,
    )
    op.create_index('ix_access_requests_by', 'access_requests', ['by', 'id'])
    op.create_index('ix_access_requests_state', 'access_requests', ['state', 'id'])
    op.create_table(
        'requested_calls',
        sa.Column('request_id', sa.Integer(), nullable=False),
        sa.Column('call_id', sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(['call_id'], ['attempts.id'], name=op.f('fk_requested_calls_call_id_attempts')),
        sa.ForeignKeyConstraint(
            ['request_id'], ['access_requests.id'], name=op.f('fk_requested_calls_request_id_access_requests')
        ),
        sa.PrimaryKeyConstraint('request_id', 'call_id', name=op.f('pk_requested_calls')),
    )
    op.create_index(op.f('ix_requested_calls_call_id'), 'requested_calls', ['call_id'])
    op.create_table(
        'score_cards',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('call_id', sa.Integer(), nullable=False),
        *_needed('by', 'marks', 'findings', 'note'),
        sa.Column('at', TIME, nullable=False),
        sa.Column('score', sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(['call_id'], ['attempts.id'], name=op.f('fk_score_cards_call_id_attempts')),
        sa.ForeignKeyConstraint(['by'], ['accounts.name'], name=op.f('fk_score_cards_by_accounts')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_score_cards')),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f('ix_score_cards_call_id'), 'score_cards', ['call_id'])
    op.create_index(op.f('ix_score_cards_at'), 'score_cards', ['at'])
