"""The command line: commands parse, library functions work."""
