"""Callstream ivr: runs published flows for calls."""
