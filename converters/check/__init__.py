"""What a board will make of a model, before it is there."""
