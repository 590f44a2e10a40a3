"""Workers read TF_CONFIG, and wait until all have started, with the same settings."""

import json
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from worker_processes import finish, free_addresses, start

from tf_lstm.engines import cluster
from tf_lstm.engines.cluster import (
    Greeting,
    cluster_and_task,
    is_chief,
    split_address,
    wait_for_workers,
)
from tf_lstm.terminal.errors import UserError

REPOSITORY = Path(__file__).resolve().parents[1]
WORKERS = {"worker": ["localhost:1", "localhost:2"]}
FIRST = {"type": "worker", "index": 0}


def set_config(monkeypatch, cluster, task):
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))


@pytest.mark.parametrize(
    "config, named",
    [
        (None, "not set"),
        ("no JSON", "not JSON"),
        ([], '"cluster"'),
        ({"task": FIRST}, '"cluster"'),
        ({"cluster": WORKERS}, '"task"'),
        ({"cluster": WORKERS, "task": {"type": "worker"}}, '"task"'),
        ({"cluster": WORKERS, "task": {"type": "worker", "index": 2}}, "worker 2"),
        ({"cluster": WORKERS, "task": {"type": "worker", "index": -1}}, "worker -1"),
        ({"cluster": WORKERS, "task": {"type": "worker", "index": None}}, "worker None"),
        ({"cluster": WORKERS, "task": {"type": "chief", "index": 0}}, "chief 0"),
        ({"cluster": WORKERS, "task": {"type": "evaluator", "index": 0}}, '"evaluator"'),
        ({"cluster": WORKERS | {"ps": ["here:1"]}, "task": FIRST}, '"ps"'),
        ({"cluster": WORKERS | {"chief": ["a:1", "b:1"]}, "task": FIRST}, '"chief"'),
        ({"cluster": {"worker": "here:1"}, "task": FIRST}, "list"),
        ({"cluster": {"worker": ["here"]}, "task": FIRST}, "here is not HOST:PORT"),
        ({"cluster": {"worker": ["here:0"]}, "task": FIRST}, "here:0 is not HOST:PORT"),
        ({"cluster": {"worker": ["::1:1"]}, "task": FIRST}, "::1:1 is not HOST:PORT"),
    ],
)
def test_a_wrong_tf_config_is_refused_with_what_is_wrong(config, named, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if config is not None:
        text = config if isinstance(config, str) else json.dumps(config)
        monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UserError) as error:
        cluster_and_task()
    assert "TF_CONFIG" in str(error.value) and named in str(error.value)


def test_an_index_may_be_in_quotation_marks_as_for_tensorflow(monkeypatch):
    set_config(monkeypatch, WORKERS, {"type": "worker", "index": "0"})
    assert cluster_and_task() == (WORKERS, ("worker", 0))
    assert is_chief("multi-worker")


def test_an_ipv6_address_is_in_brackets():
    assert split_address("[::1]:12345") == ("::1", 12345)


@pytest.mark.parametrize(
    "cluster, kind, index, expected",
    [
        (WORKERS, "worker", 0, True),
        (WORKERS, "worker", 1, False),
        (WORKERS | {"chief": ["localhost:3"]}, "worker", 0, False),
        (WORKERS | {"chief": ["localhost:3"]}, "chief", 0, True),
    ],
)
def test_the_chief_is_the_first_worker_if_none_is_named(
    cluster, kind, index, expected, monkeypatch
):
    set_config(monkeypatch, cluster, {"type": kind, "index": index})
    assert is_chief("multi-worker") == expected
    assert is_chief("mirrored")


def wait_together(*workers):
    """Wait as several workers; the mistake that each reports, or None."""
    with ThreadPoolExecutor() as pool:
        waits = [pool.submit(wait_for_workers, *worker) for worker in workers]
        return [wait.exception() for wait in waits]


@contextmanager
def server(address, answer):
    """Give each connection to `address` to the function `answer`, and then close it."""
    with socket.create_server(split_address(address)) as listener:

        def serve():
            while True:
                connection, _ = listener.accept()
                with connection:
                    if answer is None:
                        return
                    answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        answer = None
        socket.create_connection(split_address(address)).close()
        thread.join()


def test_workers_wait_for_each_other():
    cluster = {"chief": free_addresses(1), "worker": free_addresses(2)}
    tasks = [("chief", 0), ("worker", 0), ("worker", 1)]
    assert wait_together(*((cluster, task) for task in tasks)) == [None] * 3
    for _, port in map(split_address, [*cluster["chief"], *cluster["worker"]]):
        socket.create_server(("localhost", port)).close()  # TensorFlow needs it now


def test_a_worker_listens_on_all_interfaces():
    first, second = free_addresses(2)
    seen_from_outside = "192.0.2.1" + first.removeprefix("localhost")  # no interface has it
    inside = {"worker": [seen_from_outside, second]}
    outside = {"worker": [first, second]}
    assert wait_together((inside, ("worker", 0)), (outside, ("worker", 1))) == [None, None]


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="needs IPv6")
def test_workers_reach_each_other_by_ipv6():
    addresses = [each.replace("localhost", "[::1]") for each in free_addresses(2)]
    cluster = {"worker": addresses}
    assert wait_together((cluster, ("worker", 0)), (cluster, ("worker", 1))) == [None, None]


def test_a_missing_worker_is_named(monkeypatch):
    first, second = free_addresses(2)
    monkeypatch.setattr(cluster, "SECONDS_TO_WAIT", 1)
    with pytest.raises(UserError, match=f"worker 1 at {second}"):
        wait_for_workers({"worker": [first, second]}, ("worker", 0))


def test_a_port_in_use_is_named():
    with socket.create_server(("localhost", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"Port {port} .*worker 0"):
            wait_for_workers({"worker": [f"localhost:{port}"]}, ("worker", 0))


STRANGERS = {
    "a web server": lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "JSON": lambda connection: connection.sendall(b"[]\n"),
    # The settings that a gRPC server sends first: such a worker trains already.
    "TensorFlow": lambda connection: connection.sendall(b"\0\0\6\4\0\0\0\0\0\0\5\0\0\x40\0"),
    "silence": lambda connection: time.sleep(1),
}


@pytest.mark.parametrize("answer", STRANGERS.values(), ids=STRANGERS)
def test_an_address_that_answers_but_is_no_worker_is_named(answer, monkeypatch):
    first, second = free_addresses(2)
    monkeypatch.setattr(cluster, "SECONDS_TO_ANSWER", 0.5)
    with server(second, answer), pytest.raises(UserError, match=f"{second}.* worker 1"):
        wait_for_workers({"worker": [first, second]}, ("worker", 0))


def test_a_proxy_that_closes_connections_does_not_end_the_wait(monkeypatch):
    first, second = free_addresses(2)
    monkeypatch.setattr(cluster, "SECONDS_TO_WAIT", 1)
    with server(second, lambda connection: None), pytest.raises(UserError, match="No answer"):
        wait_for_workers({"worker": [first, second]}, ("worker", 0))


def greet_as_second_worker(connection):
    settings = {"workers": str({"worker": 2})}
    connection.sendall(Greeting(("worker", 1), "another start", settings).to_line())
    connection.recv(4096)


def test_a_worker_that_cannot_reach_this_one_is_named(monkeypatch):
    first, second = free_addresses(2)
    monkeypatch.setattr(cluster, "SECONDS_TO_WAIT", 1)
    with (
        server(second, greet_as_second_worker),
        pytest.raises(UserError, match=f"worker 1 at {second}.*firewall"),
    ):
        wait_for_workers({"worker": [first, second]}, ("worker", 0))


def test_a_worker_that_was_restarted_is_waited_for_again():
    first, second = free_addresses(2)
    workers = {"worker": [first, second]}
    greeted = threading.Event()

    def greet_and_end(connection):
        greet_as_second_worker(connection)
        greeted.set()

    with ThreadPoolExecutor() as pool:
        with server(second, greet_and_end):
            wait = pool.submit(wait_for_workers, workers, ("worker", 0))
            assert greeted.wait(10)
        wait_for_workers(workers, ("worker", 1))
        wait.result()


def test_different_settings_are_named_by_both_workers():
    cluster = {"worker": free_addresses(2)}
    mistakes = wait_together(
        (cluster, ("worker", 0), {"seed": 0, "shards": 4}),
        (cluster, ("worker", 1), {"seed": 0, "shards": 2}),
    )
    for mistake, named in zip(mistakes, ("worker 1", "worker 0"), strict=True):
        assert isinstance(mistake, UserError)
        assert named in str(mistake) and "shards" in str(mistake) and "seed" not in str(mistake)


def test_two_processes_with_the_same_index_are_refused():
    first, second = free_addresses(2)
    elsewhere = {"worker": free_addresses(1) + [first]}
    mistakes = wait_together(
        ({"worker": [first, second]}, ("worker", 0)), (elsewhere, ("worker", 0))
    )
    for mistake in mistakes:
        assert isinstance(mistake, UserError) and "worker 0" in str(mistake)


WAIT = """
import sys
sys.path.insert(0, {repository!r})
from tf_lstm.engines.cluster import wait_for_workers
from tf_lstm.terminal.exit import run_script
run_script(lambda: wait_for_workers({{"worker": {addresses}}}, ("worker", 0)))
"""


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, -15)])
def test_a_signal_ends_the_wait_at_once(number, status):
    addresses = free_addresses(2)
    process = start(["-c", WAIT.format(repository=str(REPOSITORY), addresses=addresses)])
    while process.poll() is None:
        try:
            with socket.create_connection(split_address(addresses[0])) as connection:
                assert b"worker" in connection.recv(4096)  # it waits
            break
        except ConnectionRefusedError:
            time.sleep(0.1)
    process.send_signal(number)
    sent = time.monotonic()
    finish(process, returncode=status)
    assert time.monotonic() - sent < 5
