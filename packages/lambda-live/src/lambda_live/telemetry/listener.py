"""Who is told what happens to a function: the log, the metrics, and what a person looks at."""

from collections.abc import Sequence

from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.invocation import Invocation, Result
from lambda_live.model.report import InitReport, Load, Report


class Listener:
    """Hears everything and does nothing; whoever tells of it overrides what it tells of."""

    def configured(self, configuration: FunctionConfiguration, *, several: bool) -> None:
        """The function is run with this from now on; `several`, if there are others beside it."""

    def init_began(self, runtime: str) -> None:
        """An execution environment begins to load the handler."""

    def init_ended(self, report: InitReport) -> None:
        """It has loaded it, or failed."""

    def invocation_began(self, invocation: Invocation) -> None:
        """The runtime has the event."""

    def function_wrote(self, record: bytes, invocation: Invocation | None) -> None:
        """The function wrote a record to its log, without the last newline."""

    def invocation_ended(self, invocation: Invocation, result: Result, report: Report) -> None:
        """The caller is about to have this result."""

    def throttled(self) -> None:
        """A request got AWS's 429."""

    def code_changed(self, code_sha256: str) -> None:
        """This is the code that answers from now on."""

    def code_loaded(self, load: Load) -> None:
        """The code was loaded for the first time since it changed."""

    def load_failed(self, where: str, code_sha256: str) -> None:
        """An environment could not load the code: its place and error, or the error alone."""

    def event_dropped(self, invocation: Invocation, result: Result) -> None:
        """An event failed at its last try."""

    def service_said(self, message: str, level: str = "INFO", **fields: object) -> None:
        """The service has something to say itself."""


class Listeners(Listener):
    """Tells each of several listeners, in their order."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = tuple(listeners)

    def configured(self, configuration: FunctionConfiguration, *, several: bool) -> None:
        """Part of Listener."""
        for listener in self._listeners:
            listener.configured(configuration, several=several)

    def init_began(self, runtime: str) -> None:
        """Part of Listener."""
        for listener in self._listeners:
            listener.init_began(runtime)

    def init_ended(self, report: InitReport) -> None:
        """Part of Listener."""
        for listener in self._listeners:
            listener.init_ended(report)

    def invocation_began(self, invocation: Invocation) -> None:
        """Part of Listener."""
        for listener in self._listeners:
            listener.invocation_began(invocation)

    def function_wrote(self, record: bytes, invocation: Invocation | None) -> None:
        """Part of Listener."""
        for listener in self._listeners:
            listener.function_wrote(record, invocation)

    def invocation_ended(self, invocation: Invocation, result: Result, report: Report) -> None:
        """Part of Listener."""
        for listener in self._listeners:
            listener.invocation_ended(invocation, result, report)

    def throttled(self) -> None:
        """Part of Listener."""
        for listener in self._listeners:
            listener.throttled()

    def code_changed(self, code_sha256: str) -> None:
        """Part of Listener."""
        for listener in self._listeners:
            listener.code_changed(code_sha256)

    def code_loaded(self, load: Load) -> None:
        """Part of Listener."""
        for listener in self._listeners:
            listener.code_loaded(load)

    def load_failed(self, where: str, code_sha256: str) -> None:
        """Part of Listener."""
        for listener in self._listeners:
            listener.load_failed(where, code_sha256)

    def event_dropped(self, invocation: Invocation, result: Result) -> None:
        """Part of Listener."""
        for listener in self._listeners:
            listener.event_dropped(invocation, result)

    def service_said(self, message: str, level: str = "INFO", **fields: object) -> None:
        """Part of Listener."""
        for listener in self._listeners:
            listener.service_said(message, level, **fields)
