"""The state behind the page: what it shows when it opens, and what changes while it is open."""

import time
from collections.abc import Callable

from lambda_live.checks.event_files import EventFiles
from lambda_live.checks.reload_command import CommandResult
from lambda_live.functions.registry import FunctionRegistry
from lambda_live.model.function import FunctionConfiguration
from lambda_live.ui.broadcaster import Broadcaster
from lambda_live.ui.history import History, HistoryListener
from lambda_live.ui.links import EditorLinks, curl_command
from lambda_live.ui.live_stats import LiveStats
from lambda_live.ui.replay import Replay
from lambda_live.ui.rows import (
    MAX_MESSAGE_LENGTH,
    SHORT_SHA_LENGTH,
    ChecksRow,
    InvocationRow,
    location_json,
)

_LONG_RUNNING_SECONDS = 0.3
"""The page lists running invocations from this age on."""


class UiState:
    """Owns the history, the statistics, the listeners of the functions, and replay."""

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
        """Return the listener that adds a function's invocations and saves to the history."""
        name = configuration.name
        listener = HistoryListener(
            configuration,
            self.history,
            self.stats,
            self._on_load,
            lambda: self._count_waiting(name),
        )
        self._listeners[name] = listener
        return listener

    def _count_waiting(self, name: str) -> int:
        function = self.functions.get(name)
        return 0 if function is None else function.stats.waiting()

    def _on_load(self, listener: HistoryListener) -> None:
        self.broadcaster.publish("functions", self.function_states())
        load = listener.last_load
        if load is not None and not load.is_first and load.error_type is None:
            self.replay.start_round(listener.function, load.code_sha256)

    def function_states(self) -> list[dict[str, object]]:
        """Return each function's name and whether its code could be loaded."""
        names = [each.configuration.name for each in self.functions]
        return [_function_state(self._listeners[name]) for name in names]

    def tick(self) -> None:
        """Publish the statistics of the last second and the running invocations."""
        environments = sum(each.stats.environments() for each in self.functions)
        self.broadcaster.publish("second", self.stats.tick(environments))
        self.broadcaster.publish("running", self.running())

    def running(self) -> list[dict[str, object]]:
        """Return the invocations that have been running for a while."""
        latest_start = time.monotonic() - _LONG_RUNNING_SECONDS
        return [
            {
                "function": listener.function,
                "label": invocation.label,
                "client": invocation.client,
                "requestId": invocation.request_id,
                "timestamp": round(running.timestamp * 1000),
            }
            for listener in self._listeners.values()
            for invocation, running in listener.running.items()
            if running.started_monotonic < latest_start
        ]

    def add_checks(self, result: CommandResult) -> None:
        """Add the result of the command that runs after each reload."""
        row_id = self.history.new_id()
        self.history.add(ChecksRow(row_id, time.time(), result))

    def event_files(self, function: str) -> EventFiles:
        """Return a function's event files; those of the first function for an unknown name."""
        found = self.functions.get(function) or self.functions.default
        configuration = found.configuration
        several = len(self.functions) > 1
        return EventFiles(configuration.project, configuration.name, several=several)

    def invocation_detail(self, row: InvocationRow) -> dict[str, object]:
        """Return all fields of an invocation, and the curl command that repeats it."""
        multiple = len(self.functions) > 1
        return row.detail() | {"curl": curl_command(row, self.public_url, multiple=multiple)}

    def search(self, text: str) -> list[int]:
        """Return the ids of the invocations whose event, response or log contains the text."""
        wanted = text.encode().lower()
        return [
            row.id
            for row in self.history.invocations()
            if any(wanted in body.content.lower() for body in (row.event, row.response, row.log))
        ]

    def snapshot(self) -> dict[str, object]:
        """Return everything that a page shows when it opens."""
        return {
            "snapshot": True,
            "url": self.public_url,
            "editor": self.editor.to_json(),
            "rows": [row.summary() for row in reversed(list(self.history))],
            "seconds": self.stats.seconds(),
            "functions": self.function_states(),
            "pins": self.replay.pins.summaries(),
            "replay": self.replay.is_enabled,
            "running": self.running(),
        }


def _function_state(listener: HistoryListener) -> dict[str, object]:
    load = listener.last_load
    state: dict[str, object] = {
        "name": listener.function,
        "shortSha": listener.code_sha256[:SHORT_SHA_LENGTH],
    }
    if load is None:
        return state | {"state": "loading"}
    if load.error_type is None:
        return state | {"state": "loaded", "rowId": load.id}
    location = location_json(load.location)
    return state | {
        "state": "failed",
        "rowId": load.id,
        "message": load.message[:MAX_MESSAGE_LENGTH],
        "location": location and {"path": location["path"], "line": location["line"]},
    }
