"""Benchmarks: `callstream bench`. One part a file; each measures the real thing and tells what it measured.

A part is an async function that gets a `Progress` and gives its keys of build/bench.json; it raises CannotMeasure when the work
itself failed (calls lost, a service down), never because a target is missed. What the keys mean: docs/benchmarks.md.
"""
