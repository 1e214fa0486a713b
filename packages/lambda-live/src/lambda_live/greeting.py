"""The log's first lines: what answers, and where."""

from collections.abc import Sequence

from lambda_live.model.function import FunctionConfiguration
from lambda_live.telemetry.listener import Listener


def greet(
    log: Listener, functions: Sequence[FunctionConfiguration], url: str, admin_url: str
) -> None:
    """Write them; the format is that of the function that comes first."""
    first = functions[0]
    several = len(functions) > 1
    who = ", ".join(each.name for each in functions) if several else first.handler
    message = f"{who} {'answer' if several else 'answers'} at {url}"
    if first.json_logs:
        log.service_log(message, url=url, admin_url=admin_url)
    else:
        log.service_log(f"{message}; its page is at {admin_url}")
        path = f"{url}/2015-03-31/functions/{first.name}/invocations"
        has_event = (first.project / "events" / "event.json").is_file()
        event = "@events/event.json" if has_event else "'{}'"
        log.service_log(f"try it: curl -d {event} {path}")
