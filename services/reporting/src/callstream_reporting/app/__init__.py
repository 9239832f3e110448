"""Use cases of reporting, one verb a file."""
