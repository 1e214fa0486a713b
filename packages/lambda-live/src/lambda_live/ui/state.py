"""All that the page is about, in one place."""

import time

from lambda_live.checks.event_files import EventFiles
from lambda_live.functions.registry import FunctionRegistry
from lambda_live.model.function import FunctionConfiguration
from lambda_live.terminal.check_output import outcome_of
from lambda_live.ui.broadcaster import Feed
from lambda_live.ui.curl import curl_line
from lambda_live.ui.editor import Editor
from lambda_live.ui.history import Journal
from lambda_live.ui.history_listener import Scribe
from lambda_live.ui.live_stats import Figures
from lambda_live.ui.replay import Replay
from lambda_live.ui.rows import ChecksRow, InvocationRow, place_json

_LONG = 0.3
"""Seconds after which an invocation is shown while it runs."""


class Desk:
    """Holds the journal, the figures, the scribes of the functions, and what runs again."""

    def __init__(
        self, functions: FunctionRegistry, url: str, own_url: str, editor: Editor, *, replay: bool
    ) -> None:
        """`url` is where people reach the functions, `own_url` where this process does."""
        self.functions = functions
        self.url = url
        self.own_url = own_url
        self.editor = editor
        self.feed = Feed()
        self.journal = Journal(self.feed)
        self.figures = Figures()
        self.replay = Replay(functions, self.journal, self.feed, on=replay)
        self._scribes: dict[str, Scribe] = {}

    def scribe(self, configuration: FunctionConfiguration) -> Scribe:
        """Return who writes down what happens to a function from now on."""
        name = configuration.name
        scribe = self._scribes[name] = Scribe(
            configuration, self.journal, self.figures, self._loaded, lambda: self._waiting(name)
        )
        return scribe

    def _waiting(self, name: str) -> int:
        function = self.functions.get(name)
        return 0 if function is None else function.stats.waiting()

    def _loaded(self, scribe: Scribe) -> None:
        self.feed.fact("functions", self.states())
        load = scribe.load
        if load is not None and not load.first and load.error_type is None:
            self.replay.on_code_load(scribe.function, load.code_sha256)

    def states(self) -> list[dict[str, object]]:
        """Return each function's name, and what became of its code."""
        return [_state(scribe) for scribe in self._served()]

    def _served(self) -> list[Scribe]:
        return [self._scribes[each.configuration.name] for each in self.functions]

    def turn(self) -> None:
        """Tell what a second came to, and what runs for long."""
        environments = sum(each.stats.environments() for each in self.functions)
        self.feed.fact("second", self.figures.turn(environments))
        self.feed.fact("running", self.running())

    def running(self) -> list[dict[str, object]]:
        """Return what has been under way for long."""
        since = time.monotonic() - _LONG
        return [
            {
                "function": scribe.function,
                "call": invocation.label,
                "source": invocation.client,
                "requestId": invocation.request_id,
                "at": round(running.at * 1000),
            }
            for scribe in self._scribes.values()
            for invocation, running in scribe.running.items()
            if running.began < since
        ]

    def checked(self, output: bytes, status: int) -> None:
        """Write down how the command after a reload went."""
        number = self.journal.new_id()
        self.journal.add(ChecksRow(number, time.time(), outcome_of(output, status)))

    def examples(self, function: str) -> EventFiles:
        """Return a function's event files; those of the first if there is none of that name."""
        found = self.functions.get(function) or self.functions.default
        configuration = found.configuration
        several = len(self.functions) > 1
        return EventFiles(configuration.project, configuration.name, several=several)

    def shown(self, row: InvocationRow) -> dict[str, object]:
        """Return all that is known of an invocation, and how to ask the same."""
        several = len(self.functions) > 1
        return row.detail() | {"curl": curl_line(row, self.url, of_several=several)}

    def search(self, text: str) -> list[int]:
        """Return the numbers of the invocations whose event, answer or log has the text."""
        wanted = text.encode().lower()
        return [
            row.id
            for row in self.journal.invocations()
            if any(wanted in kept.content.lower() for kept in (row.event, row.answer, row.log))
        ]

    def hello(self) -> dict[str, object]:
        """Return everything that a page shows when it is opened."""
        return {
            "hello": True,
            "url": self.url,
            "editor": self.editor.to_json(),
            "rows": [row.summary() for row in reversed(list(self.journal))],
            "past": self.figures.past(),
            "functions": self.states(),
            "pins": self.replay.pins.summaries(),
            "replay": self.replay.on,
            "running": self.running(),
        }


def _state(scribe: Scribe) -> dict[str, object]:
    load = scribe.load
    state: dict[str, object] = {"name": scribe.function, "code": scribe.code[:12]}
    if load is None:
        return state | {"state": "loading"}
    if load.error_type is None:
        return state | {"state": "loaded", "row": load.id}
    place = place_json(load.place)
    return state | {
        "state": "broken",
        "row": load.id,
        "message": load.message[:300],
        "place": place and {"path": place["path"], "line": place["line"]},
    }
