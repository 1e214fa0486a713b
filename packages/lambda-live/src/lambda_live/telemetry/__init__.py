"""
Listeners of what happens to a function: the log in AWS's format, and the metrics.

The functions report each init, invocation and reload to a `Listener`.
It writes log records to standard output and serves metrics for Prometheus.
It imports `model`.
"""
