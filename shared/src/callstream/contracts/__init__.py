"""What crosses the wire, version 1: events, commands, configuration documents and the subjects they travel on.

These modules are the one source: services, tests, the AsyncAPI document and the golden files all read them.
"""
