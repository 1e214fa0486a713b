"""
Which headers come to a function, or to its caller, by another name, or not at all.

Of a REST API's AWS has a table; there, and of a function URL, what answers show is added to it:
their `Content-Length`, and a request's id of the function's own.

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
"""

from collections.abc import Iterable
from dataclasses import dataclass

type Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Remapping:
    """One door's; names in lower case."""

    renamed: frozenset[str]
    dropped: frozenset[str]

    def of(self, headers: Iterable[tuple[str, str]]) -> Headers:
        """Return them as they are sent."""
        return [
            (f"x-amzn-Remapped-{name}" if name.lower() in self.renamed else name, value)
            for name, value in headers
            if name.lower() not in self.dropped
        ]


REST_API = Remapping(
    frozenset(
        (
            *("authorization", "connection", "content-length", "content-md5", "date"),
            *("max-forwards", "server", "user-agent", "www-authenticate", "x-amzn-requestid"),
        )
    ),
    frozenset(
        (
            *("expect", "host", "proxy-authenticate", "te", "trailer", "transfer-encoding"),
            *("upgrade", "via"),
        )
    ),
)
FUNCTION_URL = Remapping(
    frozenset(("connection", "content-length", "www-authenticate")),
    frozenset(("transfer-encoding",)),
)
HTTP_API = Remapping(frozenset(), frozenset(("content-length", "transfer-encoding")))

NOT_HANDED_ON = frozenset(
    (
        *("content-md5", "expect", "max-forwards", "proxy-authenticate", "server", "te"),
        *("trailer", "transfer-encoding", "upgrade", "www-authenticate"),
    )
)
"""Headers of a request to a REST API that are not in its event."""
