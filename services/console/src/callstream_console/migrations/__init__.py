"""The database schema of console, as Alembic versions."""

HEAD = "0004"
