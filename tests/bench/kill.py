"""Kills the server in NSQD under load, hundreds of times over many mixes, and judges that nothing acknowledged is lost.

The engine and all its rules are in tests/support/killtest; the short form is tests/integration/test_kill.py."""

import argparse
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from killtest import MIXES, Failed, run_many  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200, help="kills")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begins no new directory after this long")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--first", type=int, default=0, help="the number behind the slash of a failure's seed")
    parser.add_argument("--kills-per-directory", type=int, default=4)
    parser.add_argument("--signal", choices=("KILL", "TERM"), default="KILL")
    parser.add_argument("--mix", choices=[mix.name for mix in MIXES], action="append",
                        help="only this; may be repeated")
    parser.add_argument("--durability", help="handed to the server")
    arguments = parser.parse_args()
    mixes = [mix for mix in MIXES if not arguments.mix or mix.name in arguments.mix]
    flags = (f"--durability={arguments.durability}",) if arguments.durability else ()
    try:
        done = run_many(arguments.rounds, arguments.seed, arguments.seconds, arguments.first,
                        arguments.kills_per_directory, arguments.signal, flags, mixes,
                        tell=lambda line: print(line, flush=True))
    except Failed as failure:
        print(f"FAILED: {failure}")
        return 1
    print(f"ok: {done} kills, seed {arguments.seed}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
