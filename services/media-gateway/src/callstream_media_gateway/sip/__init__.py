"""Callstream's SIP user agent (RFC 3261), standard library only; `user_agent.UserAgent` is the way in."""
