"""
What invokes functions besides HTTP: queues, streams, notifications, rules and schedules.

In: the event sources of the template, and those that clients create with Lambda's API. Out:
invocations of functions, and what happens to messages and records whose invocation fails. All
data is read from the emulator by AWS's own API. May import `functions`, `resources` and what is
below them.
"""
