"""`Globals`, as SAM merges them into each resource."""

from lambda_live.project.template.document import Array, Object, Value
from lambda_live.project.template.intrinsics import is_intrinsic


def merged(general: Value, own: Value) -> Value:
    """
    Return both: lists one after the other, mappings by key, and otherwise the resource's own.

    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-template-anatomy-globals.html
    """
    if own is None or general is None:
        return general if own is None else own
    if isinstance(general, Array) and isinstance(own, Array):
        both = Array(own.line)
        both.extend([*general, *own])
        return both
    if not isinstance(general, Object) or not isinstance(own, Object):
        return own
    if is_intrinsic(general) or is_intrinsic(own):
        return own
    return _merged_object(general, own)


def _merged_object(general: Object, own: Object) -> Object:
    result = Object(own.line)
    for key in {**general, **own}:
        line = own.line_of(key) if key in own else general.line_of(key)
        result.put(key, merged(general.get(key), own.get(key)), line)
    return result
