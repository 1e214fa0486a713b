"""What the page offers outside the browser: links into the editor, and curl commands."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lambda_live.model.strict_json import loads
from lambda_live.telemetry.source_location import SourceLocation
from lambda_live.ui.rows import InvocationRow

_SKIPPED_HEADERS = (
    *("host", "content-length", "connection", "accept-encoding", "user-agent"),
    *("x-forwarded-for", "x-forwarded-port", "x-forwarded-proto", "x-amzn-trace-id"),
)


@dataclass(frozen=True, slots=True)
class EditorLinks:
    """
    Builds links that open a file in VS Code.

    `project` is the project's folder as this process sees it. `editor_root` is the same folder on
    the developer's machine; set it if the service runs in a container.

    Source: https://code.visualstudio.com/docs/editor/command-line.
    """

    project: Path
    editor_root: str = ""

    def link(self, location: SourceLocation) -> str:
        """Return the URL of a location."""
        path = location.path
        if self.editor_root and Path(path).is_relative_to(self.project):
            path = f"{self.editor_root}/{Path(path).relative_to(self.project)}"
        return f"vscode://file{quote(path)}:{location.line}"

    def to_json(self) -> dict[str, str]:
        """Return the fields from which the page builds its links."""
        project = str(self.project)
        return {"project": project, "editorRoot": self.editor_root or project}


def curl_command(row: InvocationRow, url: str, *, multiple: bool) -> str | None:
    """
    Return the command that repeats an invocation, or None if its event was truncated.

    `multiple` says that the service at `url` runs more than one function.
    """
    if row.event.is_truncated:
        return None
    method, _, path = row.label.partition(" ")
    if path.startswith("/"):
        function_url = url.replace("://127.0.0.1", f"://{row.function}.localhost", 1)
        try:
            return _request_command(row, method, url, function_url if multiple else url)
        except (ValueError, LookupError, TypeError, AttributeError):
            pass  # the event has another format than 2.0, or only resembles a request
    invoke = f"{url}/2015-03-31/functions/{row.function}/invocations"
    body = row.event.content.decode("utf-8", "replace")
    return shlex.join(
        ["curl", "-H", "Content-Type: application/json", "--data-binary", body, invoke]
    )


def _request_command(row: InvocationRow, method: str, url: str, function_url: str) -> str:
    """Return the command for an HTTP request whose body is text. Raises ValueError."""
    event = loads(row.event.content)
    context = event["requestContext"]
    if context["http"]["method"] != method or event.get("isBase64Encoded"):
        raise ValueError
    path, base = event["rawPath"], function_url
    if context["accountId"] != "anonymous":  # only function URLs have an anonymous account
        # an HTTP API decodes the path and prefixes it with the stage
        path, base = quote(path.removeprefix(f"/{context['stage']}")), url
    query = f"?{event['rawQueryString']}" if event["rawQueryString"] else ""
    return shlex.join(["curl", "-X", method, *_request_options(event), f"{base}{path}{query}"])


def _request_options(event: dict[str, Any]) -> list[str]:
    options: list[str] = []
    for name, value in event["headers"].items():
        if name not in _SKIPPED_HEADERS and not name.startswith("sec-"):
            options += ["-H", f"{name}: {value}"]
    if event.get("cookies"):
        options += ["-b", "; ".join(event["cookies"])]
    if "body" in event:
        options += ["--data-raw", event["body"]]
    return options
