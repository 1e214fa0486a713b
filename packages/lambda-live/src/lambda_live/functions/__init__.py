"""
One function: request queue, scaling, dispatch, reload and asynchronous invocations.

In: invocations from `http`, code changes from `code`, configurations from `project`.
Out: results for the callers, and reports for the listeners.
It imports `environments`, `code`, `telemetry` and `model`.
"""
