"""Who is told what happens to a function: the log, the metrics, and what a person looks at."""

from collections.abc import Sequence

from lambda_live.model.code_version import CodeLoad
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.invocation import InitReport, Invocation, Report, Result


class Listener:
    """Hears everything and does nothing; whoever tells of it overrides what it tells of."""

    def on_configured(self, configuration: FunctionConfiguration, *, multiple: bool) -> None:
        """The function is run with this from now on; `multiple`, if there are others beside it."""

    def on_init_start(self, runtime: str) -> None:
        """An execution environment begins to load the handler."""

    def on_init_end(self, report: InitReport) -> None:
        """It has loaded it, or failed."""

    def on_invocation_start(self, invocation: Invocation) -> None:
        """The runtime has the event."""

    def function_log(self, record: bytes, invocation: Invocation | None) -> None:
        """The function wrote a record to its log, without the last newline."""

    def on_invocation_end(self, invocation: Invocation, result: Result, report: Report) -> None:
        """The caller is about to have this result."""

    def on_throttle(self) -> None:
        """A request got AWS's 429."""

    def on_code_change(self, code_sha256: str) -> None:
        """This is the code that answers from now on."""

    def on_code_load(self, load: CodeLoad) -> None:
        """The code was loaded for the first time since it changed."""

    def on_load_failure(self, where: str, code_sha256: str) -> None:
        """An environment could not load the code: its place and error, or the error alone."""

    def on_event_dropped(self, invocation: Invocation, result: Result) -> None:
        """An event failed at its last try."""

    def service_log(self, message: str, level: str = "INFO", **fields: object) -> None:
        """The service has something to say itself."""


class CompositeListener(Listener):
    """Tells each of several listeners, in their order."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = tuple(listeners)

    def on_configured(self, configuration: FunctionConfiguration, *, multiple: bool) -> None:
        """Part of Listener."""
        for listener in self._listeners:
            listener.on_configured(configuration, multiple=multiple)

    def on_init_start(self, runtime: str) -> None:
        """Part of Listener."""
        for listener in self._listeners:
            listener.on_init_start(runtime)

    def on_init_end(self, report: InitReport) -> None:
        """Part of Listener."""
        for listener in self._listeners:
            listener.on_init_end(report)

    def on_invocation_start(self, invocation: Invocation) -> None:
        """Part of Listener."""
        for listener in self._listeners:
            listener.on_invocation_start(invocation)

    def function_log(self, record: bytes, invocation: Invocation | None) -> None:
        """Part of Listener."""
        for listener in self._listeners:
            listener.function_log(record, invocation)

    def on_invocation_end(self, invocation: Invocation, result: Result, report: Report) -> None:
        """Part of Listener."""
        for listener in self._listeners:
            listener.on_invocation_end(invocation, result, report)

    def on_throttle(self) -> None:
        """Part of Listener."""
        for listener in self._listeners:
            listener.on_throttle()

    def on_code_change(self, code_sha256: str) -> None:
        """Part of Listener."""
        for listener in self._listeners:
            listener.on_code_change(code_sha256)

    def on_code_load(self, load: CodeLoad) -> None:
        """Part of Listener."""
        for listener in self._listeners:
            listener.on_code_load(load)

    def on_load_failure(self, where: str, code_sha256: str) -> None:
        """Part of Listener."""
        for listener in self._listeners:
            listener.on_load_failure(where, code_sha256)

    def on_event_dropped(self, invocation: Invocation, result: Result) -> None:
        """Part of Listener."""
        for listener in self._listeners:
            listener.on_event_dropped(invocation, result)

    def service_log(self, message: str, level: str = "INFO", **fields: object) -> None:
        """Part of Listener."""
        for listener in self._listeners:
            listener.service_log(message, level, **fields)
