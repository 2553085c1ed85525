"""Text classification: texts of any length, each given a label."""
