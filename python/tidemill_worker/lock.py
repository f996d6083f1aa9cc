"""Holds a lock on a file until standard input ends: `python lock.py FILE`.

The kernel lets go of it when this process or the one that started it is killed, so a lock is never
left behind.
"""

import fcntl
import os
import sys


def main():
    file = os.open(sys.argv[1], os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(file, fcntl.LOCK_EX)
    sys.stdout.write("locked\n")
    sys.stdout.flush()
    while os.read(0, 4096):
        pass


if __name__ == "__main__":
    main()
