"""What is on the wire, octet by octet, for each kind of message."""

import base64
import re
from email.utils import parsedate_to_datetime

import pytest
from support.programs import message
from support.relay import CUT

TEXT = ("MIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=\"utf-8\"\r\n"
        "Content-Transfer-Encoding: 7bit\r\n")


@pytest.fixture
def acme(new_tenant, relay):
    return new_tenant(relay)


def deliver(acme, relay, **fields):
    """Send one message; the relay's record of it."""
    acme.enqueue({**message("m1"), **fields})
    acme.wait_state("sent", "m1")
    assert len(relay.mails) == 1
    return relay.mails[0]


def fields_of(octets, relay_mail):
    """The octets with {date} and {message_id} replaced by what was sent: made at acceptance, so not known here."""
    assert parsedate_to_datetime(relay_mail.header("Date"))
    return (octets.replace("{date}", relay_mail.header("Date"))
            .replace("{message_id}", relay_mail.header("Message-ID")).encode())


def test_the_whole_dialogue_of_a_plain_message(new_tenant, relay):
    acme = new_tenant(relay, GMP_HELO_NAME="mailproxy.test")
    mail = deliver(acme, relay)
    assert re.fullmatch(r"<[A-Za-z0-9]{22}@[A-Za-z0-9.-]+>", mail.header("Message-ID"))
    content = fields_of(
        "From: sender@example.com\r\nTo: rcpt@example.net\r\nSubject: Hello\r\nDate: {date}\r\n"
        "Message-ID: {message_id}\r\n" + TEXT + "X-Genro-Mail-ID: m1\r\n\r\nHello, world.\r\n", mail)
    acme.system.workers[0].terminate()  # says QUIT on the connection it kept
    assert mail.session.ended.wait(10)
    assert bytes(mail.session.received) == (
        b"EHLO mailproxy.test\r\n"
        b"MAIL FROM:<sender@example.com> SIZE=%d\r\n"
        b"RCPT TO:<rcpt@example.net>\r\n"
        b"DATA\r\n" % len(content) + content + b".\r\nQUIT\r\n")


def test_without_pipelining_each_command_waits_for_its_reply(new_tenant, new_relay):
    relay = new_relay(extensions=())
    deliver(new_tenant(relay), relay, to=["a@x.test", "b@x.test"])
    events = [what for what, _ in relay.events]
    begin = events.index("mail")
    assert events[begin : begin + 10] == ["mail", "mail-reply", "rcpt", "rcpt-reply", "rcpt", "rcpt-reply", "data",
                                          "data-reply", "dot", "dot-reply"]
    assert b"SIZE=" not in relay.sessions[0].received, "SIZE was not offered"


def test_with_pipelining_the_envelope_does_not_wait_for_replies(acme, relay):
    """The rest of the envelope arrives although MAIL is not answered yet."""
    pipelined = []
    relay.on("mail", lambda session, _command: pipelined.append(session.has_more()))
    mail = deliver(acme, relay, to=[f"r{i}@x.test" for i in range(50)])
    assert len(mail.recipients) == 50
    assert pipelined == [True]
    assert [c.split(" ")[0] for c in mail.session.commands] == ["EHLO", "MAIL"] + ["RCPT"] * 50 + ["DATA"]


def test_helo_when_ehlo_is_refused(acme, relay):
    relay.on("ehlo", lambda *_: "502 5.5.1 not here")
    deliver(acme, relay)
    assert relay.sessions[0].commands[1].startswith("HELO ")


def test_html(acme, relay):
    mail = deliver(acme, relay, content_type="html", body="<p>Hello</p>")
    assert mail.octets == fields_of(
        "From: sender@example.com\r\nTo: rcpt@example.net\r\nSubject: Hello\r\nDate: {date}\r\n"
        "Message-ID: {message_id}\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=\"utf-8\"\r\n"
        "Content-Transfer-Encoding: 7bit\r\nX-Genro-Mail-ID: m1\r\n\r\n<p>Hello</p>\r\n", mail)


def test_non_ascii_everywhere(acme, relay):
    mail = deliver(acme, relay, **{"from": "José Pérez <jose@bücher.example>"}, to=["Jürgen <j@example.net>"],
                   subject="Città nuova", body="Grüße\nλ\n")
    assert mail.octets == fields_of(
        "From: =?utf-8?b?Sm9zw6kgUMOpcmV6?= <jose@xn--bcher-kva.example>\r\nTo: =?utf-8?q?J=C3=BCrgen?= <j@example.net>\r\n"
        "Subject: =?utf-8?b?Q2l0dMOg?= nuova\r\nDate: {date}\r\nMessage-ID: {message_id}\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=\"utf-8\"\r\nContent-Transfer-Encoding: base64\r\n"
        "X-Genro-Mail-ID: m1\r\n\r\n" + base64.b64encode("Grüße\r\nλ\r\n".encode()).decode() + "\r\n", mail)
    assert mail.sender == "jose@xn--bcher-kva.example"
    assert max(mail.octets) < 128


def test_all_recipients_once_and_bcc_never_on_the_wire(acme, relay):
    mail = deliver(acme, relay, to=["Ann <ann@x.test>", "bob@x.test"], cc="carol@x.test, ann@x.test", bcc=["dan@secret.test"],
                   reply_to="r1@x.test, r2@x.test")
    assert mail.recipients == ["ann@x.test", "bob@x.test", "carol@x.test", "dan@secret.test"]
    assert mail.header("To") == "Ann <ann@x.test>, bob@x.test"
    assert mail.header("Cc") == "carol@x.test, ann@x.test"
    assert mail.header("Reply-To") == "r1@x.test, r2@x.test"
    assert b"secret" not in mail.octets
    assert b"bcc" not in mail.octets.lower()


@pytest.mark.parametrize("return_path, sender", [
    ("bounce@example.org", "bounce@example.org"), ("", ""), ("<>", ""), ("Name <b@example.org>", "b@example.org"),
    (None, "sender@example.com")])
def test_the_envelope_sender(acme, relay, return_path, sender):
    mail = deliver(acme, relay, return_path=return_path)
    assert mail.sender == sender
    assert mail.header("Return-Path") is None


def test_custom_headers_replace_and_append(acme, relay):
    mail = deliver(acme, relay, headers={"Subject": "Mine", "X-Num": 5, "X-Null": None, "X-True": True,
                                         "List-Unsubscribe": "<https://x.test/u>", "X-Uni": "naïve"})
    assert mail.header("Subject") == "Mine"
    assert mail.octets.count(b"Subject:") == 1
    assert mail.header("X-Num") == "5"
    assert mail.header("X-Null") is None
    assert mail.header("X-True") == "True"
    assert mail.header("List-Unsubscribe") == "<https://x.test/u>"
    assert mail.header("X-Uni") == "=?utf-8?b?bmHDr3Zl?="


@pytest.mark.parametrize("given, sent", [("<own@example.com>", "<own@example.com>"), ("GNR_77", "<GNR_77>")])
def test_a_given_message_id_gets_its_brackets(acme, relay, given, sent):
    assert deliver(acme, relay, message_id=given).header("Message-ID") == sent


def test_dots_are_stuffed_and_line_ends_are_crlf(acme, relay):
    mail = deliver(acme, relay, body=".\n..\n.hidden\nbare\rcr\r\nlast")
    body = mail.wire.split(b"\r\n\r\n", 1)[1]
    assert body == b"..\r\n...\r\n..hidden\r\nbare\r\ncr\r\nlast\r\n"
    assert mail.octets.split(b"\r\n\r\n", 1)[1] == b".\r\n..\r\n.hidden\r\nbare\r\ncr\r\nlast\r\n"


def test_no_line_is_longer_than_998_octets(acme, relay):
    mail = deliver(acme, relay, subject="x" * 3000, body="y" * 5000, to=[f"someone{i}@example.net" for i in range(200)],
                   headers={"X-Long": "z " * 2000})
    assert max(len(line) for line in mail.octets.split(b"\r\n")) <= 998
    assert mail.octets.count(b"\n") == mail.octets.count(b"\r\n") == mail.octets.count(b"\r")


def test_attachments_after_the_body(acme, relay):
    octets = bytes(range(256)) * 40
    mail = deliver(acme, relay, attachments=[
        {"filename": "data.bin", "content": base64.b64encode(octets).decode()},
        {"filename": "Rechnung für Ä.pdf", "storage_path": "base64:" + base64.b64encode(b"%PDF").decode()},
        {"filename": "rep_{MD5:abcd}.txt", "storage_path": "base64:aGk="}])
    boundary = re.search(rb'boundary="([^"]+)"', mail.octets).group(1)
    parts = mail.octets.split(b"--" + boundary)
    assert parts[1] == (b"\r\nContent-Type: text/plain; charset=\"utf-8\"\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
                        b"Hello, world.\r\n\r\n")
    head, content = parts[2].strip(b"\r\n").split(b"\r\n\r\n")
    assert head == (b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n"
                    b"Content-Disposition: attachment; filename=\"data.bin\"")
    assert base64.b64decode(content) == octets
    assert b"filename*=UTF-8''Rechnung%20f%C3%BCr%20%C3%84.pdf" in parts[3]
    assert b"Content-Type: application/pdf\r\n" in parts[3]
    assert b'filename="rep.txt"' in parts[4]
    assert parts[5] == b"--\r\n"


def test_an_international_local_part_needs_smtputf8(new_tenant, new_relay):
    able, unable = new_relay(extensions=("PIPELINING", "8BITMIME", "SMTPUTF8")), new_relay()
    api = new_tenant()
    api.system.add_account(api, able, "able")
    api.system.add_account(api, unable, "unable")
    api.enqueue(message("yes", account="able", to=["jürgen@example.net"]),
                message("no", account="unable", to=["jürgen@example.net"]),
                message("half", account="unable", to=["jürgen@example.net", "ok@example.net"]))
    api.wait_state("sent", "yes", "half")
    api.wait_state("error", "no")
    assert "SMTPUTF8" in able.sessions[0].commands[1]
    assert able.mails[0].recipients == ["jürgen@example.net"]
    assert "SMTPUTF8" in api.message("no")["error"]
    assert [m.recipients for m in unable.mails] == [["ok@example.net"]]
    assert not any("jürgen" in c for s in unable.sessions for c in s.commands)


def test_a_message_over_the_relays_size_is_an_error_before_it_is_sent(new_tenant, new_relay):
    relay = new_relay(extensions=("PIPELINING", "SIZE 5000"))
    api = new_tenant(relay)
    api.enqueue(message("big", body="x" * 6000))
    api.wait_state("error", "big")
    assert relay.count("data") == 0


def test_one_connection_carries_many_messages(new_tenant, relay):
    api = new_tenant(relay, account={"max_connections": 1})
    api.enqueue(*[message(f"m{i}") for i in range(120)])
    api.wait_all_final()
    assert len(relay.mails) == 120
    per_session = [sum(1 for m in relay.mails if m.session is s) for s in relay.sessions]
    assert max(per_session) == 100, "a connection is used for at most 100 messages"
    assert len(relay.sessions) == 2


def test_a_dead_reused_connection_is_replaced_within_the_attempt(new_tenant, relay):
    api = new_tenant(relay, account={"max_connections": 1})
    api.enqueue(message("first"))
    api.wait_state("sent", "first")
    relay.on("mail", [CUT])  # the relay hangs up as soon as the next MAIL comes, once
    api.enqueue(message("second"))
    api.wait_state("sent", "second")
    assert api.outcomes("second") == ["sent"], "no retry was used up"


def test_date_and_message_id_are_made_at_acceptance_and_stay(new_system, relay):
    seen = []
    relay.on("dot", lambda _session, mail: seen.append(mail.octets) or ("451 4.3.0 later" if len(seen) < 3 else None))
    system = new_system(workers=0, GMP_RETRY_DELAYS="0,0")
    api = system.add_tenant()
    system.add_account(api, relay)
    api.enqueue(message("m1"))
    accepted = system.value("SELECT created_at FROM mailproxy.message")
    system.rows("UPDATE mailproxy.message SET updated_at = updated_at + interval '1 hour'")
    system.start_worker()
    api.wait_state("sent", "m1")
    assert len(seen) == 3 and len(set(seen)) == 1
    assert parsedate_to_datetime(relay.mails[0].header("Date")) == accepted.replace(microsecond=0)


@pytest.mark.parametrize("extensions", [(), ("PIPELINING", "8BITMIME", "SMTPUTF8")], ids=["a plain relay", "a relay with SMTPUTF8"])
def test_domains_and_names_go_out_in_ascii_whatever_the_relay_offers(new_tenant, new_relay, extensions):
    relay = new_relay(extensions=extensions)
    mail = deliver(new_tenant(relay), relay, to=["Jürgen Groß <j@bücher.example>"], cc="k@例え.テスト",
                   return_path="bounce@bücher.example")
    assert mail.recipients == ["j@xn--bcher-kva.example", "k@xn--r8jz45g.xn--zckzah"]
    assert mail.sender == "bounce@xn--bcher-kva.example"
    assert mail.header("To") == "=?utf-8?b?SsO8cmdlbiBHcm/Dnw==?= <j@xn--bcher-kva.example>"
    assert mail.header("Cc") == "k@xn--r8jz45g.xn--zckzah"
    assert b"SMTPUTF8" not in mail.session.received


def test_custom_headers_replace_those_that_are_made_and_stand_in_their_place(acme, relay):
    mail = deliver(acme, relay, headers={"date": "Mon, 01 Jan 2024 00:00:00 +0000", "Message-Id": "<own@x.test>", "Reply-to": "r@x.test",
                                         "X-Genro-Mail-ID": "mine", "X-Last": "1", "cc": "shown@x.test"},
                   reply_to="other@x.test", cc="carol@x.test")
    assert mail.recipients == ["rcpt@example.net", "carol@x.test"], "headers change no envelope"
    head = mail.octets.split(b"\r\n\r\n")[0].decode().split("\r\n")
    assert [line.partition(":")[0].lower() for line in head] == [
        "from", "to", "subject", "cc", "reply-to", "date", "message-id", "mime-version", "content-type",
        "content-transfer-encoding", "x-last", "x-genro-mail-id"]
    assert mail.header("Date") == "Mon, 01 Jan 2024 00:00:00 +0000"
    assert mail.header("Message-ID") == "<own@x.test>"
    assert (mail.header("Cc"), mail.header("Reply-To")) == ("shown@x.test", "r@x.test")
    assert mail.header("X-Genro-Mail-ID") == "mine"


@pytest.mark.parametrize("name", ["Bcc", "BCC", "Return-Path", "Content-Disposition", "content-foo", "Mime-Version"])
def test_headers_that_would_break_the_message_are_refused_by_name(acme, relay, name):
    answer = acme.add(message("m1", headers={name: "x"}))
    assert answer.json["rejected"] == [{"id": "m1", "reason": f"invalid headers: {name} cannot be set"}]
