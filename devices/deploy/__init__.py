"""Deployment: from a bare OS that answers over SSH to a service that was seen to work.

machine      what a board says of itself
needs        what a bundle and its sources need on a board: extras, devices
ownwheel     this edgenets, as a wheel
wheelhouse   the wheels of an environment for a board of another architecture
compose      a release of them
keeping      the keeper on the board, and what it is asked
deploy       all of it, in order
manage       what is asked of a board later
"""
