"""
Expected responses: event files, `.http` files, placeholders and their comparison.

Command line, terminal, web page and CI use this one implementation.
In: an event file and a response. Out: the differences from the expected response.
It imports `telemetry` and `model`.
"""
