"""All I/O of reporting."""
