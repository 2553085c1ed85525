"""On the device: sources → features → session → decoding → sinks, and honest figures.

Importing this package imports no framework; a backend loads its own at the
moment it is used.
"""
