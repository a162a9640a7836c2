"""Prints what a mailbox holds, one message a line, sorted: the folder, the
Message-ID, the flags and a digest of all octets; and a line for each folder.

    state.py imap PORT CA NAME PASSWORD
    state.py maildir FOLDER

Two copies of one mailbox print the same. Folders are named with "/" between
levels, line ends count as LF, and a field that a client puts into its own copy
does not count (--without NAME); nor do octets, where it writes messages anew
(--loosely). Both stand at the end.
"""
import hashlib
import imaplib
import os
import re
import ssl
import sys

LETTERS = {"\\Answered": "R", "\\Deleted": "T", "\\Draft": "D", "\\Flagged": "F", "\\Seen": "S"}
LIST = re.compile(rb'\((?P<attributes>[^)]*)\) "(?P<separator>[^"]*)" (?P<name>.*)')


def digest(octets, without):
    lines = octets.replace(b"\r\n", b"\n").split(b"\n")
    end = lines.index(b"") if b"" in lines else len(lines)
    header = [line for line in lines[:end] if not line.lower().startswith(tuple(without))] if without else lines[:end]
    known = [line.split(b":", 1)[1].strip() for line in header if line.lower().startswith(b"message-id:")]
    whole = b"\n".join(header + lines[end:])
    return (known or [b"-"])[0].decode(), hashlib.sha256(whole).hexdigest()[:16]


def of_server(port, ca, name, password, without):
    imap = imaplib.IMAP4_SSL("localhost", int(port), ssl_context=ssl.create_default_context(cafile=ca))
    imap.login(name, password)
    for line in imap.list()[1]:
        found = LIST.match(line)
        if b"\\Noselect" in found["attributes"]:
            continue
        quoted = found["name"].decode()
        folder = quoted.strip('"').replace("\\\\", "\\").replace('\\"', '"').replace(found["separator"].decode(), "/")
        code, count = imap.select(quoted, readonly=True)
        assert code == "OK", (quoted, count)
        yield (folder,)
        if count == [b"0"]:
            continue
        code, data = imap.fetch("1:*", "(FLAGS BODY.PEEK[])")
        assert code == "OK", data
        messages = [item for item in data if isinstance(item, tuple)]
        assert len(messages) == int(count[0]), (folder, count, len(messages))
        for what, octets in messages:
            flags = "".join(sorted(LETTERS.get(flag.decode(), "") for flag in imaplib.ParseFlags(what)))
            yield (folder, *digest(octets, without), flags)
    imap.logout()


def of_maildir(top, without):
    for path, folders, _ in os.walk(top):
        if "cur" not in folders:
            continue
        folder = os.path.relpath(path, top)
        yield (folder,)
        for sub in ("new", "cur"):
            for name in os.listdir(os.path.join(path, sub)):
                with open(os.path.join(path, sub, name), "rb") as file:
                    octets = file.read()
                flags = name.partition(":2,")[2]
                yield (folder, *digest(octets, without), "".join(sorted(set(flags) & set(LETTERS.values()))))


def main():
    arguments = sys.argv[2:]
    if loosely := arguments[-1] == "--loosely":
        arguments.pop()
    without = []
    if arguments[-2:-1] == ["--without"]:
        without = [arguments[-1].lower().encode() + b":"]
        del arguments[-2:]
    rows = of_server(*arguments, without) if sys.argv[1] == "imap" else of_maildir(*arguments, without)
    for row in sorted((*row[:2], *row[3:]) if loosely else row for row in rows):
        print("\t".join(row))


main()
