"""Appends records to one file and says which are safe: a line with the number for each. Until it is killed.

    toy_writer.py FILE (syncs | forgets-file | forgets-directory | retries-sync)
"""

import os
import sys

RECORD = 300


def record(number):
    return (b"record %d " % number).ljust(RECORD, b".")


def sync(fd, retries):
    try:
        os.fdatasync(fd)
    except OSError:
        if not retries:
            raise
        os.fdatasync(fd)


def main():
    path, habit = sys.argv[1:]
    directory = os.path.dirname(path)
    os.makedirs(directory, exist_ok=True)
    fd = os.open(path, os.O_CREAT | os.O_WRONLY)
    if habit != "forgets-directory":
        for synced in (directory, os.path.dirname(directory)):
            opened = os.open(synced, os.O_RDONLY)
            os.fsync(opened)
            os.close(opened)
    number = 0
    while True:
        os.pwrite(fd, record(number), number * RECORD)
        if habit != "forgets-file":
            sync(fd, habit == "retries-sync")
        print(number, flush=True)
        number += 1


if __name__ == "__main__":
    main()
