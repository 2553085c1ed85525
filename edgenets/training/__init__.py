"""Training: a recipe and data become a run folder with a model, its spec and its figures."""
