"""A fleet on several machines: kills, cuts and restarts are measured, and every record is compared afterwards.

A machine is a network namespace and, as long as it is on, a PID namespace of its own: :mod:`bench.machines.machines`.
"""
