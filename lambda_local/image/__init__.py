"""A Dockerfile, read as far as it says what a function of its image is; nothing of it is run."""
