"""Markdown tables, and how the benchmarks describe measured times in them."""

import statistics
from collections.abc import Iterable, Sequence


def markdown_table(columns: str, alignments: str, rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table that ends with a line break.

    Args:
        columns: the names of the columns, separated by " | ".
        alignments: a character for each column: "l" for left, "r" for right.
        rows: the cells of each row.
    """
    rules = ("---" if alignment == "l" else "---:" for alignment in alignments)
    cells = (f"| {' | '.join(map(str, row))} |" for row in rows)
    return "\n".join([f"| {columns} |", f"|{'|'.join(rules)}|", *cells, ""])


def describe_times(seconds: Sequence[float], reference: Sequence[float]) -> tuple[str, str, str]:
    """The median and the range of the times of several rounds, and the ratio to another system.

    Args:
        seconds: a time for each round.
        reference: the other system's times in the same rounds. The ratio is the median of each
            round's own ratio, so that a round on a slower machine does not change it.
    """
    ratio = statistics.median(a / b for a, b in zip(seconds, reference, strict=True))
    median = statistics.median(seconds)
    return f"{median:.1f}", f"{min(seconds):.1f}-{max(seconds):.1f}", f"{ratio:.2f}"
