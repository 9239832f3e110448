"""One verb of the command line a file; each has `register(app)`, and imports what is slow to load inside its function."""
