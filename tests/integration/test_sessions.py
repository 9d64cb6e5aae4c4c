"""SMTP sessions: every kind of answer at every step, what a relay offers, and how connections are reused and replaced."""

import socket

import pytest
from support.programs import message
from support.relay import CUT, EXTENSIONS, RESET, SILENCE
from support.waiting import wait_for

SOON = {"retry_delays": [1, 1, 1]}
STEPS = ["greeting", "ehlo", "starttls", "auth", "credentials", "mail", "rcpt", "data", "dot"]
ANSWERS = {"4xx": "451 4.3.0 later", "5xx": "554 5.3.0 never", "garbage": "this is not SMTP", "silence": SILENCE, "cut": CUT}


@pytest.fixture
def acme(new_tenant, relay):
    return new_tenant(relay, **SOON)


@pytest.fixture
def one_connection(new_tenant, relay):
    """A tenant whose messages go over the same connection, one after the other."""
    return new_tenant(relay, account={"max_connections": 1, "timeout": 2}, **SOON)


def history(api, message_id):
    """The kinds of a message's events, in order."""
    shown = [m for m in api.messages(include_history=True) if m["id"] == message_id][0]
    return [event["event_type"] for event in shown["history"]]


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("step", STEPS)
def test_an_answer_at_a_step_decides_who_is_at_fault_and_whether_it_is_tried_again(new_tenant, new_relay, authority, step, answer):
    relay = new_relay(extensions=(*EXTENSIONS, "AUTH PLAIN"), certificate=authority.certificate("sessions"))
    relay.on(step, [ANSWERS[answer]])
    api = new_tenant(relay, account={"use_tls": True, "tls_ca": authority.ca_pem, "user": "u", "password": "p", "timeout": 2},
                     **SOON)
    api.enqueue(message("m1"))
    api.wait_all_final()

    phase = "auth" if step == "credentials" else step
    of_account = STEPS.index(step) < STEPS.index("mail")
    lost = answer == "5xx" and not of_account
    attempts = api.attempts("m1")
    assert [a["outcome"] for a in attempts] == (["error"] if lost else ["deferred", "sent"])
    assert history(api, "m1") == [a["outcome"] for a in attempts]
    assert relay.ids() == ([] if lost else ["m1"]), "never twice"
    assert attempts[0]["phase"] == phase
    assert attempts[0]["reply_code"] == {"4xx": 451, "5xx": 554}.get(answer)
    by_recipient = step == "rcpt" and answer in ("4xx", "5xx")
    assert attempts[0]["blame"] == ("account" if of_account else "recipient" if by_recipient else "message")
    assert api.message("m1")["message"].get("retry_count", 0) == len(attempts) - 1
    if answer not in ("4xx", "5xx"):
        assert wait_for(relay.sessions[0].ended.is_set, "the connection to be given up")
        assert relay.mails[0].session is not relay.sessions[0]


@pytest.mark.parametrize("step", ["mail", "rcpt", "data", "dot"])
def test_after_421_nothing_more_is_said_on_that_connection(new_tenant, new_relay, step):
    relay = new_relay(extensions=())  # each command waits for the reply to the one before
    relay.on(step, ["421 4.3.2 closing"])
    api = new_tenant(relay, account={"max_connections": 1}, **SOON)
    api.enqueue(message("m1"), message("m2"))
    api.wait_state("sent", "m1", "m2")
    assert sorted(relay.ids()) == ["m1", "m2"]
    first = relay.sessions[0]
    assert first.ended.wait(10)
    assert first.commands[-1].split(" ")[0].lower() == {"dot": "data"}.get(step, step)
    assert [m.session for m in relay.mails if m.session is first] == []


@pytest.mark.parametrize("answer", ["421 4.3.2 closing", "451 4.3.0 later", "502 5.5.1 what?", "not SMTP", CUT])
def test_a_relay_that_refuses_rset_is_connected_to_anew(one_connection, relay, answer):
    relay.on("rcpt", ["550 5.1.1 no such user"])
    relay.on("rset", [answer])
    one_connection.enqueue(message("m1"))
    one_connection.wait_state("error", "m1")
    one_connection.enqueue(message("m2"))
    one_connection.wait_state("sent", "m2")
    assert one_connection.outcomes("m2") == ["sent"]
    assert "RSET" in relay.sessions[0].commands
    assert [m.session for m in relay.mails] == [relay.sessions[1]], "once"


def test_after_a_refusal_the_next_message_begins_with_rset(one_connection, relay):
    relay.on("dot", ["554 5.7.1 spam"])
    for name, state in (("m1", "error"), ("m2", "sent"), ("m3", "sent")):
        one_connection.enqueue(message(name))
        one_connection.wait_state(state, name)
    verbs = [c.split(" ")[0] for c in relay.sessions[0].commands]
    assert verbs == ["EHLO", "MAIL", "RCPT", "DATA", "RSET", "MAIL", "RCPT", "DATA", "MAIL", "RCPT", "DATA"]


REPLIES = ["250-first\r\n250-second\r\n250 third", "250-2.0.0 first\r\n250 2.0.0 second", "250", "250-\r\n250 ", "250-one\n250 two",
           "250-" + "x" * 500 + "\r\n250 " + "y" * 500, "250-" + "\r\n250-".join(["line"] * 150) + "\r\n250 end"]


@pytest.mark.parametrize("reply", REPLIES, ids=range(len(REPLIES)))
def test_replies_of_every_shape_are_understood(acme, relay, reply):
    for step in ("mail", "rcpt", "dot"):
        relay.on(step, lambda *_: reply)
    acme.enqueue(message("m1"))
    acme.wait_state("sent", "m1")
    assert acme.outcomes("m1") == ["sent"]


def test_all_lines_of_a_refusal_are_told(acme, relay):
    relay.on("rcpt", ["550-5.1.1 The account\r\n550-5.1.1 does not\r\n550 5.1.1 exist \x07here"])
    acme.enqueue(message("m1"))
    acme.wait_state("error", "m1")
    assert acme.message("m1")["error"] == "5.1.1 The account does not exist ?here (SMTP 550)"


MALFORMED = ["25", "2500 four digits", "abc", "250_what", "650 out of range", "", "250-" + "x" * 5000, "\xff\xfe"]


@pytest.mark.parametrize("reply", MALFORMED, ids=range(len(MALFORMED)))
def test_malformed_replies_end_the_connection_and_are_tried_again(acme, relay, reply):
    relay.on("dot", [reply])
    acme.enqueue(message("m1"))
    acme.wait_state("sent", "m1")
    assert acme.outcomes("m1") == ["deferred", "sent"]
    assert relay.sessions[0].ended.wait(10)
    assert relay.mails[-1].session is relay.sessions[1]


def test_what_ehlo_offers_is_read_in_any_case_and_spacing(new_tenant, new_relay):
    relay = new_relay(extensions=("pipelining", "  Size   5000 ", "dsn", "X-ODD \x07", ""))
    pipelined = []
    relay.on("mail", lambda session, _command: pipelined.append(session.has_more()))
    api = new_tenant(relay, account={"dsn_notify": "never"})
    api.enqueue(message("fits"), message("big", body="x\n" * 3000))
    api.wait_state("sent", "fits")
    api.wait_state("error", "big")
    assert pipelined == [True], "one transaction, in one write"
    assert " SIZE=" in relay.sessions[0].commands[1]
    assert relay.sessions[0].commands[2].endswith(" NOTIFY=NEVER")
    assert "over the relay's limit of 5000 octets" in api.message("big")["error"]


@pytest.mark.parametrize("offered", [True, False])
def test_notifications_are_asked_for_where_the_relay_offers_them(new_tenant, new_relay, offered):
    relay = new_relay(extensions=(*EXTENSIONS, "DSN") if offered else EXTENSIONS)
    api = new_tenant(relay, account={"dsn_notify": "failure,delay", "dsn_ret": "hdrs"})
    api.enqueue(message("store:m+1=1", to=["a@x.test", "b@x.test"]), message("x" * 200), message("città"))
    api.wait_all_final()
    assert len(relay.mails) == 3
    mails = [c for s in relay.sessions for c in s.commands if c.startswith("MAIL")]
    rcpts = [c for s in relay.sessions for c in s.commands if c.startswith("RCPT")]
    assert sum(" ENVID=store:m+2B1+3D1" in c for c in mails) == sum("ENVID" in c for c in mails) == (1 if offered else 0)
    assert all((" RET=HDRS" in c) == offered for c in mails)
    assert all(c.endswith(" NOTIFY=FAILURE,DELAY") == offered for c in rcpts)


def test_a_sender_in_utf8_needs_smtputf8_whatever_the_return_path(new_tenant, new_relay):
    able, unable = new_relay(extensions=("PIPELINING", "8BITMIME", "SMTPUTF8")), new_relay()
    api = new_tenant()
    api.system.add_account(api, able, "able")
    api.system.add_account(api, unable, "unable")
    sender = {"from": "jürgen@example.com", "return_path": "bounce@example.org"}
    api.enqueue(message("yes", account="able", **sender), message("no", account="unable", **sender))
    api.wait_state("sent", "yes")
    api.wait_state("error", "no")
    assert able.sessions[0].commands[1] == "MAIL FROM:<bounce@example.org> BODY=8BITMIME SMTPUTF8"
    assert "SMTPUTF8" in api.message("no")["error"]
    assert unable.count("mail") == 0


# ---- octets that a lenient relay could take for the end of the message ----

ENDS = ["\n.\r\n", "\r.\r\n", "\n.\n", "\r.\r", "\r\n.\n", "\r\n.\r", "\r\n.\r\n", "\r\r\n.\r\n", "\n\n.\r\n", "\r\n..\r\n"]
SMUGGLED = "MAIL FROM:<evil@example.org>\r\nRCPT TO:<victim@example.org>\r\nDATA\r\nSubject: smuggled\r\n\r\nx"


@pytest.mark.parametrize("content_type", ["plain", "html"])
@pytest.mark.parametrize("end", ENDS, ids=[e.encode("unicode_escape").decode() for e in ENDS])
def test_no_content_can_end_the_message_before_its_end(acme, relay, end, content_type):
    acme.enqueue(message("m1", body="begin" + end + SMUGGLED + end + "QUIT\r\n", content_type=content_type))
    acme.wait_state("sent", "m1")
    mail = relay.mails[0]
    assert len(relay.mails) == 1 and mail.sender == "sender@example.com"
    assert [c.split(" ")[0] for c in mail.session.commands] == ["EHLO", "MAIL", "RCPT", "DATA"]
    assert mail.wire.count(b"\r\n") == mail.wire.count(b"\r") == mail.wire.count(b"\n"), "no bare CR or LF"
    lines = mail.wire.split(b"\r\n")
    assert b"." not in lines and max(map(len, lines)) <= 999
    assert mail.octets.count(b"smuggled") == 1 and mail.octets.rstrip().endswith(b"QUIT")


def test_long_lines_are_folded_whatever_they_hold(acme, relay):
    body = "\n".join(["." * 2000, "x" * 998, "x" * 999, "." * 998, "é" * 700, " " * 1200 + ".", "." + "a b " * 600])
    acme.enqueue(message("m1", body=body))
    acme.wait_state("sent", "m1")
    wire = relay.mails[0].wire
    assert max(len(line) for line in relay.mails[0].octets.split(b"\r\n")) <= 998
    assert wire.count(b"\r\n") == wire.count(b"\r") == wire.count(b"\n")


# ---- the end of the content ----

@pytest.mark.parametrize("reply, outcomes", [("552 5.3.4 too big", ["error"]), ("451 4.3.0 disk full", ["deferred", "sent"])])
@pytest.mark.parametrize("hang_up", [False, True], ids=["reads on", "hangs up"])
def test_a_reply_before_the_content_has_ended_counts(acme, relay, reply, outcomes, hang_up):
    def interrupt(session, _command):
        if relay.count("interrupted"):
            return None
        relay.note("interrupted", session)
        session.conn.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)  # the content does not fit on the way
        session.conn.sendall(b"354 go\r\n")
        for _ in range(100):
            session.read_line()
        session.conn.sendall(reply.encode() + b"\r\n")
        if hang_up:
            session.conn.shutdown(socket.SHUT_WR)
        while session.conn.recv(65536):
            pass
        return CUT

    relay.on("data", interrupt)
    acme.enqueue(message("m1", body="0123456789\n" * 500000))
    acme.wait_all_final()
    assert acme.outcomes("m1") == outcomes
    first = acme.attempts("m1")[0]
    assert (first["phase"], first["reply_code"], first["blame"]) == ("content", int(reply[:3]), "message")
    assert relay.ids() == (["m1"] if outcomes[-1] == "sent" else [])


def test_a_relay_that_hangs_up_behind_its_last_word_has_taken_the_message(one_connection, relay):
    def last_words(session, mail):
        relay.mails.append(mail)
        session.conn.sendall(b"250 2.0.0 taken\r\n")
        return CUT

    relay.on("dot", last_words)
    one_connection.enqueue(*[message(f"m{i}") for i in range(5)])
    one_connection.wait_state("sent", *[f"m{i}" for i in range(5)])
    assert sorted(relay.ids()) == [f"m{i}" for i in range(5)]
    assert len(relay.sessions) == 5
    assert all(one_connection.outcomes(f"m{i}") == ["sent"] for i in range(5))


# ---- reuse ----

# At MAIL whatever it says means that it is old; a relay that was alive there speaks about the message from then on.
DEAD = [("mail", "421 4.4.2 idle for too long"), ("mail", "not SMTP"), ("mail", SILENCE), ("mail", CUT), ("mail", RESET),
        ("rcpt", CUT), ("rcpt", RESET), ("data", CUT), ("data", RESET)]


@pytest.mark.parametrize("step, how", DEAD, ids=range(len(DEAD)))
def test_a_reused_connection_that_proves_dead_is_replaced_within_the_attempt(one_connection, relay, step, how):
    one_connection.enqueue(message("first"))
    one_connection.wait_state("sent", "first")
    relay.on(step, [how])
    one_connection.enqueue(message("second"))
    one_connection.wait_state("sent", "second")
    assert one_connection.outcomes("second") == ["sent"], "no retry was used up"
    assert relay.ids() == ["first", "second"], "and nothing sent twice"
    assert relay.mails[1].session is relay.sessions[1]


def test_a_connection_that_ends_while_idle_is_replaced(one_connection, relay):
    one_connection.enqueue(message("first"))
    one_connection.wait_state("sent", "first")
    relay.sessions[0].conn.shutdown(socket.SHUT_RDWR)
    assert relay.sessions[0].ended.wait(10)
    one_connection.enqueue(message("second"))
    one_connection.wait_state("sent", "second")
    assert one_connection.outcomes("second") == ["sent"]
    assert relay.mails[1].session is relay.sessions[1]


@pytest.mark.parametrize("ttl", [0, 1])
def test_an_idle_connection_says_quit_after_its_ttl(new_tenant, relay, ttl):
    api = new_tenant(relay, account={"ttl": ttl})
    api.enqueue(message("m1"))
    api.wait_state("sent", "m1")
    assert relay.sessions[0].ended.wait(10)
    assert relay.sessions[0].commands[-1] == "QUIT"


def test_connections_are_shared_with_no_other_tenant_account_or_version_of_it(new_tenant, new_relay):
    relay = new_relay(extensions=(*EXTENSIONS, "AUTH PLAIN"))
    fields = {"user": "u", "password": "p"}
    one, other = new_tenant(relay, account=fields), new_tenant(relay, account=fields)
    one.system.add_account(one, relay, "second", **fields)
    sent = [(one, "main", "a"), (one, "main", "b"), (other, "main", "c"), (one, "second", "d")]
    for tenant, account, name in sent:
        tenant.enqueue(message(name, account=account))
        tenant.wait_state("sent", name)
    for number, change in enumerate(({"password": "q"}, {"user": "v"}, {"tls_verify": False})):
        one.system.add_account(one, relay, **{**fields, **change})
        one.enqueue(message(f"changed{number}"))
        one.wait_state("sent", f"changed{number}")
    assert [m.session.number for m in relay.mails] == [0, 0, 1, 2, 3, 4, 5]


def test_the_services_timeout_is_for_accounts_that_name_none(new_tenant, relay):
    relay.on("greeting", [SILENCE])
    api = new_tenant(relay, GMP_SMTP_TIMEOUT=1, **SOON)
    api.enqueue(message("m1"))
    api.wait_state("sent", "m1")
    assert api.attempts("m1")[0]["reply"] == "timeout waiting for the greeting"
