"""The state behind the page: what it shows when it opens, and what changes while it is open."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

from lambda_live.checks.check_result import Check
from lambda_live.checks.event_files import EventFiles
from lambda_live.checks.reload_command import CommandResult
from lambda_live.checks.sender import CheckProgress
from lambda_live.functions.registry import FunctionRegistry
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.requirements import PackageState
from lambda_live.model.resources import TemplateResources
from lambda_live.telemetry.sanitize import sanitize
from lambda_live.ui.broadcaster import Broadcaster
from lambda_live.ui.functions_view import function_detail, samples
from lambda_live.ui.history import History, HistoryListener
from lambda_live.ui.links import EditorLinks
from lambda_live.ui.live_stats import LiveStats
from lambda_live.ui.replay import Replay
from lambda_live.ui.resources_view import ResourcesView
from lambda_live.ui.rows import (
    MAX_MESSAGE_LENGTH,
    SHORT_SHA_LENGTH,
    ChecksRow,
    InvocationRow,
    Part,
    Row,
    location_json,
)
from lambda_live.ui.runner import ApiError
from lambda_live.ui.snippets import boto3_script, curl_command, pytest_test
from lambda_live.ui.store import HistoryStore

_PROBLEM_WIDTH = 400
"""Characters of a difference that a check found."""

_TICK_SECONDS = 1.0
_LONG_RUNNING_SECONDS = 0.3
"""The page lists running invocations from this age on."""


class UiState:
    """Owns the history, the statistics, the listeners of the functions, and replay."""

    def __init__(  # noqa: PLR0913, PLR0917  # the composition alone calls it
        self,
        functions: FunctionRegistry,
        public_url: str,
        local_url: str,
        editor: EditorLinks,
        on_replayed: Callable[[int, list[str]], None],
        store: HistoryStore,
    ) -> None:
        """
        Create the state; `open` reads the stored history.

        `public_url` reaches the functions for people, `local_url` from this process.
        """
        self.functions = functions
        self.public_url = public_url
        self.local_url = local_url
        self.editor = editor
        self.broadcaster = Broadcaster()
        self.history = History(self.broadcaster, store)
        self.stats = LiveStats()
        self.start_checks: Callable[[], None] | None = None
        self.start_accept: Callable[[], None] | None = None
        """Run the checks, and save the responses as expected; None if that is not possible."""
        self.resources: ResourcesView | None = None
        self.template: Callable[[], TemplateResources] = lambda: ((), ())
        self._store = store
        self._flush: asyncio.Future[None] | None = None
        self._check_progress: CheckProgress | None = None
        self._published_states: list[dict[str, object]] = []
        self._listeners: dict[str, HistoryListener] = {}
        self.replay = Replay(functions, self.history, self.broadcaster, on_replayed, store.set_pins)

    def open(self) -> None:
        """Read the stored history."""
        self._store.open()
        rows, pins = self._store.load()
        self.history.restore(rows)
        for pin_id, row_id in pins:
            row = self.history.get(row_id)
            if isinstance(row, InvocationRow):
                self.replay.pins.restore(pin_id, row)

    async def close(self) -> None:
        """Cancel running replays, close the event streams, and store what is not stored yet."""
        self.replay.stop()
        self.broadcaster.close()
        if self._flush is not None:
            await self._flush
        await asyncio.to_thread(self._store.close)

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
        return 0 if function is None else function.waiting()

    def _on_load(self, listener: HistoryListener) -> None:
        self.broadcaster.publish("functions", self.function_states())
        load = listener.last_load
        if load is not None and not load.is_first and load.error_type is None:
            self.replay.start_round(listener.function, load.code_sha256)

    def function_states(self) -> list[dict[str, object]]:
        """Return each function's name and whether its code could be loaded."""
        return [
            _function_state(self._listeners[each.configuration.name], each.package_state)
            | {"needsTenant": each.desired_configuration.tenancy is not None}
            for each in self.functions
        ]

    async def run_clock(self) -> None:
        """Publish the statistics and the running invocations, and store new rows, each second."""
        due = time.monotonic()
        while True:
            due = max(due + _TICK_SECONDS, time.monotonic())
            await asyncio.sleep(due - time.monotonic())
            self._tick()

    def _tick(self) -> None:
        self._forget_removed()
        if (states := self.function_states()) != self._published_states:
            self._published_states = states
            self.broadcaster.publish("functions", states)
        environments = sum(each.environments() for each in self.functions)
        self.broadcaster.publish("second", self.stats.tick(environments))
        self.broadcaster.publish("running", self.running())
        if self._flush is None or self._flush.done():
            loop = asyncio.get_running_loop()
            self._flush = loop.run_in_executor(None, self._store.flush)

    def _forget_removed(self) -> None:
        """Forget the functions that no longer exist."""
        removed = self._listeners.keys() - {each.configuration.name for each in self.functions}
        for name in removed:
            del self._listeners[name]
            self.replay.remove_function(name)

    def running(self) -> list[dict[str, object]]:
        """Return the invocations that have been running for a while."""
        latest_start = time.monotonic() - _LONG_RUNNING_SECONDS
        return [
            {
                "function": listener.function,
                "label": invocation.label,
                "client": invocation.client,
                "requestId": invocation.request_id,
                "timestamp": round(log.timestamp * 1000),
            }
            for listener in self._listeners.values()
            for invocation, log in listener.running.items()
            if log.started_monotonic < latest_start
        ]

    def add_checks(self, result: CommandResult) -> None:
        """Add the result of the command that runs after each reload, and judge its invocations."""
        for check in result.checks:
            row = self.history.find_request(check.request_id or "")
            if row is not None and check.outcome in ("passed", "failed"):
                row.check = check.outcome
                self.history.update(row)
        failures = [self._failure(each) for each in result.checks if each.outcome != "passed"]
        can_accept = self.start_accept is not None and any(each["canAccept"] for each in failures)
        self.history.add(
            ChecksRow(
                id=self.history.new_id(),
                timestamp=time.time(),
                succeeded=result.succeeded,
                summary_text=result.summary,
                output=result.rows,
                failures=failures,
                code_sha256=self._code_sha256,
                can_accept=can_accept,
            )
        )

    def _failure(self, check: Check) -> dict[str, Any]:
        """Return what the page shows of a check that did not pass."""
        row = self.history.find_request(check.request_id or "")
        return {
            "event": check.name,
            "function": check.function,
            "outcome": check.outcome,
            "problems": [sanitize(each) for each in check.problems(_PROBLEM_WIDTH)],
            "rowId": row and row.id,
            "canAccept": check.error is None and check.outcome in ("failed", "new"),
        }

    @property
    def _code_sha256(self) -> str:
        return self.functions.default.code_version.code_sha256

    def set_check_progress(self, progress: CheckProgress | None) -> None:
        """Publish how far the running checks are. None if no checks run."""
        self._check_progress = progress
        self.broadcaster.publish("checkProgress", progress and progress.to_json())

    def run_checks(self) -> None:
        """Run the checks. Raises ApiError."""
        if self.start_checks is None:
            raise ApiError(409, "This service runs no checks. Start it with --after-reload.")
        self.start_checks()

    def accept_responses(self, row: ChecksRow) -> None:
        """
        Save the responses that a result of the checks shows as expected ones. Raises ApiError.

        Only the newest result can be accepted, and only on the code that it has checked.
        """
        if self.start_accept is None or not row.can_accept:
            raise ApiError(409, "There is no response to save as expected.")
        newest = next(each for each in self.history if isinstance(each, ChecksRow))
        if newest is not row or row.code_sha256 != self._code_sha256:
            raise ApiError(409, "The code or the checks have changed since. Run the checks again.")
        self.start_accept()

    def event_files(self, function: str) -> EventFiles:
        """Return a function's event files; those of the first function for an unknown name."""
        found = self.functions.get(function) or self.functions.default
        configuration = found.configuration
        several = len(self.functions) > 1
        return EventFiles(configuration.project, configuration.name, several=several)

    async def snippets(self, row: InvocationRow) -> dict[str, str]:
        """Return how an invocation is repeated with curl, boto3 and pytest. Raises ApiError."""
        event = await self.whole_body(row, "event")
        response = await self.whole_body(row, "response")
        at_root = self.functions.has_root_url
        found = {"curl": curl_command(row, event, self.public_url, at_root=at_root)}
        function = self.functions.get(row.function)
        if function is None:
            return found
        configuration = function.configuration
        with contextlib.suppress(ValueError):  # the event or the response is not JSON
            region = configuration.account.region
            found["boto3"] = boto3_script(row, event, self.public_url, region)
            found["pytest"] = pytest_test(row, event, response, configuration)
        return found

    def detail(self, row: Row) -> dict[str, object]:
        """Return all fields of a row; with an invocation, its retries."""
        if not isinstance(row, InvocationRow):
            return row.detail()
        return row.detail() | {"attempts": [each.summary() for each in self.history.attempts(row)]}

    async def whole_body(self, row: InvocationRow, part: Part) -> bytes:
        """Return a body that may be too long to be kept in memory. Raises ApiError."""
        body = await asyncio.to_thread(self.history.whole_body, row, part)
        if body is None:
            message = f"Only the start of this {part} is left: newer ones replaced the rest."
            raise ApiError(409, message)
        return body

    def function_details(self) -> list[dict[str, object]]:
        """Return what the page shows about each function."""
        at_root = self.functions.has_root_url
        return [function_detail(each, self.public_url, at_root=at_root) for each in self.functions]

    def samples(self, name: str) -> list[dict[str, object]]:
        """Return sample events for a function, those for its triggers first."""
        return samples(self.functions.get(name) or self.functions.default, *self.template())

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
            "canCheck": self.start_checks is not None,
            "checkProgress": self._check_progress and self._check_progress.to_json(),
            "hasResources": self.resources is not None,
        }


def _function_state(listener: HistoryListener, packages: PackageState) -> dict[str, object]:
    load = listener.last_load
    state: dict[str, object] = {
        "name": listener.function,
        "shortSha": listener.code_sha256[:SHORT_SHA_LENGTH],
        "packages": packages.label,
        "packagesMessage": "\n".join(map(sanitize, str(packages.error or "").splitlines())),
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
