"""What a person can do at the terminal: run checks, accept responses, invoke events."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lambda_live.background import BackgroundTasks
from lambda_live.checks.curl import DEFAULT_TENANT
from lambda_live.checks.event_files import event_files_in
from lambda_live.checks.http_file import SUFFIX, HttpRequest, parse_request, read_request
from lambda_live.checks.reload_command import CommandResult, ReloadCommand
from lambda_live.checks.sample_events import sample_events
from lambda_live.functions.registry import FunctionRegistry
from lambda_live.functions.request_queue import RejectedError, ServiceStoppingError, ThrottledError
from lambda_live.model.invocation import MAX_SYNC_PAYLOAD_BYTES, Invocation
from lambda_live.model.resources import TemplateResources
from lambda_live.model.service import ServiceSettings
from lambda_live.model.strict_json import loads
from lambda_live.model.text_files import read_file
from lambda_live.terminal.listener import TERMINAL_CLIENT
from lambda_live.terminal.status_view import StatusView


@dataclass(frozen=True, slots=True)
class Event:
    """
    An event file, and the function that it is for.

    A `sample` has a value, and no file.
    """

    name: str
    path: Path
    function: str
    sample: Any = None

    @property
    def label(self) -> str:
        """What its invocation is called."""
        return self.path.name if self.sample is None else self.name.rpartition(": ")[2]

    @property
    def is_request(self) -> bool:
        """Whether it is an HTTP request to the function's URL, and not an Invoke event."""
        return isinstance(self.sample, str) or self.path.suffix == SUFFIX

    def request(self) -> HttpRequest:
        """Read the request. Raises OSError, or ValueError if it is invalid."""
        if self.sample is not None:
            return parse_request(self.sample, self.path)
        return read_request(self.path)

    def payload(self) -> bytes:
        """Read the event. Raises OSError, or ValueError if it is invalid."""
        if self.sample is not None:
            return json.dumps(self.sample).encode()
        if (size := self.path.stat().st_size) > MAX_SYNC_PAYLOAD_BYTES:
            message = f"it has {size} bytes; the limit is {MAX_SYNC_PAYLOAD_BYTES}"
            raise ValueError(message)
        content = read_file(self.path).encode()
        loads(content)
        return content


def find_events(project: Path, functions: Sequence[str]) -> list[Event]:
    """Return the events that `scripts/check` sends: `events/`, or a folder for each function."""
    root = project / "events"
    folders = [(root, functions[0])] if len(functions) == 1 else []
    folders += [(root / name, name) for name in functions]
    return [
        Event(str(path.relative_to(root)), path, name)
        for folder, name in folders
        for path in event_files_in(folder)
    ]


class Actions:
    """Runs the checks, accepts responses, and invokes events."""

    def __init__(  # noqa: PLR0913, PLR0917  # the composition alone calls it
        self,
        status: StatusView,
        functions: FunctionRegistry,
        reload_command: ReloadCommand,
        settings: ServiceSettings,
        url: str,
        template: Callable[[], TemplateResources],
    ) -> None:
        self._status = status
        self._functions = functions
        self._url = url
        self._template = template
        self._reload_command = reload_command
        self._accept_command = ReloadCommand(settings.accept_command, url, self._on_accepted)
        self._background = BackgroundTasks(status.log)
        self.reset_resources: Callable[[], None] | None = None  # with an emulator of AWS's services
        self.can_check = settings.is_interactive and bool(settings.reload_command)
        self.can_accept = self.can_check and bool(settings.accept_command)

    @property
    def _code_sha256(self) -> str:
        return self._functions.default.code_version.code_sha256

    def check(self) -> None:
        """Run the checks."""
        self._status.show_checks_started()
        self._reload_command.run(self._code_sha256)

    def accept(self) -> None:
        """Save the current responses as expected, and run the checks again."""
        self._accept_command.run(self._code_sha256)

    def _on_accepted(self, result: CommandResult) -> None:
        self._status.show_accepted(result.summarized_by_last_row())
        if result.succeeded and self.can_check:
            self.check()

    def events(self) -> Sequence[Event]:
        """Return the event files as they are now on disk, and samples for the triggers."""
        names = [each.configuration.name for each in self._functions]
        project = self._functions.default.configuration.project
        samples = [
            Event(f"{name}: {label}" if len(names) > 1 else label, project, name, sample)
            for name, function in zip(names, self._functions, strict=True)
            for label, sample in sample_events(function.desired_configuration, *self._template())
        ]
        return [*find_events(project, names), *samples]

    def invoke(self, event: Event) -> None:
        """Invoke a function with an event. Its line in the terminal shows the result."""
        self._background.spawn(self._invoke(event))

    async def _invoke(self, event: Event) -> None:
        try:
            if event.is_request:
                await asyncio.to_thread(self._send_request, event)
            else:
                function = self._functions.get(event.function) or self._functions.default
                tenant = None if function.desired_configuration.tenancy is None else DEFAULT_TENANT
                invocation = Invocation(
                    await asyncio.to_thread(event.payload),
                    label=event.label,
                    client=TERMINAL_CLIENT,
                    tenant_id=tenant,
                )
                await function.invoke(invocation)
        except (OSError, ValueError, RejectedError) as error:
            self._status.log(f"cannot invoke {event.name}: {error}", "ERROR")
        except ThrottledError:
            self._status.log(f"{event.name} was throttled (429)", "ERROR")
        except ServiceStoppingError:
            return

    def _send_request(self, event: Event) -> None:
        """Send a request to the service's own HTTP port, which turns it into an AWS event."""
        headers = {"X-Lambda-Live-Event": event.label, "X-Lambda-Live-Source": TERMINAL_CLIENT}
        headers |= self._functions.host_headers(event.function, self._url)
        event.request().send(self._url, **headers)

    async def stop(self) -> None:
        """Cancel what is running."""
        self._background.cancel()
        await self._accept_command.stop()
