"""Child processes: start, watch, restart with back-off, stop without leaving an orphan."""
