"""`python -m hubbub.demo`: a gateway on this machine, and a real week of earthquakes through it.

Nothing is staged: the gateway is `hubbub serve` as everybody runs it, in a process and a temporary
data directory of its own, and the earthquakes are published over HTTP by `hubbub.client`.
"""
