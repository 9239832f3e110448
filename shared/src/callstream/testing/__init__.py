"""What tests of all services share: the event store's contract suite, scenario tables, virtual time, benchmarks."""
