"""What the load is made of."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Mix:
    """How many clients of each kind, the server's flags, and how messages are published."""
    name: str
    flags: tuple = ()
    publishers: int = 2
    consumers: int = 5
    pausers: int = 1
    gardeners: int = 1
    delayed: float = 0.15  # share of DPUB among single publishes
    batches: tuple = (1, 1, 1, 10, 40)  # messages in one command
    padding: int = 300  # bytes of a body, at most
    longest_delay_s: float = 5.0


SMALL_FILES = "--max-bytes-per-file=20000"

MIXES = (
    Mix("everything"),
    Mix("rotation", flags=(SMALL_FILES,), batches=(1, 10, 40, 100)),
    Mix("delays", flags=(SMALL_FILES, "--mem-queue-size=100"), delayed=0.7, batches=(1, 1, 1, 1, 10)),
    Mix("backlog", flags=("--mem-queue-size=10",), consumers=2, pausers=0, batches=(1, 50, 100)),
    Mix("gardening", flags=(SMALL_FILES,), publishers=1, consumers=3, pausers=2, gardeners=3),
)
