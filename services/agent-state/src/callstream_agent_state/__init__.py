"""Callstream agent-state: one state machine per agent."""
