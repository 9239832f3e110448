"""Callstream console: sign-in and configuration."""
