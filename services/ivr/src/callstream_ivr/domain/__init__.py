"""The life of a session, pure: state (`session`, `sessions`), fold (`evolve`), decisions (`decide`), wishes (`wanted`)."""
