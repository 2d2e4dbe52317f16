"""The archive: its hash-chained log, the index of what is kept, the signed roots of the days.

The log is append-only for the database too: triggers refuse what would change or remove an entry.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_SQLITE = """CREATE TRIGGER archive_log_no_{0} BEFORE {0} ON archive_log
BEGIN SELECT RAISE(ABORT, 'the archive log is append-only'); END"""
_FUNCTION = """CREATE FUNCTION archive_log_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the archive log is append-only'; END $$"""
_POSTGRESQL = """CREATE TRIGGER archive_log_no_{0} BEFORE {0} ON archive_log
FOR EACH STATEMENT EXECUTE FUNCTION archive_log_append_only()"""


def upgrade() -> None:
    op.create_table('archive_log',
        sa.Column('seq', sa.Integer(), autoincrement=False, nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('kind', sa.Text(), nullable=False),
        sa.Column('call_id', sa.Integer(), nullable=True),
        sa.Column('body', sa.Text(), nullable=False),
        sa.Column('hash', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('seq', name='pk_archive_log')
    )
    op.create_index('ix_archive_log_call_id', 'archive_log', ['call_id'], unique=False)
    op.create_table('evidence',
        sa.Column('call_id', sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ('state', 'place', 'audio', 'audio_sha256')),
        sa.Column('audio_size', sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ('audio_version', 'sidecar', 'sidecar_sha256')),
        sa.Column('sidecar_size', sa.Integer(), nullable=False),
        sa.Column('sidecar_version', sa.Text(), nullable=False),
        sa.Column('retain_until', sa.Date(), nullable=False),
        sa.Column('retain_class', sa.Text(), nullable=False),
        sa.Column('hold', sa.Boolean(), nullable=False),
        sa.Column('sealed_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('listed_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('listed_by', sa.Text(), nullable=False),
        sa.Column('approved_by', sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(['call_id'], ['attempts.id'], name='fk_evidence_call_id_attempts'),
        sa.PrimaryKeyConstraint('call_id', name='pk_evidence')
    )
    op.create_index('ix_evidence_state', 'evidence', ['state', 'call_id'], unique=False)
    op.create_index('ix_evidence_retain_until', 'evidence', ['state', 'retain_until'], unique=False)
    op.create_table('archive_roots',
        sa.Column('day', sa.Date(), nullable=False),
        sa.Column('first', sa.Integer(), nullable=False),
        sa.Column('last', sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ('root', 'text', 'signature', 'public_key')),
        sa.PrimaryKeyConstraint('day', name='pk_archive_roots')
    )
    if op.get_bind().dialect.name == 'postgresql':
        op.execute(_FUNCTION)
        for what in ('UPDATE', 'DELETE', 'TRUNCATE'):
            op.execute(_POSTGRESQL.format(what))
    else:
        for what in ('UPDATE', 'DELETE'):
            op.execute(_SQLITE.format(what))
