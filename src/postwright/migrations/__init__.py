"""The schema's history; `kernel/db/migrate.py` runs it at start."""
