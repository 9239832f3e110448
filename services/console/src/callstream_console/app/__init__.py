"""Use cases of console, one verb a file."""
