"""
The interactive terminal: one line for each invocation, reload and check, and the keys.

In: reports of the functions and key presses. Out: text for a person.
It imports `functions`, `checks`, `telemetry` and `model`.
"""
