"""
Code files: which files of a folder are code, their hash, and a watcher for changes.

In: the folders of a function. Out: a SHA-256 and a notification for each change.
It imports no other package.
"""
