"""A world whose every image, sound and line carries its own number and time.

It is sent through every kind of source, with faults, and read again at the sink: what arrives that
was never sent, at another time, twice, or is missing without being counted, is a violation.
`python -m tests.benchmarks.truth` runs it.
"""
