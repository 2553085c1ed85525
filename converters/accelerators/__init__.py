"""Artifacts for accelerators, which their makers' own compilers make of ours."""
