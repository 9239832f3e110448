"""Alembic's entry; the work is the same for every service."""

from callstream.runtime.migration_env import run_migrations

run_migrations()
