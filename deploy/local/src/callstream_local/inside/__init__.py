"""Looking inside: what the events of a call mean, told to a person."""
