"""The database schema of reporting, as Alembic versions."""

HEAD = "0010"
