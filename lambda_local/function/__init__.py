"""One function: its queue, its environments, its events, its reloads."""
