"""CNN against RNN, measured: networks of one size, one task, one report.

families     which networks are compared, and how they are brought to one size
tasks        what they are compared on
gradients    how far back a network's answer feels its inputs
recall       how long a network can be taught to remember
speed        what a training step takes, in a process of its own
memory       what a step holds while it runs
textbook     what books say, beside what was measured
compare      all of it, network by network
page         the report
"""
