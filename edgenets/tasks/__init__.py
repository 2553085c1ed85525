"""Tasks: a folder a job, with all that it needs from its spec to its metric."""
