"""
Checks: events, their expected responses, and the comparison with actual ones.

Command line, terminal, web page and CI use this one implementation.
In: event files and responses. Out: a CheckResult with the differences.
It imports `code`, `telemetry` and `model`.
"""
