"""Requests at a constant rate, and their outcomes."""

import http.client
import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

INVOKE = "/2015-03-31/functions/function/invocations"
EVENT = b'{"message": "hello world"}'
RESPONSE = {"statusCode": 200, "body": "The received message is: 'hello world'"}


def invoke(url: str, event: bytes = EVENT) -> tuple[int, bytes]:
    """Invoke the function at a base URL on a new connection, as curl does."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    try:
        connection.request("POST", INVOKE, event)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


class Load:
    """
    Invokes a function at a constant rate, in requests per second, within a `with` block.

    The end of the block waits for the last response. `outcomes` counts status codes, errors of
    requests without a response, and unexpected responses by their text.
    """

    def __init__(self, url: str, rate: float = 50, response: object = RESPONSE) -> None:
        """`response` is the expected response; None accepts any."""
        self.outcomes: Counter[str] = Counter()
        self._url = url
        self._response = response
        self._interval = 1 / rate
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join()

    @property
    def lost(self) -> int:
        """The number of requests without a response of status 200."""
        return self.outcomes.total() - self.outcomes["200"]

    def _run(self) -> None:
        with ThreadPoolExecutor(64) as senders:
            due = time.monotonic()
            while not self._stopping.wait(max(0, due - time.monotonic())):
                senders.submit(self._send)
                due += self._interval

    def _send(self) -> None:
        try:
            status, body = invoke(self._url)
            right = status != HTTPStatus.OK or self._response in (None, json.loads(body))
            outcome = str(status) if right else body.decode()[:200]
        except (OSError, http.client.HTTPException) as error:
            outcome = repr(error)
        self.outcomes[outcome] += 1
