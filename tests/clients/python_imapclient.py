"""What programs built on Python's imapclient do.

    python_imapclient.py PORT CA SMTP-PORT COUNT

The INBOX is that of letters.py and has COUNT messages.
"""
import datetime
import smtplib
import ssl
import sys

from imapclient import FLAGGED, SEEN, IMAPClient, exceptions

PORT, CA, SMTP, COUNT = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])


def login():
    client = IMAPClient("localhost", PORT, ssl_context=ssl.create_default_context(cafile=CA), timeout=120)
    client.login("alice@example.org", "password of alice")
    return client


def deliver(name):
    with smtplib.SMTP("127.0.0.1", SMTP) as smtp:
        text = f"From: s@client.example\nTo: alice@example.org\nSubject: {name}\nMessage-ID: <{name}@client.example>\n\ncame\n"
        smtp.sendmail("s@client.example", ["alice@example.org"], text)


def refused(call, *arguments):
    try:
        call(*arguments)
    except exceptions.IMAPClientError as error:
        return str(error)
    raise SystemExit(f"{call} was not refused")


def first_look(client):
    assert b"Gatepost" in str(client.id_({"name": "imapclient"})).encode()
    for name in ("IDLE", "UIDPLUS", "MOVE", "CONDSTORE", "SPECIAL-USE", "QUOTA", "ENABLE", "UNSELECT"):
        assert client.has_capability(name), name
    folders = {name: flags for flags, _, name in client.list_folders()}
    for name in ("INBOX", "Entwürfe", "Work stuff", "deep.er.and.deepär.still"):
        assert name in folders, folders
    assert b"\\HasChildren" in folders["deep"] and b"\\HasNoChildren" in folders["Work stuff"]
    for name, use in (("Sent", b"\\Sent"), ("Junk", b"\\Junk"), ("Trash", b"\\Trash")):
        assert client.find_special_folder(use) == name, use
    assert "Entwürfe" in [name for _, _, name in client.list_sub_folders()]
    assert client.folder_exists("Work stuff") and not client.folder_exists("nowhere")
    assert client.namespace().personal == (("", "."),)
    assert client.folder_status("Entwürfe", ["MESSAGES", "UNSEEN", "UIDNEXT"]) == {
        b"MESSAGES": 2, b"UNSEEN": 0, b"UIDNEXT": 3,
    }  # fmt: skip
    opened = client.select_folder("INBOX")
    assert opened[b"EXISTS"] == COUNT and opened[b"HIGHESTMODSEQ"] > 0, opened
    everything = client.fetch("1:*", ["FLAGS", "ENVELOPE", "BODYSTRUCTURE", "INTERNALDATE", "RFC822.SIZE", "BODY.PEEK[]"])
    assert len(everything) == COUNT
    for uid, message in everything.items():
        assert len(message[b"BODY[]"]) == message[b"RFC822.SIZE"], (uid, message[b"ENVELOPE"].subject)
        assert message[b"ENVELOPE"].message_id.endswith(b"@letters.example>"), uid
    structures = {message[b"ENVELOPE"].message_id: message[b"BODYSTRUCTURE"] for message in everything.values()}
    assert structures[b"<nested@letters.example>"].is_multipart
    assert len(structures[b"<attachment@letters.example>"][0]) == 2


def one(client, name):
    found = client.search(["HEADER", "Message-ID", f"<{name}@letters.example>"])
    assert len(found) == 1, (name, found)
    return found[0]


def searches(client):
    utf8, latin1 = one(client, "utf8"), one(client, "latin1")
    assert client.search(["SUBJECT", "日本語"], "UTF-8") == [utf8]
    assert client.search(["FROM", "жанна"], "UTF-8") == [utf8]
    assert client.search(["TEXT", "Schöne Grüße"], "UTF-8") == [latin1]
    assert client.search(["SUBJECT", "aus köln", "NOT", "DELETED"], "UTF-8") == [latin1]
    assert client.search(["OR", "SUBJECT", "日本語", "BODY", 'a "quoted" \\ thing'], "UTF-8") == [utf8]
    assert client.search(["NOT", ["SEEN", "UNFLAGGED"], "SINCE", datetime.date(2023, 11, 13)])
    assert client.search(["KEYWORD", "$Nobody"]) == []
    assert client.search("UNSEEN LARGER 1000000 SENTON 21-Nov-2026") == client.search("UNSEEN LARGER 1000000")
    assert "BADCHARSET" in refused(client.search, ["TEXT", "x"], "mac-turkish")
    # Not announced, so it refuses to ask.
    assert not client.has_capability("SORT") and not client.has_capability("THREAD=REFERENCES")
    refused(client.sort, "ARRIVAL")
    refused(client.thread, "REFERENCES")


def changes(client):
    uid = one(client, "plain")
    assert SEEN in client.add_flags(uid, [SEEN, FLAGGED, "$Label2"])[uid]
    assert FLAGGED not in client.remove_flags(uid, [FLAGGED])[uid]
    assert b"$Label2" in client.get_flags([uid])[uid]
    modseq = client.folder_status("INBOX", ["HIGHESTMODSEQ"])[b"HIGHESTMODSEQ"]
    assert client.fetch("1:*", ["FLAGS"], modifiers=[f"CHANGEDSINCE {modseq}"]) == {}
    client.set_flags(uid, [SEEN], silent=True)
    assert list(client.fetch("1:*", ["FLAGS"], modifiers=[f"CHANGEDSINCE {modseq}"])) == [uid]
    client.copy([uid, one(client, "utf8")], "Entwürfe")
    client.move([uid], "Archive")
    assert client.search(["HEADER", "Message-ID", "<plain@letters.example>"]) == []
    gone, kept = one(client, "empty"), one(client, "report")
    client.delete_messages([gone, kept])
    client.uid_expunge([gone])
    left = client.get_flags([gone, kept])
    assert list(left) == [kept] and b"\\Deleted" in left[kept], left
    assert b"\\Deleted" not in client.remove_flags(kept, [b"\\Deleted"])[kept]
    client.expunge()
    assert len(client.search()) == COUNT - 2
    when = datetime.datetime(2001, 2, 3, 4, 5, 6, tzinfo=datetime.timezone(datetime.timedelta(hours=5, minutes=30)))
    answer = client.append("Entwürfe", "Subject: Ärger\r\n\r\nnul-free\r\n".encode(), [SEEN, b"\\Draft"], when)
    assert b"APPENDUID" in answer, answer
    client.normalise_times = False
    client.select_folder("Entwürfe", readonly=True)
    last = client.fetch("*", ["FLAGS", "INTERNALDATE", "BODY.PEEK[]"])
    assert len(last) == 1
    (message,) = last.values()
    assert message[b"INTERNALDATE"] == when and message[b"INTERNALDATE"].utcoffset() == when.utcoffset()
    assert set(message[b"FLAGS"]) - {b"\\Recent"} == {SEEN, b"\\Draft"}
    assert len(client.search()) == 5
    client.unselect_folder()


def folders(client):
    client.create_folder("Ordner & mehr")
    client.create_folder("Ordner & mehr.日本")
    client.subscribe_folder("Ordner & mehr.日本")
    client.rename_folder("Ordner & mehr", "Andere")
    assert client.folder_exists("Andere.日本")
    refused(client.create_folder, "Andere")
    client.unsubscribe_folder("Ordner & mehr.日本")
    client.delete_folder("Andere.日本")
    client.delete_folder("Andere")
    refused(client.select_folder, "Andere")
    (quota_root,) = client.get_quota_root("INBOX")[0].quota_roots
    assert quota_root == "", quota_root


def waits(client):
    client.select_folder("INBOX")
    client.idle()
    deliver("idle")
    heard = []
    while not any(what == b"EXISTS" for _, what, *_ in heard):
        heard += client.idle_check(timeout=60)
    assert (COUNT - 1, b"EXISTS") in heard, heard
    answer, _ = client.idle_done()
    assert answer == b"Idle ended", answer
    assert len(client.search(["SUBJECT", "idle"])) == 1
    client.noop()


client = login()
first_look(client)
searches(client)
changes(client)
folders(client)
waits(client)
client.logout()
with login() as client:
    assert client.select_folder("INBOX", readonly=True)[b"EXISTS"] == COUNT - 1
print("done")
