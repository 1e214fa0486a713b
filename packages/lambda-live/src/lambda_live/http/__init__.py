"""
The HTTP front ends: AWS's Lambda API, API Gateway, function URLs and the admin port.

In: HTTP requests. Out: invocations for `functions`, and their results as HTTP responses.
`function_app` decides which front end serves a request: `operations` (with one `*_api` module per
group of operations), `api_gateway` or `function_url`. `payloads` turns a request into an event, and
`proxy_response` turns a result into a response. `origin_policy` protects every port from web pages.
It imports `events`, `functions`, `telemetry` and `model`.
"""
