"""The interface through which a function reports what happens to it."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from lambda_live.model.code_version import CodeLoad
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.invocation import InitReport, Invocation, Report, Result


class Listener:
    """Receives the events of one function. Subclasses override the events they need."""

    def on_configured(self, configuration: FunctionConfiguration, *, multiple: bool) -> None:
        """The function has this configuration now. `multiple`: there are other functions."""

    def on_init_start(self, runtime: str) -> None:
        """An execution environment starts to load the handler."""

    def on_init_end(self, report: InitReport) -> None:
        """An execution environment has loaded the handler, or failed to."""

    def on_invocation_start(self, invocation: Invocation) -> None:
        """The runtime has received the event."""

    def function_log(self, record: bytes, invocation: Invocation | None) -> None:
        """The function wrote a record to its log. The record has no newline at its end."""

    def on_invocation_end(self, invocation: Invocation, result: Result, report: Report) -> None:
        """The invocation has a result. The caller receives it after this call."""

    def on_throttle(self) -> None:
        """A request was rejected with AWS's 429."""

    def on_code_change(self, code_sha256: str) -> None:
        """New requests get this code."""

    def on_code_load(self, load: CodeLoad) -> None:
        """Changed code was loaded for the first time, or failed to load."""

    def on_load_failure(self, location: str, code_sha256: str) -> None:
        """An environment failed to load the code. `location` is file, line and error."""

    def on_event_dropped(self, invocation: Invocation, result: Result) -> None:
        """An asynchronous invocation failed at its last retry."""

    def on_failure_handled(self, request_id: str, consequence: str) -> None:
        """A failed invocation has this consequence, such as a retry or a dead-letter queue."""

    def service_log(self, message: str, level: str = "INFO", **fields: object) -> None:
        """Log a message of the service itself."""


class CompositeListener(Listener):
    """Passes each event to several listeners, in order."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        for name in [name for name in vars(Listener) if not name.startswith("_")]:
            methods = [getattr(listener, name) for listener in listeners]
            setattr(self, name, partial(_call_each, methods))


def _call_each(methods: Iterable[Callable[..., None]], *args: object, **named: object) -> None:
    for method in methods:
        method(*args, **named)
