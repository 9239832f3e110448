"""The media engine: a worker process that holds RTP sockets, mixes, plays and records, and the client to it."""
