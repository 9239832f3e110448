"""Callstream media-gateway: SIP, legs, bridges, prompts and recording."""
