"""What a command does about signals, lost output, narrow terminals, wrong names and bad paths."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tf_lstm.data.dataset import load_dataset
from tf_lstm.recipes import RECIPES
from tf_lstm.terminal.errors import Interrupted, UserError
from tf_lstm.terminal.exit import StopSignal, run_program
from tf_lstm.terminal.files import exists, read_records
from tf_lstm.terminal.flags import FlagParser
from tf_lstm.terminal.progress import ProgressLine, describe_classes

REPOSITORY = Path(__file__).resolve().parents[1]
PROGRAM = f"""
import os, signal, sys, time
sys.path.insert(0, {str(REPOSITORY)!r})
from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.exit import run_script
from tf_lstm.terminal.startup import quiet_libraries

def main():
    {{main}}

run_script(main)
"""
PRINT_AND_SAVE = "print('×', flush=True); print('more'); open('saved', 'x').close()"


def command(main):
    """A program that calls `run_script` with a function of these statements."""
    return [sys.executable, "-c", PROGRAM.format(main=main)]


# Standard output and standard error.


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_full_device_does_not_stop_the_work(stream, tmp_path):
    main = PRINT_AND_SAVE.replace("more'", f"more', file=sys.{stream}")
    with open("/dev/full", "w") as full:
        streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, stream: full}
        process = subprocess.run(command(main), cwd=tmp_path, text=True, **streams)
    assert (tmp_path / "saved").exists() and not process.stderr
    assert process.returncode == (1 if stream == "stdout" else 0)


def test_the_end_of_a_pipes_reader_does_not_stop_the_work(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.run(
        command(PRINT_AND_SAVE), cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE
    )
    os.close(writer)
    assert (tmp_path / "saved").exists() and process.stderr == b""
    assert process.returncode == 128 + signal.SIGPIPE


def test_a_mistake_is_a_mistake_without_standard_error():
    with open("/dev/full", "w") as full:
        assert subprocess.run(command("raise UserError('wrong')"), stderr=full).returncode == 2


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_no_file_gets_the_number_of_a_closed_standard_stream(closed, tmp_path):
    main = (
        "file = open('file', 'w'); print('text'); print('text', file=sys.stderr)\n"
        "    with quiet_libraries(): pass\n"
        "    file.write(str(file.fileno()))"
    )
    shell = ["sh", "-c", f'exec "$@" {closed}', "sh", *command(main)]
    assert subprocess.run(shell, cwd=tmp_path, capture_output=True).returncode == 0
    assert int((tmp_path / "file").read_text()) > 2


def test_a_child_process_also_has_the_streams_that_were_closed():
    child = "import os; [os.fstat(number) for number in range(3)]"
    main = f"import subprocess; subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    shell = ["sh", "-c", 'exec "$@" 1>&- 2>&-', "sh", *command(main)]
    assert subprocess.run(shell).returncode == 0


def test_characters_that_a_terminal_lacks_are_replaced():
    environment = os.environ | {"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    process = subprocess.run(
        command(r"print('7 × 28 ± 2 \u2603 \udcff')"), env=environment, capture_output=True
    )
    assert (process.returncode, process.stdout) == (0, b"7 x 28 +- 2 ? ?\n")


def test_the_status_that_a_command_sets_is_kept():
    assert subprocess.run(command("sys.exit(5)")).returncode == 5
    assert subprocess.run(command("sys.exit()")).returncode == 0


# Signals.


@pytest.mark.parametrize(
    "exception, shown", [("ImportError", True), ("KeyboardInterrupt", False), ("SystemExit", False)]
)
def test_hidden_messages_are_shown_after_an_error_only(exception, shown):
    main = (
        "with quiet_libraries(show_if_failed=True):\n"
        f"        os.write(2, b'hidden'); raise {exception}"
    )
    errors = subprocess.run(command(main), stderr=subprocess.PIPE).stderr
    assert (b"hidden" in errors) == shown


def test_a_second_ctrl_c_interrupts_at_once():
    with pytest.raises(KeyboardInterrupt), StopSignal() as stop_signal:
        signal.raise_signal(signal.SIGINT)
        assert stop_signal.received == signal.SIGINT
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_sigterm_does_not_interrupt():
    with StopSignal() as stop_signal:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
    assert stop_signal.received == signal.SIGTERM


# Programs that are run by a program.


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_a_program_that_crashed_was_not_stopped_by_the_user(number):
    program = [sys.executable, "-c", f"import os; os.kill(os.getpid(), {number:d})"]
    with pytest.raises(UserError) as mistake:
        run_program(program, "the same command continues")
    message = str(mistake.value)
    assert number.name in message and program[-1] in message and "continues" not in message


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("end", ["sys.exit(128 + {:d})", "os.kill(os.getpid(), {:d})"])
def test_a_program_that_was_stopped_can_be_continued(number, end):
    text = f"import os, signal, sys; signal.signal({number:d}, signal.SIG_DFL); "
    with pytest.raises(Interrupted, match="the same command continues") as interruption:
        run_program([sys.executable, "-c", text + end.format(number)], "the same command continues")
    assert interruption.value.signal == number


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_counts_although_the_program_ended_well(number):
    parent = os.getpid()
    ignore = (
        f"[signal.signal(each, signal.SIG_IGN) for each in (2, 15)]; os.kill({parent}, {number:d})"
    )
    text = f"import os, signal, time; {ignore}; time.sleep(0.2)"
    with pytest.raises(Interrupted):
        run_program([sys.executable, "-c", text], "continue")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("status, returned", [(0, 0), (3, 3), (128 + signal.SIGPIPE, 0)])
def test_a_program_whose_output_nobody_reads_did_its_work(status, returned):
    assert run_program([sys.executable, "-c", f"raise SystemExit({status})"], "") == returned


# Progress and results.


def test_the_progress_line_stays_one_line_on_a_narrow_terminal(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    line = ProgressLine()
    for text in ("a text that is longer than the terminal is wide", "short"):
        line.write(text)
    line.clear()
    first, *others = capsys.readouterr().out.split("\r")[1:]
    assert first == "a text that is long"
    assert all(len(each) < 20 for each in others) and others[0].startswith("short ")


def test_a_class_without_test_images_has_no_accuracy():
    text = describe_classes([0.5, float("nan")], ["0", "1"])
    assert "50.00%" in text and "nan" not in text


# Names that were mistyped.


@pytest.mark.parametrize(
    "flags, meant",
    [
        (["--recipe", "defualt"], "default"),
        (["--epcohs", "3"], "--epochs"),
        (["--epcohs=3"], "--epochs"),
    ],
)
def test_the_most_similar_name_is_suggested(flags, meant, capsys):
    parser = FlagParser("")
    parser.flag("--recipe", "a recipe", choices=RECIPES)
    parser.flag("--epochs", "epochs", type=int)
    with pytest.raises(SystemExit):
        parser.parse_args(flags)
    assert f"did you mean {meant}?" in capsys.readouterr().err


def test_nothing_is_suggested_if_nothing_is_similar(capsys):
    parser = FlagParser("")
    parser.flag("--recipe", "a recipe", choices=RECIPES)
    for flags in (["--recipe", "zzz"], ["--zzz"]):
        with pytest.raises(SystemExit):
            parser.parse_args(flags)
        assert "did you mean" not in capsys.readouterr().err


# Paths that the system refuses.


class Entry(NamedTuple):
    name: str


UNUSABLE = ["n" * 300, "nul\0character"]


@pytest.mark.parametrize("name", UNUSABLE)
@pytest.mark.parametrize(
    "use", [exists, load_dataset, lambda path: read_records(path, Entry, "choose another")]
)
def test_a_path_that_the_system_refuses_is_named(use, name, tmp_path):
    with pytest.raises(UserError) as mistake:
        use(tmp_path / name)
    assert str(tmp_path / name) in str(mistake.value)


def test_nothing_exists_below_a_file(tmp_path):
    (tmp_path / "file").touch()
    assert exists(tmp_path / "file") and not exists(tmp_path / "file" / "below")
    with pytest.raises(UserError, match="below does not exist"):
        load_dataset(tmp_path / "file" / "below")


def test_a_folder_that_may_not_be_entered_is_named(tmp_path):
    (tmp_path / "closed").mkdir(mode=0)
    if os.access(tmp_path / "closed", os.X_OK):
        pytest.skip("root may enter any folder")
    with pytest.raises(UserError, match="closed/data cannot be used"):
        load_dataset(tmp_path / "closed" / "data")
