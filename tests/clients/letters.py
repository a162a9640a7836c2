"""Puts letters of the shapes that people really have into Maildir folders.

    letters.py MAILDIR                a mailbox of some years, folders and all
    letters.py MAILDIR --many NUMBER  so many small ones into its INBOX

The Maildir is that of a new account whose folders were made before: only files
are put here, as another program would. Each letter has a Message-ID of its own.
"""
import base64
import os
import random
import sys

NOISE = random.Random(7)


def octets(length):
    return NOISE.randbytes(length)


def base64_lines(data):
    return base64.encodebytes(data).decode()


def head(name, subject=None, more=""):
    subject = name if subject is None else subject
    return (
        f"Return-Path: <sender@client.example>\nFrom: Sender <sender@client.example>\nTo: <alice@example.org>\n"
        f"Subject: {subject}\nDate: Sat, 21 Nov 2026 10:00:00 +0100\nMessage-ID: <{name}@letters.example>\n{more}"
    )


def mime(kind):
    return f"MIME-Version: 1.0\nContent-Type: {kind}\n"


def plain():
    return head("plain") + "\nline one\n.\n..two dots\nFrom here on\n>From there\n\n-- \nend"


def attachment():
    pdf = base64_lines(b"%PDF-1.4\n" + octets(20_000))
    return (
        head("attachment", "=?utf-8?q?Rechnung_f=C3=BCr?= =?iso-8859-1?Q?_M=E4rz?=", mime('multipart/mixed; boundary="=_a"'))
        + "\nThis is a message in several parts.\n--=_a\nContent-Type: text/plain; charset=utf-8\n"
        "Content-Transfer-Encoding: quoted-printable\n\nGr=C3=BC=C3=9Fe, siehe Anhang =E2=80=93 bitte pr=\n=C3=BCfen.\n"
        "--=_a\nContent-Type: application/pdf; name*=utf-8''Rechnung%20M%C3%A4rz.pdf\n"
        "Content-Disposition: attachment; filename*0*=utf-8''Rechnung%20;\n filename*1*=M%C3%A4rz;\n filename*2=.pdf;"
        " size=20009\nContent-Transfer-Encoding: base64\nContent-ID: <pdf@letters.example>\n\n" + pdf + "--=_a--\nepilogue\n"
    )


def nested():
    image = base64_lines(b"\x89PNG\r\n\x1a\n" + octets(3_000))
    inner = (
        "From: inner@client.example\nTo: x@client.example\nSubject: inner\nDate: Fri, 20 Nov 2026 09:00:00 +0000\n"
        "Message-ID: <inner@letters.example>\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=in\n\n"
        "--in\n\nimplied text\n--in\nContent-Type: text/csv; charset=us-ascii\nContent-Disposition: attachment;"
        ' filename="a,\\"b\\".csv"\n\na;b\n1;2\n--in--\n'
    )
    return (
        head("nested", more=mime("multipart/mixed;\n boundary=outer"))
        + "\n--outer\nContent-Type: multipart/alternative; boundary=alt\n\n--alt\nContent-Type: text/plain; charset=utf-8;"
        " format=flowed\nContent-Transfer-Encoding: 8bit\nContent-Language: de, en\n\nText – schlicht\n--alt\n"
        'Content-Type: multipart/related; boundary=rel; type="text/html"\n\n--rel\nContent-Type: text/html;'
        " charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n<p>Text – <img src=cid:i@letters.example></p>\n--rel\n"
        "Content-Type: image/png\nContent-ID: <i@letters.example>\nContent-Location: a/b.png\n"
        "Content-Transfer-Encoding: base64\nContent-Disposition: inline; filename=b.png\nContent-MD5: x\n\n" + image
        + "--rel--\n--alt--\n--outer\nContent-Type: message/rfc822\nContent-Description: =?utf-8?b?w6Q=?=\n\n" + inner
        + "--outer--\n"
    )


def latin1():
    text = head("latin1", "Gr\u00fc\u00dfe aus K\u00f6ln", mime("text/plain; charset=iso-8859-1") + "Content-Transfer-Encoding: 8bit\n")
    return (text.replace("From: Sender", "From: J\u00fcrgen M\u00fcller") + "\nSch\u00f6ne Gr\u00fc\u00dfe\n").encode("latin-1")


def utf8():
    text = head("utf8", "Grüße 日本語 \U0001f600", mime("text/plain; charset=utf-8") + "Content-Transfer-Encoding: 8bit\n")
    return text.replace("From: Sender", "From: Жанна") + "\nпривет, \U0001f600\n"


def huge_subject():
    return head("huge-subject", "\n ".join(f"=?utf-8?q?Teil_{n:04}_=C3=A4=C3=B6=C3=BC_?=" for n in range(400))) + "\nlong\n"


def long_line():
    return head("long-line", "unfolded " + "x" * 5_000) + "\n" + "y" * 20_000 + "\nend\n"


def addresses():
    more = (
        'Cc: undisclosed-recipients:;, Group name: a@b.example, "B, C" <b@c.example>; d@e.example (a comment)\n'
        'Bcc:\nReply-To: "quoted \\"name\\"" <"odd local"@client.example>, <>\nSender: <no-at-sign>\n'
        "In-Reply-To: <plain@letters.example>\nReferences: <a@b> <plain@letters.example>\n"
    )
    return head("addresses", more=more) + "\nto many\n"


def empty():
    return head("empty") + "\n"


def header_only():
    return head("header-only")


def no_subject():
    return "Message-ID: <no-subject@letters.example>\n\nnobody wrote this\n"


def broken():
    return head("broken", more=mime('multipart/mixed; boundary="never closed')) + (
        "\n--never closed\nContent-Type: text/plain; charset=\nContent-Transfer-Encoding: base64\n\n!!!!\n--never clo"
    )


def no_boundary():
    return head("no-boundary", more=mime("multipart/mixed")) + "\nthere is none\n"


def report():
    return (
        head("report", more=mime("multipart/report; report-type=delivery-status; boundary=r"))
        + "\n--r\n\nIt could not be delivered.\n--r\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; a.example\n\n"
        "Final-Recipient: rfc822; b@c.example\nAction: failed\nStatus: 5.1.1\n\n--r\nContent-Type: text/rfc822-headers\n\n"
        "Subject: what was sent\n\n--r--\n"
    )


def calendar():
    return (
        head("calendar", more=mime("multipart/alternative; boundary=c"))
        + "\n--c\n\nmeet me\n--c\nContent-Type: text/calendar; method=REQUEST; charset=utf-8\n\nBEGIN:VCALENDAR\nEND:VCALENDAR\n--c--\n"
    )


def large():
    return (
        head("large", more=mime("multipart/mixed; boundary=l"))
        + "\n--l\n\nsee the film\n--l\nContent-Type: video/mp4; name=film.mp4\nContent-Disposition: attachment;"
        " filename=film.mp4\nContent-Transfer-Encoding: base64\n\n" + base64_lines(octets(1_500_000)) + "--l--\n"
    )


SHAPES = [
    plain, attachment, nested, latin1, utf8, huge_subject, long_line, addresses, empty, header_only, no_subject, broken,
    no_boundary, report, calendar, large,
]  # fmt: skip


class Box:
    """A Maildir; the files are numbered, so that they come in this order."""

    def __init__(self, maildir, mark):
        self.maildir, self.mark, self.number = maildir, mark, 0

    def put(self, folder, letter, flags=None):
        self.number += 1
        name = f"{1_700_000_000 + self.number}.M1P1Q{self.number}.{self.mark}"
        where = "new" if flags is None else "cur"
        path = os.path.join(self.maildir, folder, where, name + ("" if flags is None else ":2," + flags))
        with open(path, "wb") as file:
            file.write(letter if isinstance(letter, bytes) else letter.encode())
        os.utime(path, (1_700_000_000 + self.number,) * 2)


def some_years(box):
    for number, shape in enumerate(SHAPES):
        box.put("", shape(), [None, "S", "FS", "RS", "", "DS", "F"][number % 7])
    for folder, count in ((".Work stuff", 3), (".Entw&APw-rfe", 2), (".deep.er.and.deep&AOQ-r.still", 2), (".Sent", 1)):
        for number in range(count):
            box.put(folder, head(f"{folder.strip('.').replace(' ', '-')}-{number}", "filed") + "\ntext\n", "S")


def main():
    if sys.argv[2:3] == ["--many"]:
        box = Box(sys.argv[1], "many")
        for number in range(int(sys.argv[3])):
            box.put("", head(f"many-{number}", f"number {number}") + f"\ntext of {number}\n", ["S", ""][number % 2])
    else:
        some_years(Box(sys.argv[1], "other"))


main()
