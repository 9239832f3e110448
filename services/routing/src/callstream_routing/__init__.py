"""Callstream routing: queues, offers and routing decisions."""
