"""All I/O of console."""
