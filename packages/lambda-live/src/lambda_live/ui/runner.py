"""Running an event that a person, or a save, asks for."""

from lambda_live.functions.registry import FunctionRegistry
from lambda_live.functions.request_queue import ThrottledError
from lambda_live.functions.stopping import ServiceStoppingError
from lambda_live.model.invocation import Invocation
from lambda_live.ui.history import Journal
from lambda_live.ui.rows import InvocationRow
from lambda_live.ui.truncated import LIMIT


class NotRunError(Exception):
    """It could not be run; the text says why to a person."""


async def run(
    functions: FunctionRegistry, journal: Journal, function: str, invocation: Invocation
) -> InvocationRow:
    """Run it, and return what was written down of it. Raises NotRunError."""
    found = functions.get(function)
    if found is None:
        message = f"There is no function {function!r}."
        raise NotRunError(message)
    try:
        await found.invoke(invocation)
    except ThrottledError as error:
        message = "Throttled (429): all environments are busy, and no more requests may wait."
        raise NotRunError(message) from error
    except ServiceStoppingError as error:
        message = "The service is stopping."
        raise NotRunError(message) from error
    row = journal.of_request(invocation.request_id)
    if row is None:
        message = "It ran, and was forgotten at once: its answer is too large to be kept."
        raise NotRunError(message)
    return row


async def run_again(
    functions: FunctionRegistry, journal: Journal, row: InvocationRow, source: str
) -> InvocationRow:
    """Run the same event again. Raises NotRunError."""
    if row.event.cut:
        message = f"Of its event of {row.event.size} bytes only {LIMIT} are kept."
        raise NotRunError(message)
    invocation = Invocation(
        row.event.content, client_context=row.client_context, label=row.call, client=source
    )
    return await run(functions, journal, row.function, invocation)
