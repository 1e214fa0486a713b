"""
One execution environment: its process, lifecycle, limits and Runtime API.

In: an invocation. Out: log records for the `Listener`; results for the `EnvironmentListener`.
`runtime_process` is the code that runs inside the process, and imports nothing of the service.
May import `debugger`, `dependencies`, `telemetry` and `model`.
"""
