import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lambda_live.events.poller import PollerContext
from lambda_live.events.schedules import InvalidScheduleError, Schedule
from lambda_live.model.function import Account
from lambda_live.model.resources import EventSource
from lambda_live.resources.aws import AwsClients


def schedule(expression: str, zone: str | None = None, **settings: Any) -> Schedule:
    settings |= {"ScheduleExpressionTimezone": zone} if zone else {}
    source = EventSource("Often", "Schedule", "Work", expression, settings, Path("t.yaml"), 1)
    context = PollerContext(AwsClients("", Account()), lambda _: None, lambda *_: None, False)  # noqa: FBT003  # a field
    return Schedule(source, context)


@pytest.mark.parametrize(
    ("expression", "zone", "after", "expected"),
    [
        ("rate(1 minute)", None, "2026-11-30T12:00:30", "2026-11-30T12:01:30"),
        ("rate(7 days)", None, "2026-11-30T12:00:00", "2026-12-07T12:00:00"),
        ("cron(0 10 * * ? *)", None, "2026-11-30T12:00:00", "2026-12-01T10:00:00"),
        ("cron(0/15 * * * ? *)", None, "2026-11-30T12:16:00", "2026-11-30T12:30:00"),
        ("cron(0 18 ? * MON-FRI *)", None, "2026-11-27T19:00:00", "2026-11-30T18:00:00"),
        ("cron(0 8 1 * ? *)", None, "2026-11-30T12:00:00", "2026-12-01T08:00:00"),
        ("cron(0 9 ? * 2#1 *)", None, "2026-11-30T12:00:00", "2026-12-07T09:00:00"),
        ("cron(15 12 L * ? *)", None, "2026-11-30T13:00:00", "2026-12-31T12:15:00"),
        ("cron(0 12 * * ? *)", "Asia/Tokyo", "2026-11-30T00:00:00", "2026-11-30T03:00:00"),
        # the clock is set back from 03:00 to 02:00 at 01:00 UTC
        ("cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-24T12:00:00", "2026-10-25T00:30:00"),
        ("cron(0/10 * * * ? *)", "Europe/Berlin", "2026-10-25T01:05:00", "2026-10-25T01:10:00"),
        ("at(2026-12-24T18:00:00)", "Asia/Tokyo", "2026-11-30T12:00:00", "2026-12-24T09:00:00"),
    ],
)
def test_schedule_has_the_next_time_of_aws(
    expression: str, zone: str | None, after: str, expected: str
) -> None:
    found = schedule(expression, zone).next_time(datetime.fromisoformat(f"{after}+00:00"))
    assert found is not None
    assert found.astimezone(UTC).isoformat() == f"{expected}+00:00"


@pytest.mark.parametrize("expression", ["at(2020-01-01T00:00:00)", "cron(0 0 1 1 ? 2020)"])
def test_schedule_in_the_past_has_no_next_time(expression: str) -> None:
    assert schedule(expression).next_time(datetime(2026, 11, 30, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("expression", "zone"),
    [
        ("rate(0.5 hours)", None),
        ("rate(0 minutes)", None),
        ("cron(0 10 * * *)", None),
        ("cron(0 10 * * * *)", None),
        ("every day", None),
        ("rate(1 day)", "Europe/Atlantis"),
    ],
)
def test_invalid_schedule_is_rejected(expression: str, zone: str | None) -> None:
    with pytest.raises(InvalidScheduleError):
        schedule(expression, zone)


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("rate(2 days)", "2026-11-29", "2026-12-01T06:00:00"),
        ("rate(2 days)", "2026-12-02", "2026-12-04T00:00:00"),
        ("rate(2 days)", "2026-12-30", None),
        ("cron(0 5 * * ? *)", "2026-11-29", "2026-12-02T05:00:00"),
        ("cron(0 5 * * ? *)", "2026-12-31T04:00", None),
        ("at(2027-01-01T00:00:00)", "2026-12-31", "2027-01-01T00:00:00"),
    ],
)
def test_schedule_with_dates_fires_between_them(
    expression: str, after: str, expected: str | None
) -> None:
    dates = {"StartDate": "2026-12-01T06:00:00Z", "EndDate": "2026-12-31T00:00:00"}
    moment = datetime.fromisoformat(after).replace(tzinfo=UTC)
    found = schedule(expression, **dates).next_time(moment)
    assert (found and found.isoformat()) == (expected and f"{expected}+00:00")


def test_schedule_with_an_invalid_date_is_rejected() -> None:
    with pytest.raises(InvalidScheduleError, match="invalid EndDate 'soon'"):
        schedule("rate(1 day)", EndDate="soon")


def test_context_attributes_in_the_input_of_a_schedule_are_filled() -> None:
    names = ("attempt-number", "execution-id", "schedule-arn", "scheduled-time")
    text = json.dumps({name: f"<aws.scheduler.{name}>" for name in names})
    event = json.loads(
        schedule("rate(1 day)", IsScheduler=True, Input=text).event(
            datetime(2026, 12, 1, tzinfo=UTC)
        )
    )
    assert event.pop("execution-id")
    arn = "arn:aws:scheduler:us-east-1:123456789012:schedule/default/Often"
    time = "2026-12-01T00:00:00Z"
    assert event == {"attempt-number": "1", "schedule-arn": arn, "scheduled-time": time}
