"""The library that every Callstream service shares.

`contracts`: what crosses the wire (events, commands, configuration, subjects). `kernel`: pure building blocks of the domains.
`runtime`: NATS, processes, telemetry. `testing`: contract suites, virtual time and scenario helpers.
"""
