"""
The command line: `serve`, and the commands for scripts and editors.

In: arguments and environment variables. Out: an exit status, text or JSON.
It imports every other package; nothing imports it.
"""
