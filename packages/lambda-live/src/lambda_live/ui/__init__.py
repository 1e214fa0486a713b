"""
The web page on the admin port: history, live events, composer, checks, replay.

In: what the functions report to their listeners, and the browser's requests.
Out: JSON, server-sent events, static files, and error pages for browsers.
It may import `http`, `functions`, `checks`, `telemetry` and `model`.
"""
