"""I/O of the service beyond what callstream.runtime does."""
