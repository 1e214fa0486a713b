"""The function's page: what happened, live, and what a person does about it."""
