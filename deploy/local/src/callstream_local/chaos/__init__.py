"""Kills parts of a running copy during calls, and tells what every caller and agent heard and what the records say."""
