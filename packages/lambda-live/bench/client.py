"""One caller on one connection, which waits for each answer."""

import http.client
import json
import time

PATH = "/2015-03-31/functions/function/invocations"
_TIMEOUT = 30.0


class NoAnswerError(Exception):
    """What was waited for did not come in time."""


class Client:
    """Calls the Invoke API of whatever listens on the port."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)

    def invoke(self, event: object) -> str:
        """Return the answer's body. Raises OSError, HTTPException; the next call reconnects."""
        try:
            self._connection.request("POST", PATH, json.dumps(event))
            return self._connection.getresponse().read().decode()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise

    def wait_for(self, answer: str, event: object) -> float:
        """Ask until the answer is in the body; return when it came (perf_counter, in seconds)."""
        deadline = time.perf_counter() + _TIMEOUT
        last = ""
        while time.perf_counter() < deadline:
            try:
                last = self.invoke(event)
            except (OSError, http.client.HTTPException) as error:
                last = repr(error)
                time.sleep(0.005)  # a server that restarts refuses at once
            if answer in last:
                return time.perf_counter()
        message = f"{answer!r} did not come in {_TIMEOUT:g} s; the last answer was {last[:300]!r}"
        raise NoAnswerError(message)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
