"""DEMO: the whole story on one command, and the tutorial that it grew from."""
