import math

import pytest

from support.http import HttpResponse
from support.project import REPOSITORY
from support.waiting import wait_until
from tests.cluster.support.stack import SUBJECT, Stack, kubectl
from tests.environment.support.dashboard import Query, Range, annotation_queries, panel_queries

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("subject")]
EVENTS = sorted((REPOSITORY / "events").glob("*.json"))


@pytest.fixture(scope="module")
def responses(stack: Stack) -> list[HttpResponse]:
    """Send every event to the function, and some to the subject."""
    stack.wait_until_scraped()  # otherwise Prometheus sees no increase
    save()
    stack.invoke_many([{}, {"raise": "no"}])
    return [stack.invoke_text(event.read_text(), "function") for event in EVENTS]


def save() -> None:
    command = ("sh", "-c", "date > /watched/saved.py")
    kubectl("-n", "lambda", "exec", f"deployment/{SUBJECT}", "--", *command)


def has_data(stack: Stack, query: Query, function: str) -> bool:
    now = stack.now()
    time = Range(now - 900, now)
    expression = query.filled_in(time, function=function, request_id="")
    if query.datasource == "loki":
        return bool(stack.logs(expression, time))
    found = stack.metrics(expression, None if query.instant else time)
    return any(not math.isnan(value) for series in found for value in series.values)


@pytest.mark.usefixtures("responses")
@pytest.mark.parametrize("function", ["function", SUBJECT])
@pytest.mark.parametrize("query", panel_queries(), ids=str)
def test_panel_shows_data(stack: Stack, query: Query, function: str) -> None:
    if (query.title, function) == ("Init duration", "function"):
        pytest.skip("the panel shows cold starts, and this function may have had none lately")
    wait_until(lambda: has_data(stack, query, function), f"{query.title}: {query.expression}", 30)


def annotation(title: str) -> Query:
    (found,) = [query for query in annotation_queries() if query.title == title]
    return found


def test_deployment_is_annotated_at_its_time(stack: Stack) -> None:
    expression = annotation("Deployments").filled_in(Range(0, 0), function=SUBJECT)

    (started,) = wait_until(lambda: stack.metrics(expression), expression, 60)

    assert 0 < stack.now() - started.values[0] / 1000 < 3600


def test_reload_is_annotated_with_code(stack: Stack) -> None:
    save()
    expression = annotation("Reloads").filled_in(Range(0, 0), function=SUBJECT)

    line = wait_until(lambda: stack.logs(expression), expression, 60)[-1]

    assert (line.labels["message"], len(line.labels["code"])) == ("reloaded", 64)


@pytest.mark.parametrize("query", panel_queries(), ids=str)
def test_panel_of_unknown_function_shows_zero_or_nothing(stack: Stack, query: Query) -> None:
    now = stack.now()
    expression = query.filled_in(Range(now - 900, now), function="unknown", request_id="")
    if query.datasource == "loki":
        assert stack.logs(expression) == []
    else:
        values = [value for series in stack.metrics(expression) for value in series.values]
        assert all(value == 0 or math.isnan(value) for value in values)


def test_table_lists_each_invocation(stack: Stack, responses: list[HttpResponse]) -> None:
    (table,) = [query for query in panel_queries() if query.title == "Recent invocations"]
    now = stack.now()
    time = Range(now - 900, now + 60)
    sent = {response.headers["x-amzn-requestid"] for response in responses}
    assert len(sent) == len(EVENTS)

    def shown() -> bool:
        lines = stack.logs(table.filled_in(time, function="function"), time)
        return sent <= {line.labels["request_id"] for line in lines}

    wait_until(shown, "the request ids", 30)


@pytest.mark.usefixtures("responses")
def test_table_shows_outcome_of_invocation(stack: Stack) -> None:
    (table,) = [query for query in panel_queries() if query.title == "Recent invocations"]
    time = Range(stack.now() - 900, stack.now() + 60)
    response = stack.invoke({"raise": "no"})

    def row() -> dict[str, str]:
        for line in stack.logs(table.filled_in(time, function=SUBJECT), time):
            if line.labels["request_id"] == response.headers["x-amzn-requestid"]:
                return line.labels
        return {}

    found = wait_until(row, "the row", 30)
    assert (found["status"], found["error_type"]) == ("error", "ValueError")
    assert float(found["duration_ms"]) > 0
    assert int(found["memory_mb"]) > 0


def test_request_id_in_table_links_to_its_lines(stack: Stack) -> None:
    (logs,) = [query for query in panel_queries() if query.title == "Logs"]
    time = Range(stack.now() - 900, stack.now() + 60)
    request_id = stack.invoke({"print": "a line"}).headers["x-amzn-requestid"]
    expression = logs.filled_in(time, function=SUBJECT, request_id=request_id)

    wait_until(lambda: len(stack.logs(expression, time)) == 3, "its lines", 60)

    labels = [line.labels for line in stack.logs(expression, time)]
    assert {each["request_id"] for each in labels} == {request_id}
