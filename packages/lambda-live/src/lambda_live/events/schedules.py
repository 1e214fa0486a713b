"""
Schedules: `rate`, `cron` and `at`, as timers.

Sources: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

import asyncio
import json
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from lambda_live.events.poller import PollerContext, reject_event
from lambda_live.functions.request_queue import RejectedError
from lambda_live.model.invocation import Invocation
from lambda_live.model.resources import EventSource
from lambda_live.resources.aws import AwsError, explain

_RATE = re.compile(r"rate\(([1-9]\d*) +(minute|hour|day)s?\)")
_UNIT_SECONDS = {"minute": 60, "hour": 3600, "day": 86_400}
_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_CRON = re.compile(r"cron\(([^)]+)\)")
_LONGEST_SLEEP_SECONDS = 3600.0


class InvalidScheduleError(ValueError):
    """The expression is invalid; the text says why."""


class Schedule:
    """Fires an event source at the times of its expression."""

    def __init__(self, source: EventSource, context: PollerContext) -> None:
        """Create the schedule. Raises InvalidScheduleError."""
        self.source = source
        self._context = context
        settings = source.settings
        state = str(settings.get("State") or "ENABLED").upper()
        enabled = str(settings.get("Enabled", "true")).lower()
        self.is_enabled = state != "DISABLED" and enabled != "false"
        zone = settings.get("ScheduleExpressionTimezone") or "UTC"
        try:
            self._zone = ZoneInfo(zone)
        except (KeyError, ValueError, OSError) as error:
            message = f"unknown time zone {zone!r}"
            raise InvalidScheduleError(message) from error
        self._start = _date(settings, "StartDate", datetime.min.replace(tzinfo=UTC))
        self._end = _date(settings, "EndDate", datetime.max.replace(tzinfo=UTC))
        self.next_time(datetime.now(UTC))  # checks the expression

    def next_time(self, after: datetime) -> datetime | None:
        """Return the next time after `after`, or None if there is none."""
        expression = self.source.source.strip()
        if match := _AT.fullmatch(expression):  # AWS ignores the dates of such a schedule
            time = datetime.fromisoformat(match[1]).replace(tzinfo=self._zone)
            return time if time > after else None
        found = self._next_repeated(expression, after)
        return found if found is not None and found <= self._end else None

    def _next_repeated(self, expression: str, after: datetime) -> datetime | None:
        if match := _RATE.fullmatch(expression):
            period = timedelta(seconds=int(match[1]) * _UNIT_SECONDS[match[2]])
            return self._start if self._start > after else after + period
        if match := _CRON.fullmatch(expression):
            return self._next_cron(match[1], max(after, self._start))
        message = f"invalid schedule {expression!r}; use rate(5 minutes) or cron(0 12 * * ? *)"
        raise InvalidScheduleError(message)

    def _next_cron(self, fields: str, after: datetime) -> datetime | None:
        from aws_croniter import AwsCroniter  # noqa: PLC0415  # only projects with a cron need it

        try:
            local = after.astimezone(self._zone).replace(tzinfo=UTC)
            found: datetime | None = next(iter(AwsCroniter(fields).get_next(local)), None)
        except Exception as error:
            message = f"invalid schedule cron({fields}): {error}"
            raise InvalidScheduleError(message) from error
        if found is None:
            return None
        time = found.replace(tzinfo=self._zone)
        # an hour that daylight saving time repeats has its times twice
        return time if time.astimezone(UTC) > after else time.replace(fold=1)

    async def run(self) -> None:
        """Fire at each time until the task is cancelled."""
        time = self.next_time(datetime.now(UTC)) if self.is_enabled else None
        while time is not None:
            await _sleep_until(time)
            try:
                await self.fire(time)
            except Exception as error:  # noqa: BLE001  # the next time is not affected
                message = f"{self.source.place}: {self.source.name} was not fired: {error}"
                self._context.log(message, "ERROR")
            time = self.next_time(max(time, datetime.now(UTC)))  # missed times do not fire

    async def fire(self, time: datetime | None = None) -> None:
        """
        Deliver the event of one time, which is now by default.

        Raises:
            ThrottledError, ServiceStoppingError: The function accepts no event.
            ValueError: The target is missing.
        """
        event = self.event(time or datetime.now(UTC))
        if self.source.target.startswith("arn:"):
            try:
                await self._context.aws.send(self.source.target, event)
            except AwsError as error:
                raise ValueError(explain(error)) from error
            return
        function = self._context.find_function(self.source.target)
        if function is None:
            message = f"function {self.source.target} is not served"
            raise ValueError(message)
        label, qualifier = f"Schedule {self.source.name}", self.source.qualifier
        described = {"schedule": self.source.name, "expression": self.source.source}
        invocation = Invocation(event.encode(), qualifier=qualifier, label=label, source=described)
        try:
            function.enqueue_event(invocation)
        except RejectedError as error:
            await reject_event(self._context, self.source, event, error)

    def event(self, time: datetime) -> str:
        """Return the event of one time, as JSON."""
        settings, account = self.source.settings, self._context.aws.account
        text = settings.get("Input")
        if settings.get("IsScheduler"):
            return self._fill(_text(text), time) if text is not None else "{}"
        if text is not None:
            return _text(text)
        rule = settings.get("RuleName") or settings.get("Name") or self.source.name
        event: dict[str, Any] = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": account.account_id,
            "time": _iso(time),
            "region": account.region,
            "resources": [f"arn:aws:events:{account.region}:{account.account_id}:rule/{rule}"],
            "detail": {},
        }
        return json.dumps(event)

    def _fill(self, text: str, time: datetime) -> str:
        """
        Replace the context attributes in an input.

        https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
        """
        account, settings = self._context.aws.account, self.source.settings
        name = settings.get("Name") or self.source.name
        schedule = f"schedule/{settings.get('GroupName') or 'default'}/{name}"
        service = f"arn:{account.partition}:scheduler:{account.region}:{account.account_id}"
        values = {
            "attempt-number": "1",
            "execution-id": str(uuid.uuid4()),
            "schedule-arn": f"{service}:{schedule}",
            "scheduled-time": _iso(time),
        }
        for attribute, value in values.items():
            text = text.replace(f"<aws.scheduler.{attribute}>", value)
        return text


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _date(settings: Mapping[str, Any], name: str, default: datetime) -> datetime:
    """Return a date of a schedule, which is in UTC. Raises InvalidScheduleError."""
    text = settings.get(name)
    try:
        found = datetime.fromisoformat(text) if text else default
    except (TypeError, ValueError) as error:
        message = f"invalid {name} {text!r}; write a date such as 2030-01-31T00:00:00Z"
        raise InvalidScheduleError(message) from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


async def _sleep_until(time: datetime) -> None:
    """Return at a time, also after the clock was changed."""
    while (left := (time - datetime.now(UTC)).total_seconds()) > 0:  # noqa: ASYNC110  # no event
        await asyncio.sleep(min(left, _LONGEST_SLEEP_SECONDS))
