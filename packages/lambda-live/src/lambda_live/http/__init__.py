"""
The HTTP front ends: AWS's Lambda API, API Gateway, function URLs and the admin port.

In: HTTP requests. Out: invocations for `functions`, and their results as HTTP responses.
The origin policy decides which web pages may send requests.
It imports `functions`, `telemetry` and `model`.
"""
