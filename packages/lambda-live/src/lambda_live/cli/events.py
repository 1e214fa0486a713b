"""
`lambda-live events`: list the events of the current folder, and which of them are checks.

`lambda-live events generate KIND` prints a sample event, with the names of the template's
resources.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from lambda_live.checks.event_files import ResourceEvent, events_of, expected_file
from lambda_live.checks.http_file import SUFFIX, read_request
from lambda_live.checks.sample_events import sample_event, sample_kinds
from lambda_live.cli.describe import account_of, load_template
from lambda_live.cli.parser import CommandParser
from lambda_live.model.strict_json import loads
from lambda_live.model.text_files import read_file
from lambda_live.telemetry.sanitize import sanitize


def _remark(event: Path, names: Sequence[str]) -> str:
    """Return why an event cannot be sent, or whether it has an expected response."""
    resource = ResourceEvent.parse(event)
    if resource is None and len(names) > 1 and event.parent.name not in names:
        return "invalid: move it into events/NAME/, the folder of its function"
    try:
        if event.suffix == SUFFIX:
            read_request(event)
        elif resource is None or resource.folder == "tables":
            loads(read_file(event))
    except (OSError, ValueError) as error:
        return f"invalid: {error}"
    return "check" if expected_file(event).is_file() else "no expected response"


def _addressee(event: Path, names: Sequence[str]) -> str:
    """Return the function or the resource that an event is for."""
    if (resource := ResourceEvent.parse(event)) is not None:
        return f"{resource.folder}/{resource.resource}"
    if event.parent.name in names:
        return event.parent.name
    return names[0] if len(names) == 1 else "-"


def _generate(arguments: Sequence[str]) -> None:
    parser = CommandParser("events generate", "Print a sample event for the current folder.")
    kinds = sample_kinds()
    what = f"what sends the event: {', '.join(kinds)}"
    parser.add_argument("kind", metavar="KIND", choices=kinds, help=what)
    kind = parser.parse(arguments).kind
    template = load_template(Path.cwd())
    account = account_of(Path.cwd())
    event = sample_event(kind, template.resources, template.event_sources, account)
    sys.stdout.write(f"{json.dumps(event, indent=2)}\n")


def main(arguments: Sequence[str]) -> None:
    """Print PATH, function and remark of each event. Raises TemplateError."""
    if arguments[:1] == ["generate"]:
        _generate(arguments[1:])
        return
    usage = "lambda-live events\n       lambda-live events generate KIND"
    description = "List the events of the current folder. `generate` prints a sample event."
    CommandParser("events", description, usage=usage).parse(arguments)
    project = Path.cwd()
    names = [each.name for each in load_template(project).functions]
    events = events_of(project, names)
    columns = (
        (str(each.relative_to(project)), _addressee(each, names), _remark(each, names))
        for each in events
    )
    rows = [[sanitize(text) for text in row] for row in columns]
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    for path, function, remark in rows:
        sys.stdout.write(f"{path:{widths[0]}}  {function:{widths[1]}}  {remark}\n")
    if not rows:
        sys.stdout.write("no events: add a .json or .http file to events/\n")
