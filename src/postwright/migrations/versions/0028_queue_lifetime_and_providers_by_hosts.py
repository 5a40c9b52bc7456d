"""queue lifetime and providers by hosts"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "site_providers",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("site", name=op.f("pk_site_providers")),
    )
    with op.batch_alter_table("site_providers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_site_providers_seen_at"), ["seen_at"], unique=False)

    with op.batch_alter_table("domains", schema=None) as batch_op:
        batch_op.add_column(sa.Column("queue_lifetime", sa.Integer(), server_default="0", nullable=False))
