"""The live page: what a run sees, in a browser. Nothing of it is loaded from another host."""
