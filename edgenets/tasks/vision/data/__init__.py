"""Pictures that people have labelled, in the layouts that they have them in."""
