"""Faults put into loopback channels, one after the other, and what the real gateway makes of each.

`catalogue` says what each fault is and what has to come of it; `run` plays it on virtual time over real sockets;
`judge` compares. The benchmark of the peers (`bench/faults`) takes its rows from the same catalogue.
"""
