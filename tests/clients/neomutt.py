"""Runs neomutt at a terminal, which it wants, and ends it after a time.

    neomutt.py SECONDS ARGUMENTS OF NEOMUTT…

Its keys are pushed by -e: neomutt takes them one after the other, each when the
one before is done, and at an error drops those that are left. It is then ended
here, and what it wrote is shown. Its exit status is ours.
"""
import os
import pty
import re
import select
import signal
import sys
import time


def main():
    end = time.monotonic() + float(sys.argv[1])
    environment = dict(os.environ, TERM="vt100", LC_ALL="C.UTF-8", LINES="50", COLUMNS="150")
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe("neomutt", ["neomutt", *sys.argv[2:]], environment)
    written = b""
    while True:
        left = end - time.monotonic()
        ready, _, _ = select.select([terminal], [], [], max(left, 0))
        if not ready:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            shown = re.sub(rb"\x1b[^a-zA-Z]*[a-zA-Z]", b"\n", written)
            sys.exit("neomutt waits for somebody:\n" + shown.decode("utf-8", "replace")[-6000:])
        try:
            octets = os.read(terminal, 65536)
        except OSError:
            octets = b""
        if not octets:
            break
        written += octets
    _, status = os.waitpid(pid, 0)
    sys.exit(os.waitstatus_to_exitcode(status))


main()
