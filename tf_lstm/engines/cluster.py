"""The workers that train together, as the environment variable TF_CONFIG names them.

    {"cluster": {"worker": ["one:12345", "two:12345"]}, "task": {"type": "worker", "index": 0}}

Start the same command on every machine, with the same TF_CONFIG except for `index`. TensorFlow's
protocol between workers has no authentication: use it only on a trusted network. This module needs
no TensorFlow, so mistakes are reported at once.
"""

import json
import os
import socket
import time

from tf_lstm.terminal.errors import UserError

STRATEGIES = ("none", "mirrored", "multi-worker")
SECONDS_TO_WAIT = 120  # for the other workers to start

Cluster = dict[str, list[str]]
Task = tuple[str, int]


def cluster_and_task() -> tuple[Cluster, Task]:
    """The workers' addresses and this process's task, from TF_CONFIG.

    Returns:
        {"worker": [addresses]}, possibly with "chief" as well, and (type, index).

    Raises:
        UserError: TF_CONFIG is not set or wrong.
    """
    try:
        config = json.loads(os.environ["TF_CONFIG"])
        cluster, task = config["cluster"], (config["task"]["type"], config["task"]["index"])
        addresses = [address for kind in cluster for address in cluster[kind]]
        ports = [int(address.rpartition(":")[2]) for address in addresses]
        known = set(cluster) <= {"chief", "worker"} and all(0 < port < 65536 for port in ports)
        if not known or task[1] not in range(len(cluster[task[0]])):
            raise ValueError("task or address out of range")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            "TF_CONFIG does not say which machines --strategy multi-worker uses and which one this "
            'is: set it to {"cluster": {"worker": ["HOST:PORT", ...]}, '
            '"task": {"type": "worker", "index": 0}}, with a different index on each.'
        ) from error
    return cluster, task


def is_chief(strategy: str) -> bool:
    """Whether this process writes the run: the only one, or the first of several workers."""
    if strategy != "multi-worker":
        return True
    cluster, (kind, index) = cluster_and_task()
    return index == 0 and kind == ("chief" if "chief" in cluster else "worker")


def wait_for_workers(cluster: Cluster, task: Task) -> None:
    """Wait until all other workers have started.

    TensorFlow's own wait is silent and cannot be interrupted. So each worker first listens at its
    address until it has connected to all others, which may wait here or already run TensorFlow.

    Raises:
        UserError: some did not start in time; the message names them.
    """
    missing = {
        (kind, index): address
        for kind, addresses in cluster.items()
        for index, address in enumerate(addresses)
        if (kind, index) != task
    }
    own_host, _, own_port = cluster[task[0]][task[1]].rpartition(":")
    deadline = time.monotonic() + SECONDS_TO_WAIT
    try:
        listener = socket.create_server((own_host, int(own_port)), backlog=len(missing) + 1)
    except OSError as error:
        raise UserError(
            f"Address {own_host}:{own_port} of this worker cannot be used ({error.strerror}): "
            "choose another in TF_CONFIG."
        ) from error
    with listener:
        while missing and time.monotonic() < deadline:
            for worker, address in list(missing.items()):
                host, _, port = address.rpartition(":")
                try:
                    socket.create_connection((host, int(port)), timeout=1).close()
                    del missing[worker]
                except OSError:
                    time.sleep(0.2)
    if missing:
        names = ", ".join(f"{k} {i} at {address}" for (k, i), address in missing.items())
        raise UserError(
            f"No answer within {SECONDS_TO_WAIT} seconds from {names}: start the same command "
            "there, and check TF_CONFIG."
        )
