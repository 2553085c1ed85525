"""Keyword spotting: words that are recognized in a stream of sound."""
