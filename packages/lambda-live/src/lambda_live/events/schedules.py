"""
Schedules: `rate`, `cron` and `at`, as timers.

Sources: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

import asyncio
import json
import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from lambda_live.events.poller import PollerContext
from lambda_live.model.invocation import Invocation
from lambda_live.model.resources import EventSource

_RATE = re.compile(r"rate\((\d+) +(minute|hour|day)s?\)")
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
        self.next_time(datetime.now(UTC))  # checks the expression

    def next_time(self, after: datetime) -> datetime | None:
        """Return the next time after `after`, or None if there is none."""
        expression = self.source.source.strip()
        if match := _RATE.fullmatch(expression):
            return after + timedelta(seconds=int(match[1]) * _UNIT_SECONDS[match[2]])
        if match := _AT.fullmatch(expression):
            time = datetime.fromisoformat(match[1]).replace(tzinfo=self._zone)
            return time if time > after else None
        if match := _CRON.fullmatch(expression):
            return self._next_cron(match[1], after)
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
                self._context.log(f"schedule {self.source.name}: {error}", "ERROR")
            time = self.next_time(max(time, datetime.now(UTC)))  # missed times do not fire

    async def fire(self, time: datetime | None = None) -> None:
        """
        Deliver the event of one time, which is now by default.

        Raises:
            ThrottledError, ServiceStoppingError: The function accepts no event.
            BotoCoreError, ClientError, ValueError: The target is no function and is missing.
        """
        event = self.event(time or datetime.now(UTC))
        if self.source.target.startswith("arn:"):
            await self._context.aws.send(self.source.target, event)
            return
        function = self._context.find_function(self.source.target)
        if function is None:
            message = f"function {self.source.target} is not served"
            raise ValueError(message)
        label = f"Schedule {self.source.name}"
        described = {"schedule": self.source.name, "expression": self.source.source}
        function.enqueue_event(Invocation(event.encode(), label=label, source=described))

    def event(self, time: datetime) -> str:
        """Return the event of one time, as JSON."""
        settings = self.source.settings
        if (text := settings.get("Input")) is not None:
            return text if isinstance(text, str) else json.dumps(text)
        if settings.get("IsScheduler"):
            return "{}"
        account = self._context.aws.account
        rule = settings.get("RuleName") or settings.get("Name") or self.source.name
        event: dict[str, Any] = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": account.account_id,
            "time": time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": account.region,
            "resources": [f"arn:aws:events:{account.region}:{account.account_id}:rule/{rule}"],
            "detail": {},
        }
        return json.dumps(event)


async def _sleep_until(time: datetime) -> None:
    """Return at a time, also after the clock was changed."""
    while (left := (time - datetime.now(UTC)).total_seconds()) > 0:  # noqa: ASYNC110  # no event
        await asyncio.sleep(min(left, _LONGEST_SLEEP_SECONDS))
