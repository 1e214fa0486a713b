"""Running an event that a person, or a save, asks for."""

from lambda_live.functions.registry import FunctionRegistry
from lambda_live.functions.request_queue import ThrottledError
from lambda_live.functions.stopping import ServiceStoppingError
from lambda_live.model.invocation import Invocation
from lambda_live.ui.history import History
from lambda_live.ui.rows import InvocationRow
from lambda_live.ui.truncated import MAX_BODY_BYTES


class InvokeError(Exception):
    """It could not be run; the text says why to a person."""


async def invoke(
    functions: FunctionRegistry, journal: History, function: str, invocation: Invocation
) -> InvocationRow:
    """Run it, and return what was written down of it. Raises NotRunError."""
    found = functions.get(function)
    if found is None:
        message = f"There is no function {function!r}."
        raise InvokeError(message)
    try:
        await found.invoke(invocation)
    except ThrottledError as error:
        message = "Throttled (429): all environments are busy, and no more requests may wait."
        raise InvokeError(message) from error
    except ServiceStoppingError as error:
        message = "The service is stopping."
        raise InvokeError(message) from error
    row = journal.find_request(invocation.request_id)
    if row is None:
        message = "It ran, and was forgotten at once: its answer is too large to be kept."
        raise InvokeError(message)
    return row


async def rerun(
    functions: FunctionRegistry, journal: History, row: InvocationRow, source: str
) -> InvocationRow:
    """Run the same event again. Raises NotRunError."""
    if row.event.is_truncated:
        message = f"Of its event of {row.event.size} bytes only {MAX_BODY_BYTES} are kept."
        raise InvokeError(message)
    invocation = Invocation(
        row.event.content, client_context=row.client_context, label=row.label, client=source
    )
    return await invoke(functions, journal, row.function, invocation)
