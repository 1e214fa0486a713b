"""
By which headers an answer says of which request it is: each door of AWS's has its own.

What a template's APIs send here for a request's id is the invocation's, by which its log is found;
on AWS it is the API's own, as in `requestContext`.

Sources: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
"""

from collections.abc import Callable

from lambda_live.http.asgi import Response
from lambda_live.model.invocation import Invocation

type Sign = Callable[[Response, Invocation], None]

_REQUEST_ID = "x-amzn-RequestId"
_TRACE_ID = "X-Amzn-Trace-Id"
_ERROR_TYPE = "x-amzn-ErrorType"


def of_lambda(response: Response, invocation: Invocation) -> None:
    """Sign as AWS's API for Lambda; nothing is traced but what runs."""
    response.headers.append((_REQUEST_ID, invocation.request_id))
    if invocation.began:
        response.headers.append((_TRACE_ID, invocation.trace_id))


def of_url(response: Response, invocation: Invocation) -> None:
    """Sign as a function URL."""
    response.headers.append((_REQUEST_ID, invocation.request_id))
    response.headers.append((_TRACE_ID, invocation.trace_id))


def of_rest_api(response: Response, invocation: Invocation) -> None:
    """Sign as a REST API, whose own errors have no trace."""
    response.headers.append((_REQUEST_ID, invocation.request_id))
    response.headers.append(("x-amz-apigw-id", invocation.request_id))
    if not any(name == _ERROR_TYPE for name, _ in response.headers):
        response.headers.append((_TRACE_ID, invocation.trace_id))


def of_http_api(response: Response, invocation: Invocation) -> None:
    """Sign as an HTTP API, whose errors have no type."""
    own = [pair for pair in response.headers if pair[0] != _ERROR_TYPE]
    response.headers = [*own, ("Apigw-Requestid", invocation.request_id)]
