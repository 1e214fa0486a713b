"""
Listeners: AWS's log format on standard output, and metrics for Prometheus.

In: the functions report each init, invocation and reload to a `Listener`.
Out: log records for standard output, a metrics registry, and the source locations of errors.
It may import `model`.
"""
