"""Addresses for processes that tests start."""

import socket


def free_addresses(number):
    """Loopback addresses that nobody listens at."""
    held = [socket.socket() for _ in range(number)]
    for each in held:
        each.bind(("127.0.0.1", 0))
    found = [f"127.0.0.1:{each.getsockname()[1]}" for each in held]
    for each in held:
        each.close()
    return found
