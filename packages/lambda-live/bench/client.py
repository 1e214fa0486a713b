"""A client with one connection that waits for each response."""

import http.client
import json
import time

PATH = "/2015-03-31/functions/function/invocations"
_TIMEOUT_SECONDS = 30.0


class NoResponseError(Exception):
    """The expected response did not arrive in time."""


class Client:
    """Calls the Invoke API on a port."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_SECONDS)

    def invoke(self, event: object) -> str:
        """Return the response body. Raises OSError, HTTPException; the next call reconnects."""
        try:
            self._connection.request("POST", PATH, json.dumps(event))
            return self._connection.getresponse().read().decode()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise

    def wait_for(self, expected: str, event: object) -> float:
        """Invoke until the text is in the body; return the time of that response (perf_counter)."""
        deadline = time.perf_counter() + _TIMEOUT_SECONDS
        last = ""
        while time.perf_counter() < deadline:
            try:
                last = self.invoke(event)
            except (OSError, http.client.HTTPException) as error:
                last = repr(error)
                time.sleep(0.005)  # a restarting server refuses connections
            if expected in last:
                return time.perf_counter()
        limit = f"{_TIMEOUT_SECONDS:g} s"
        message = f"{expected!r} not received within {limit}; last response: {last[:300]!r}"
        raise NoResponseError(message)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
