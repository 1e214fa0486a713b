"""
One function: request queue, scaling, dispatch, reload and asynchronous invocations.

In: invocations from `http`, code changes from `code`, configurations from `project`.
Out: results for the callers, and events for the listeners.
It imports `environments`, `debugger`, `code`, `telemetry`, `model` and `background`.
"""
