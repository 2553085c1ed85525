"""From any model to any artefact: converters as a graph, and the roads through it.

edge.py    a converter: what it takes, gives, requires and ensures
table.py   all of them
find.py    the roads from a model to an artefact, and which of them is taken
carry.py   a model carried along them
folder.py  from a file to a folder of artefacts, and to a report
apart.py   the same in a process of its own
"""
