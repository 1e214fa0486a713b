"""The function's code: whether it changed, and which code it is."""
