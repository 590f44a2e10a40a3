"""The workers that train together, as the environment variable TF_CONFIG names them.

    {"cluster": {"worker": ["one:12345", "two:12345"]}, "task": {"type": "worker", "index": 0}}

Start the same command on every machine, with the same TF_CONFIG except for `index`. TensorFlow's
protocol between workers has no authentication: use it only on a trusted network. This module needs
no TensorFlow, so mistakes are reported at once.
"""

import asyncio
import contextlib
import json
import os
import re
import secrets
import socket
import time
from collections.abc import Container, Iterable, Mapping
from dataclasses import asdict, dataclass

from tf_lstm.terminal.errors import UserError

STRATEGIES = ("none", "mirrored", "multi-worker")
SECONDS_TO_WAIT = 120  # for the other workers to start
SECONDS_TO_ANSWER = 5  # for one that accepts a connection
EXAMPLE = (
    '{"cluster": {"worker": ["one:12345", "two:12345"]}, "task": {"type": "worker", "index": 0}}'
)

Cluster = dict[str, list[str]]
Task = tuple[str, int]


def cluster_and_task() -> tuple[Cluster, Task]:
    """The workers' addresses and this process's task, from TF_CONFIG.

    Returns:
        {"worker": [addresses]}, possibly with "chief" as well, and (type, index).

    Raises:
        UserError: TF_CONFIG is not set or wrong.
    """
    text = os.environ.get("TF_CONFIG")
    if not text:
        raise UserError(
            "TF_CONFIG is not set, and --strategy multi-worker reads the workers' addresses there: "
            f"set it to {EXAMPLE}, with a different index for each worker."
        )
    try:
        config = json.loads(text)
    except ValueError as error:
        raise UserError(f"TF_CONFIG is not JSON ({error}): set it to {EXAMPLE}.") from error
    if not isinstance(config, dict) or not isinstance(config.get("cluster"), dict):
        raise UserError(
            f'TF_CONFIG has no "cluster", the workers\' addresses: set it to {EXAMPLE}.'
        )
    cluster, task = config["cluster"], config.get("task")
    check_cluster(cluster)
    if not isinstance(task, dict) or not {"type", "index"} <= set(task):
        raise UserError(
            'TF_CONFIG does not say which worker this process is: add "task": {"type": "worker", '
            '"index": 0}, with a different index for each worker.'
        )
    check_types([task["type"]])
    count = len(cluster.get(task["type"], []))
    # TensorFlow accepts an index in quotation marks, too.
    if not re.fullmatch(r"\d+", str(task["index"])) or int(task["index"]) >= count:
        raise UserError(
            f'TF_CONFIG makes this process {task["type"]} {task["index"]}, but its "cluster" has '
            f'{count} of type "{task["type"]}": correct the task, whose index counts from 0.'
        )
    return cluster, (task["type"], int(task["index"]))


def check_cluster(cluster: dict[str, object]) -> None:
    """Raise a UserError if `cluster` is not a `Cluster`."""
    check_types(cluster)
    for kind, addresses in cluster.items():
        if not isinstance(addresses, list):
            raise UserError(
                f'TF_CONFIG: the addresses of "{kind}" must be a list, as in {EXAMPLE}.'
            )
        if kind == "chief" and len(addresses) > 1:
            raise UserError('TF_CONFIG names several addresses for "chief": keep one.')
        for address in addresses:
            split_address(address)


def check_types(types: Iterable[object]) -> None:
    """Raise a UserError if a task's type is not supported."""
    for kind in types:
        if kind not in ("chief", "worker"):
            raise UserError(
                f'TF_CONFIG names the task type "{kind}", which --strategy multi-worker does not '
                'support: leave it out; its tasks are "worker" and at most one "chief".'
            )


def split_address(address: object) -> tuple[str, int]:
    """The host and the port of "HOST:PORT"; an IPv6 address as host is in brackets.

    Raises:
        UserError: the address has another form.
    """
    match = re.fullmatch(r"(?:\[([^\[\]/]+)\]|([^\[\]/:\s]+)):(\d{1,5})", str(address))
    if not match or not 0 < int(match[3]) < 65536:
        raise UserError(
            f"TF_CONFIG: {address} is not HOST:PORT: write an address such as one:12345 or "
            "[::1]:12345."
        )
    return match[1] or match[2], int(match[3])


def is_chief(strategy: str) -> bool:
    """Whether this process writes the run: the only one, or the first of several workers."""
    if strategy != "multi-worker":
        return True
    cluster, (kind, index) = cluster_and_task()
    return index == 0 and kind == ("chief" if "chief" in cluster else "worker")


@dataclass(frozen=True)
class Greeting:
    """What workers send each other while they wait for all to start."""

    task: Task
    start: str  # random: a worker that was restarted must be greeted again
    settings: dict[str, str]

    def to_line(self) -> bytes:
        """The greeting as a line of JSON."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> "Greeting | None":
        """The greeting in a line, or None if it is something else."""
        try:
            values = json.loads(line)
            kind, index = values["task"]
            return cls((str(kind), int(index)), values["start"], dict(values["settings"]))
        except (ValueError, TypeError, KeyError):
            return None


def wait_for_workers(
    cluster: Cluster, task: Task, settings: Mapping[str, object] | None = None
) -> None:
    """Wait until all other workers have started.

    TensorFlow's own wait is silent, cannot be interrupted, and does not end if a program that is
    not a worker has an address. So each worker first listens on its port, calls all others, and
    leaves when it has called all and all have called it. Then no worker needs it any more, and
    TensorFlow can have the port.

    Args:
        cluster: all workers' addresses.
        task: the type and index of this worker.
        settings: what must be the same for all workers.

    Raises:
        UserError: some did not start in time, have other settings, or are not workers; the message
            names them.
    """
    workers = {kind: len(addresses) for kind, addresses in cluster.items()}
    compared = {"workers": workers, **(settings or {})}
    texts = {name: str(value) for name, value in compared.items()}
    _, port = split_address(cluster[task[0]][task[1]])
    try:
        # On all interfaces, as TensorFlow: behind NAT, no interface has the address in TF_CONFIG.
        if socket.has_dualstack_ipv6():
            family = socket.AF_INET6
            listener = socket.create_server(("", port), family=family, dualstack_ipv6=True)
        else:
            listener = socket.create_server(("", port))
    except OSError as error:
        raise UserError(
            f"Port {port} of this worker, {name_task(task)}, cannot be used ({error.strerror}): "
            "end the program that uses it, or correct TF_CONFIG."
        ) from error
    with listener:
        asyncio.run(greet_workers(listener, cluster, Greeting(task, secrets.token_hex(8), texts)))


async def greet_workers(listener: socket.socket, cluster: Cluster, own: Greeting) -> None:
    """Call all other workers, and wait until all have called; see `wait_for_workers`."""
    others = {
        (kind, index): address
        for kind, addresses in cluster.items()
        for index, address in enumerate(addresses)
        if (kind, index) != own.task
    }
    answers: dict[Task, Greeting | None] = {}
    callers: dict[Task, Greeting] = {}

    async def call(task: Task) -> None:
        try:
            connection = asyncio.open_connection(*split_address(others[task]))
            reader, writer = await asyncio.wait_for(connection, SECONDS_TO_ANSWER)
            greeting = await exchange_greetings(reader, writer, own)
        except OSError:
            return  # not started yet
        answers[task] = greeting

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):  # a worker whose call fails calls again
            if greeting := await exchange_greetings(reader, writer, own):
                callers[greeting.task] = greeting

    server = await asyncio.start_server(accept, sock=listener)
    deadline = time.monotonic() + SECONDS_TO_WAIT
    try:
        while unmet := [
            task
            for task in others
            if task not in answers or task not in callers or answers[task] != callers[task]
        ]:
            if time.monotonic() > deadline:
                raise UserError(describe_unmet({task: others[task] for task in unmet}, answers))
            # One that has answered is called again only if it was restarted since.
            await asyncio.gather(
                *(call(task) for task in unmet if task not in answers or task in callers)
            )
            await asyncio.sleep(0.2)
            # Judged last, so that all who differ have been greeted and say so as well.
            for task, answer in answers.items():
                check_answer(task, others[task], answer, own)
            for caller in callers.values():
                check_caller(caller, own)
    finally:
        server.close()


async def exchange_greetings(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, own: Greeting
) -> Greeting | None:
    """Send a greeting, and return the other side's; None if that is silent or says anything else.

    Raises:
        OSError: the other side closed the connection without a word, as a proxy does while the
            program behind it has not started.
    """
    try:
        writer.write(own.to_line())
        line = await asyncio.wait_for(reader.readline(), SECONDS_TO_ANSWER)
    except (TimeoutError, ValueError):  # silent, or too long for a line
        return None
    finally:
        writer.close()
    if not line:
        raise ConnectionResetError("closed without an answer")
    return Greeting.from_line(line)


def check_answer(task: Task, address: str, answer: Greeting | None, own: Greeting) -> None:
    """Raise a UserError if the answer at a worker's address is not that worker's."""
    called = f"{address}, in TF_CONFIG the address of {name_task(task)},"
    if answer is None:
        raise UserError(
            f"{called} does not answer as a worker that waits for others: end the program that "
            "runs there, or correct the address, and start all workers again."
        )
    check_settings(answer, own)
    if answer.task != task:
        raise UserError(
            f"{called} is answered by {name_task(answer.task)}: give all processes the same "
            "cluster, and each its own task."
        )


def check_caller(caller: Greeting, own: Greeting) -> None:
    """Raise a UserError if the worker that called does not fit to this one."""
    check_settings(caller, own)
    if caller.task == own.task:
        raise UserError(
            f"Another process is {name_task(own.task)} as well: give each its own index in "
            "TF_CONFIG."
        )


def check_settings(greeting: Greeting, own: Greeting) -> None:
    """Raise a UserError that names what differs, if the settings are not the same."""
    theirs, ours = greeting.settings, own.settings
    differences = ", ".join(
        f"{name} {theirs.get(name)} there and {ours.get(name)} here"
        for name in sorted({*theirs, *ours})
        if theirs.get(name) != ours.get(name)
    )
    if differences:
        raise UserError(
            f"The workers have different settings or data: {name_task(greeting.task)} has "
            f"{differences}: start the same command with the same data on each."
        )


def describe_unmet(unmet: Mapping[Task, str], answers: Container[Task]) -> str:
    """A sentence on the workers that were not reached, or else on those that did not call."""
    silent = {task: address for task, address in unmet.items() if task not in answers}
    names = ", ".join(f"{name_task(task)} at {at}" for task, at in (silent or unmet).items())
    if silent:
        return (
            f"No answer within {SECONDS_TO_WAIT} seconds from {names}: start the same command "
            "there, and check TF_CONFIG."
        )
    return (
        f"Not called within {SECONDS_TO_WAIT} seconds by {names}, which can be reached from here: "
        "check this worker's address in TF_CONFIG there, and the firewall here."
    )


def name_task(task: Task) -> str:
    """For instance "worker 0"."""
    return f"{task[0]} {task[1]}"
