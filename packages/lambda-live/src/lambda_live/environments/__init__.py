"""
One execution environment: its process, its lifecycle, its limits and its Runtime API.

In: an invocation. Out: a result, log records and reports for the environment's listener.
`runtime_process` is the code that runs inside the process.
It imports `debugger`, `telemetry` and `model`.
"""
