"""All that the page is about, in one place."""

import time
from collections.abc import Callable

from lambda_live.checks.check_output import parse_check_output
from lambda_live.checks.event_files import EventFiles
from lambda_live.functions.registry import FunctionRegistry
from lambda_live.model.function import FunctionConfiguration
from lambda_live.ui.broadcaster import Broadcaster
from lambda_live.ui.curl import curl_command
from lambda_live.ui.editor import EditorLinks
from lambda_live.ui.history import History
from lambda_live.ui.history_listener import HistoryListener
from lambda_live.ui.live_stats import LiveStats
from lambda_live.ui.replay import Replay
from lambda_live.ui.rows import ChecksRow, InvocationRow, location_json

_LONG_RUNNING_SECONDS = 0.3
"""Seconds after which an invocation is shown while it runs."""


class UiState:
    """Holds the journal, the figures, the scribes of the functions, and what runs again."""

    def __init__(
        self,
        functions: FunctionRegistry,
        public_url: str,
        local_url: str,
        editor: EditorLinks,
        on_replayed: Callable[[int, list[str]], None],
    ) -> None:
        """`public_url` reaches the functions for people, `local_url` from this process."""
        self.functions = functions
        self.public_url = public_url
        self.local_url = local_url
        self.editor = editor
        self.broadcaster = Broadcaster()
        self.history = History(self.broadcaster)
        self.stats = LiveStats()
        self.replay = Replay(functions, self.history, self.broadcaster, on_replayed)
        self._listeners: dict[str, HistoryListener] = {}

    def create_listener(self, configuration: FunctionConfiguration) -> HistoryListener:
        """Return who writes down what happens to a function from now on."""
        name = configuration.name
        scribe = self._listeners[name] = HistoryListener(
            configuration,
            self.history,
            self.stats,
            self._on_load,
            lambda: self._count_waiting(name),
        )
        return scribe

    def _count_waiting(self, name: str) -> int:
        function = self.functions.get(name)
        return 0 if function is None else function.stats.waiting()

    def _on_load(self, scribe: HistoryListener) -> None:
        self.broadcaster.publish("functions", self.function_states())
        load = scribe.last_load
        if load is not None and not load.is_first and load.error_type is None:
            self.replay.start_round(scribe.function, load.code_sha256)

    def function_states(self) -> list[dict[str, object]]:
        """Return each function's name, and what became of its code."""
        return [_state(scribe) for scribe in self._served()]

    def _served(self) -> list[HistoryListener]:
        return [self._listeners[each.configuration.name] for each in self.functions]

    def tick(self) -> None:
        """Tell what a second came to, and what runs for long."""
        environments = sum(each.stats.environments() for each in self.functions)
        self.broadcaster.publish("second", self.stats.tick(environments))
        self.broadcaster.publish("running", self.running())

    def running(self) -> list[dict[str, object]]:
        """Return what has been under way for long."""
        since = time.monotonic() - _LONG_RUNNING_SECONDS
        return [
            {
                "function": scribe.function,
                "call": invocation.label,
                "source": invocation.client,
                "requestId": invocation.request_id,
                "at": round(running.started_at * 1000),
            }
            for scribe in self._listeners.values()
            for invocation, running in scribe.running.items()
            if running.started_monotonic < since
        ]

    def add_checks(self, output: bytes, status: int) -> None:
        """Write down how the command after a reload went."""
        number = self.history.new_id()
        self.history.add(ChecksRow(number, time.time(), parse_check_output(output, status)))

    def event_files(self, function: str) -> EventFiles:
        """Return a function's event files; those of the first if there is none of that name."""
        found = self.functions.get(function) or self.functions.default
        configuration = found.configuration
        several = len(self.functions) > 1
        return EventFiles(configuration.project, configuration.name, several=several)

    def invocation_detail(self, row: InvocationRow) -> dict[str, object]:
        """Return all that is known of an invocation, and how to ask the same."""
        several = len(self.functions) > 1
        return row.detail() | {"curl": curl_command(row, self.public_url, multiple=several)}

    def search(self, text: str) -> list[int]:
        """Return the numbers of the invocations whose event, answer or log has the text."""
        wanted = text.encode().lower()
        return [
            row.id
            for row in self.history.invocations()
            if any(wanted in kept.content.lower() for kept in (row.event, row.response, row.log))
        ]

    def snapshot(self) -> dict[str, object]:
        """Return everything that a page shows when it is opened."""
        return {
            "hello": True,
            "url": self.public_url,
            "editor": self.editor.to_json(),
            "rows": [row.summary() for row in reversed(list(self.history))],
            "past": self.stats.seconds(),
            "functions": self.function_states(),
            "pins": self.replay.pins.summaries(),
            "replay": self.replay.is_enabled,
            "running": self.running(),
        }


def _state(scribe: HistoryListener) -> dict[str, object]:
    load = scribe.last_load
    state: dict[str, object] = {"name": scribe.function, "code": scribe.code_sha256[:12]}
    if load is None:
        return state | {"state": "loading"}
    if load.error_type is None:
        return state | {"state": "loaded", "row": load.id}
    place = location_json(load.location)
    return state | {
        "state": "broken",
        "row": load.id,
        "message": load.message[:300],
        "place": place and {"path": place["path"], "line": place["line"]},
    }
