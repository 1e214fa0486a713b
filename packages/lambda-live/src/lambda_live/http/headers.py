"""
Headers that AWS's front ends rename, drop and add.

AWS documents the renamed and dropped headers of a REST API. The other ones were observed in
responses. On AWS, an API has a request id of its own. Here it is the invocation's id, by which a
user finds its log.

Sources: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
"""

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from lambda_live.http.asgi import Response
from lambda_live.model.invocation import Invocation

type Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class HeaderRemapping:
    """The headers that one front end renames and drops, in lower case."""

    renamed: AbstractSet[str]
    dropped: AbstractSet[str]

    def apply(self, headers: Iterable[tuple[str, str]]) -> Headers:
        """Return the headers as the front end sends them."""
        return [
            (f"x-amzn-Remapped-{name}" if name.lower() in self.renamed else name, value)
            for name, value in headers
            if name.lower() not in self.dropped
        ]


REST_API = HeaderRemapping(
    renamed={
        *("authorization", "connection", "content-length", "content-md5", "date", "max-forwards"),
        *("server", "user-agent", "www-authenticate", "x-amzn-requestid"),
    },
    dropped={
        *("expect", "host", "proxy-authenticate", "te", "trailer", "transfer-encoding", "upgrade"),
        "via",
    },
)
FUNCTION_URL = HeaderRemapping(
    renamed={"connection", "content-length", "www-authenticate"}, dropped={"transfer-encoding"}
)
HTTP_API = HeaderRemapping(renamed=set(), dropped={"content-length", "transfer-encoding"})

REST_API_DROPPED_REQUEST_HEADERS = {
    *("content-length", "content-md5", "expect", "max-forwards", "proxy-authenticate", "server"),
    *("te", "trailer", "transfer-encoding", "upgrade", "www-authenticate"),
}
"""Request headers that a REST API does not pass on in the event."""


OWN_HEADER_PREFIX = b"x-lambda-live-"
"""Start of the names of this service's own request headers, which events don't have."""

type AddIdHeaders = Callable[[Response, Invocation], None]

_REQUEST_ID = "x-amzn-RequestId"
_TRACE_ID = "X-Amzn-Trace-Id"
_ERROR_TYPE = "x-amzn-ErrorType"


def add_lambda_ids(response: Response, invocation: Invocation) -> None:
    """Add the ids of AWS's Lambda API: a trace id only if an invocation ran."""
    response.headers.append((_REQUEST_ID, invocation.request_id))
    if invocation.is_started:
        response.headers.append((_TRACE_ID, invocation.trace_id))


def add_function_url_ids(response: Response, invocation: Invocation) -> None:
    """Add the ids of a function URL."""
    response.headers.append((_REQUEST_ID, invocation.request_id))
    response.headers.append((_TRACE_ID, invocation.trace_id))


def add_rest_api_ids(response: Response, invocation: Invocation) -> None:
    """Add the ids of a REST API. Its own errors have no trace id."""
    response.headers.append((_REQUEST_ID, invocation.request_id))
    response.headers.append(("x-amz-apigw-id", invocation.request_id))
    if not any(name == _ERROR_TYPE for name, _ in response.headers):
        response.headers.append((_TRACE_ID, invocation.trace_id))


def add_http_api_ids(response: Response, invocation: Invocation) -> None:
    """Add the id of an HTTP API, and remove the error type."""
    others = [pair for pair in response.headers if pair[0] != _ERROR_TYPE]
    response.headers = [*others, ("Apigw-Requestid", invocation.request_id)]
