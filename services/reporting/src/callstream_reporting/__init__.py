"""Callstream reporting: service records and timelines folded from the event log."""
