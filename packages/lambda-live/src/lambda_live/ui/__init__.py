"""
The web page on the admin port: history, live events, composer, checks, replay.

In: reports of the functions. Out: JSON, server-sent events and static files for the browser.
It imports `http`, `functions`, `checks`, `telemetry` and `model`.
"""
