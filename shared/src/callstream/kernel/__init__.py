"""Pure building blocks of every domain: ids, time, transition tables, timers, outcomes. No I/O, no wall clock."""
