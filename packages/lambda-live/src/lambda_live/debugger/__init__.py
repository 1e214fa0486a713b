"""
One debugger port for each function, which stays the same from process to process.

In: an editor's connection (DAP). Out: a connection to the process that is being debugged.
It imports nothing else of lambda_live.
"""
