"""
The data that every other package exchanges: functions, routes, invocations, results, errors.

It has values and small rules about them (an ARN, a trace header). Only `text_files` does I/O.
It imports nothing else of lambda_live.
"""
