"""Facts about the installation that all its processes must agree on, each said once."""

from sqlalchemy import Column, Table, Text, select

from .schema import metadata
from .tx import Read, Write

installation = Table(
    "installation",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)


def fact(tx: Read, name: str) -> str:
    """What was settled; "" when nothing was."""
    return tx.scalar(select(installation.c.value).where(installation.c.name == name)) or ""


def settle(tx: Write, name: str, value: str) -> str:
    """Say what a fact is, unless it is settled already; what it is."""
    tx.upsert(installation, {"name": name, "value": value}, ["name"])
    return fact(tx, name)
