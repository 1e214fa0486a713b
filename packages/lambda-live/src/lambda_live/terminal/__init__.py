"""
The interactive terminal: a line for each invocation, reload and check, and the keys.

In: reports of the functions, and key presses. Out: text for a person, here and over HTTP.
It may import `http` (ASGI types), `functions`, `checks`, `telemetry`, `model` and `background`.
"""
