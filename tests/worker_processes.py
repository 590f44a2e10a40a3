"""Starts scripts as processes, also as several workers on this machine."""

import json
import os
import socket
import subprocess
import sys


def start(arguments, tf_config=None):
    environment = dict(os.environ)
    if tf_config:
        environment["TF_CONFIG"] = json.dumps(tf_config)
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process, returncode=0):
    """Wait for a process and return its standard output and standard error."""
    output, errors = process.communicate()
    assert process.returncode == returncode, errors
    return output, errors


def free_addresses(count):
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    addresses = [f"localhost:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    return addresses


def configs(count=2):
    """The TF_CONFIG of each of `count` workers."""
    cluster = {"worker": free_addresses(count)}
    return [
        {"cluster": cluster, "task": {"type": "worker", "index": index}} for index in range(count)
    ]
