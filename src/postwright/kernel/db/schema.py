"""The one description of all tables; each concept's `tables.py` adds its own."""

from sqlalchemy import BigInteger, Integer, MetaData

# Constraints need names of their own before a later migration can drop them on every database.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# Microseconds since the epoch. SQLite's INTEGER is 64 bits wide, and only a column declared just so can be a
# rowid alias (sqlite.org/lang_createtable.html#rowid).
Micros = BigInteger().with_variant(Integer(), "sqlite")
