"""The debugger's port, which outlives the processes that are debugged."""
