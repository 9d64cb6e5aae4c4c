"""Ports for programs that must be told one."""

import itertools
import os
import socket


def _ports():
    """
    Below those that the system gives to outgoing connections (ip_local_port_range), and for each process others: nobody
    takes a port between its being chosen here and its being bound by a program.
    """
    for n in itertools.count(os.getpid() * 997):
        yield 10000 + n % 22000


_port = _ports()


def free_port():
    while True:
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port := next(_port)))
                return port
            except OSError:
                continue
