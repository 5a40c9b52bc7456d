"""Alembic's entry: runs the migrations over the connection that `migrate` opened."""

from alembic import context

from postwright.kernel.db import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite cannot alter most things in place; batch mode copies the table.
    render_as_batch=True,
    compare_type=True,
    # The caller began the transaction and commits it: all migrations of an upgrade or none.
    transactional_ddl=False,
)
context.run_migrations()
