"""More than one device, or more than one machine, by TensorFlow's own `tf.distribute` strategies.

A strategy keeps a copy of every variable on each of its replicas, and `Trainer` lets each replica
compute its part of every batch. `multi-worker` is configured as all of TensorFlow is, by the
environment variable TF_CONFIG:

    {"cluster": {"worker": ["one:12345", "two:12345"]}, "task": {"type": "worker", "index": 0}}

and the same command with the same TF_CONFIG, but for `index`, is started on every machine.
"""

import json
import os
import socket
import time

from tf_lstm.errors import UserError
from tf_lstm.startup import cores

STRATEGIES = ("none", "mirrored", "multi-worker")
SECONDS_TO_WAIT = 120  # for the other workers to start


def new_strategy(name, replicas=None):
    """The strategy of that name; to be made before TensorFlow computes anything.

    Args:
        name: one of `STRATEGIES`.
        replicas: of "mirrored"; None for one on each GPU, or two where there is none. Without GPUs
            they are logical devices, parts of the processor.

    Raises:
        UserError: there are not so many GPUs, TF_CONFIG is wrong, or a worker is missing.
    """
    import tensorflow as tf

    if name == "mirrored":
        gpus = tf.config.list_logical_devices("GPU") if tf.config.get_visible_devices("GPU") else []
        if not gpus:
            logical = [tf.config.LogicalDeviceConfiguration()] * (replicas or 2)
            (processor,) = tf.config.list_physical_devices("CPU")
            tf.config.set_logical_device_configuration(processor, logical)
            return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(len(logical))])
        if replicas and replicas > len(gpus):
            raise UserError(f"--replicas {replicas} is more than the {len(gpus)} GPUs here.")
        return tf.distribute.MirroredStrategy([gpu.name for gpu in gpus[:replicas]])
    if name == "multi-worker":
        meet_the_others(*cluster_and_task())
        return tf.distribute.MultiWorkerMirroredStrategy()
    return tf.distribute.get_strategy()


def shards(name, strategy):
    """Into how many parts a replica cuts its part of a batch, to keep its cores busy."""
    import tensorflow as tf

    if tf.config.get_visible_devices("GPU"):
        return 1
    return max(1, cores() // strategy.num_replicas_in_sync) if name == "mirrored" else cores()


def cluster_and_task():
    """The workers' addresses, and which of them this process is, as TF_CONFIG says.

    Returns:
        {"worker": [addresses]}, perhaps with "chief" as well, and (type, index).

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
            "TF_CONFIG does not say which machines --strategy multi-worker shall use and which one "
            'this is: set it to {"cluster": {"worker": ["HOST:PORT", ...]}, '
            '"task": {"type": "worker", "index": 0}}, with the index of each.'
        ) from error
    return cluster, task


def is_chief(name):
    """Whether this process writes the run: the only one, or the first of several workers."""
    if name != "multi-worker":
        return True
    cluster, (kind, index) = cluster_and_task()
    return index == 0 and kind == ("chief" if "chief" in cluster else "worker")


def meet_the_others(cluster, task):
    """Wait until all other workers have started.

    TensorFlow itself waits for them without a word and cannot be interrupted. So each worker
    listens at its own address until it has reached all the others, here or in TensorFlow already.

    Raises:
        UserError: some did not start in time; it names them.
    """
    missing = {
        (kind, index): address
        for kind, addresses in cluster.items()
        for index, address in enumerate(addresses)
        if (kind, index) != task
    }
    own_port = int(cluster[task[0]][task[1]].rpartition(":")[2])
    deadline = time.monotonic() + SECONDS_TO_WAIT
    try:
        listener = socket.create_server(("", own_port), backlog=len(missing) + 1)
    except OSError as error:
        raise UserError(
            f"Port {own_port} of this worker cannot be used ({error.strerror}): choose another in "
            "TF_CONFIG."
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
            "there, and look at TF_CONFIG."
        )
