"""NATS and PostgreSQL from wheels, started as child processes on loopback."""
