"""What the service does when the log has moved: decide and append, carry out what the sessions want."""
