"""
Event sources against the emulator. Which test has which of AWS's rules:

| rule | tests |
|---|---|
| batch size, window, 6 MB, maximum concurrency, settings that AWS rejects | test_queues |
| visibility, redrive, exceptions, crashes, timeouts, the table of partial responses | test_queues |
| FIFO order and blocked groups, filters of queues, form of a queue's record | test_queues |
| order, blocking, bisecting, partial responses and their table, tumbling windows | test_streams |
| form of a table's record, changes that are none, filters, OnFailure to a queue | test_streams |
| lanes, retries, record age, starting positions, OnFailure to a bucket and a topic | test_kinesis |
| form of a stream's record, filters on data and keys, settings that AWS rejects | test_kinesis |
| S3, SNS, EventBridge: form, filters, inputs; nested and raw messages | test_notifications |
| destinations: queue, topic, bus; dead-letter queue | test_notifications |
| schedules: expressions and time zones | unit/test_schedules |
| schedules that fire; a killed service; persisted data; one of several services | test_emulator |
| aliases and versions of functions | test_qualifiers |
| applications of several parts | test_projects |
| parameters, secrets, exports, custom resources | test_stored_values |
"""

import pytest

from lambda_live.resources.emulator import Emulator


@pytest.fixture(scope="session", autouse=True)
def _emulator() -> None:
    """Install the emulator before a service starts: a start must not wait for it."""
    Emulator.install(lambda _: None)
