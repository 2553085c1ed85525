"""From any model to any artifact: converters as a graph, and the conversion paths through it.

edge.py    a converter: what it takes, gives, requires and ensures
table.py   all of them
find.py    the conversion paths from a model to an artifact, and which of them is taken
carry.py   a model carried along them
folder.py  from a file to a folder of artifacts, and to a report
apart.py   the same in a process of its own
"""
