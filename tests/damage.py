"""Random damage to the content of a file; the same for the same number of a case."""

import random


def damage(content: bytes, source: random.Random) -> bytes:
    """Cut, delete, repeat or change bytes at one to three places, mostly near the start or end."""
    for _ in range(source.choice((1, 1, 1, 2, 3))):
        start, length = place(len(content), source), source.choice((1, 1, 2, 4, 8, 100))
        end = min(start + length, len(content))
        kind = source.choice(("cut", "delete", "repeat", "insert", "set", "set", "flip", "flip"))
        if kind == "cut":
            content = content[:start]
        elif kind == "delete":
            content = content[:start] + content[end:]
        elif kind == "repeat":
            content = content[:end] + content[start:]
        elif kind == "insert":
            content = content[:start] + source.randbytes(length) + content[start:]
        elif kind == "set":
            value = source.choice((b"\0", b"\xff", source.randbytes(1)))
            content = content[:start] + value * (end - start) + content[end:]
        elif start < end:  # flip a bit
            flipped = content[start] ^ 1 << source.randrange(8)
            content = content[:start] + bytes([flipped]) + content[start + 1 :]
    return content


def place(size: int, source: random.Random) -> int:
    """An index from 0 to `size`: often near the start, for headers, or the end, for a zip file."""
    low, high = source.choice(((0, 40), (size - 200, size), (0, size)))
    return source.randint(max(low, 0), min(high, size))
