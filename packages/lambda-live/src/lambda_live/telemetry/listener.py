"""The interface through which a function reports what happens to it."""

from collections.abc import Sequence
from typing import override

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

    def service_log(self, message: str, level: str = "INFO", **fields: object) -> None:
        """Log a message of the service itself."""


class CompositeListener(Listener):
    """Passes each event to several listeners, in order."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = tuple(listeners)

    @override
    def on_configured(self, configuration: FunctionConfiguration, *, multiple: bool) -> None:
        for listener in self._listeners:
            listener.on_configured(configuration, multiple=multiple)

    @override
    def on_init_start(self, runtime: str) -> None:
        for listener in self._listeners:
            listener.on_init_start(runtime)

    @override
    def on_init_end(self, report: InitReport) -> None:
        for listener in self._listeners:
            listener.on_init_end(report)

    @override
    def on_invocation_start(self, invocation: Invocation) -> None:
        for listener in self._listeners:
            listener.on_invocation_start(invocation)

    @override
    def function_log(self, record: bytes, invocation: Invocation | None) -> None:
        for listener in self._listeners:
            listener.function_log(record, invocation)

    @override
    def on_invocation_end(self, invocation: Invocation, result: Result, report: Report) -> None:
        for listener in self._listeners:
            listener.on_invocation_end(invocation, result, report)

    @override
    def on_throttle(self) -> None:
        for listener in self._listeners:
            listener.on_throttle()

    @override
    def on_code_change(self, code_sha256: str) -> None:
        for listener in self._listeners:
            listener.on_code_change(code_sha256)

    @override
    def on_code_load(self, load: CodeLoad) -> None:
        for listener in self._listeners:
            listener.on_code_load(load)

    @override
    def on_load_failure(self, location: str, code_sha256: str) -> None:
        for listener in self._listeners:
            listener.on_load_failure(location, code_sha256)

    @override
    def on_event_dropped(self, invocation: Invocation, result: Result) -> None:
        for listener in self._listeners:
            listener.on_event_dropped(invocation, result)

    @override
    def service_log(self, message: str, level: str = "INFO", **fields: object) -> None:
        for listener in self._listeners:
            listener.service_log(message, level, **fields)
