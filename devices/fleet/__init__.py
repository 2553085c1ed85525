"""Many boards at once, by Ansible: its inventories, its parallelism, its waves and thresholds.

What is done on each board is `edgenets deploy`'s; the playbooks only say to whom, in which order,
and when to stop.
"""
