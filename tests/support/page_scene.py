"""A service in the middle of its day, for the web page: two tenants, accounts well and ill, messages in every state, and a past."""

import psycopg

from .programs import message
from .waiting import wait_for

SUBJECTS = ["Your order has left", "Invoice {n}", "Your parcel arrives tomorrow", "Thank you for your order", "Offers of the week", "Grüße aus München",
            "Password reset", "Your ticket {n}"]
NAMES = ["ann", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"]
PAST_MESSAGES = 900

# Move what was sent into the hours before: more by day than by night, one in twenty of it slow. One moment for a message, wherever it stands.
MOVE = [
    """CREATE TEMP TABLE moved AS
       SELECT message_pk, make_interval(secs => 21000 * (1 - sqrt((message_pk * 7919 % 1000) / 1000.0)) + 150) AS back
         FROM mailproxy.message WHERE tenant_id IN ('acme', 'globex') AND state IN ('sent', 'error')""",
    """DO $$ DECLARE parent text; day text := to_char(now() AT TIME ZONE 'UTC' - interval '1 day', '_YYYYMMDD');
       BEGIN
           FOREACH parent IN ARRAY ARRAY['message_body', 'message_attachment', 'attempt', 'event'] LOOP
               IF to_regclass('mailproxy.' || parent || day) IS NULL THEN
                   EXECUTE format('CREATE TABLE mailproxy.%I PARTITION OF mailproxy.%I FOR VALUES FROM (%L) TO (%L)', parent || day, parent,
                                  ((now() AT TIME ZONE 'UTC')::date - 1) || ' 00:00:00+00', (now() AT TIME ZONE 'UTC')::date || ' 00:00:00+00');
               END IF;
           END LOOP;
       END $$""",
    "UPDATE mailproxy.message_body b SET created_at = b.created_at - m.back FROM moved m WHERE b.message_pk = m.message_pk",
    """UPDATE mailproxy.attempt a SET ended_at = a.ended_at - m.back, queue_ms = 30 + m.message_pk * 7919 % 40 + CASE WHEN m.message_pk % 12 = 0 THEN 70 ELSE 0 END
         FROM moved m WHERE a.message_pk = m.message_pk""",
    "UPDATE mailproxy.event e SET created_at = e.created_at - m.back, event_at = e.event_at - m.back FROM moved m WHERE e.message_pk = m.message_pk",
    "UPDATE mailproxy.message x SET created_at = x.created_at - m.back, finished_at = x.finished_at - m.back FROM moved m WHERE x.message_pk = m.message_pk",
    "DROP TABLE moved",
]



def subject(n):
    return SUBJECTS[n % len(SUBJECTS)].format(n=4711 + n)


def mail(prefix, n, **fields):
    return message(f"{prefix}-{n}", **{"subject": subject(n), "from": "Acme Shop <shop@example.com>", "to": [f"{NAMES[n % len(NAMES)]}@example.net"],
                                                          "body": f"Dear {NAMES[n % len(NAMES)].title()},\n\nyour order is on its way.\n", **fields})


class Scene:
    """
    acme    accounts: main (a relay that refuses nobody@, is too busy for busy@), metered (five an hour), down (nothing listens there)
            messages: past-*, order-* sent; refused-* error; busy-* deferred; metered-* over the limit; down-* behind a dead relay; spring-*
            of a suspended batch; later-1 for tomorrow
    globex  account main, with ten messages sent
    """

    def __init__(self, system, relay):
        self.system, self.relay = system, relay
        relay.on("rcpt", self.judge)
        self.kind = False  # take what was refused before
        self.acme = system.add_tenant("acme", name="Acme Shop")
        self.globex = system.add_tenant("globex", name="Globex Corporation")
        system.add_account(self.acme, relay, name="Shop mail", max_connections=8)
        system.add_account(self.acme, relay, "metered", limit_per_hour=5, limit_per_day=200)
        system.add_account(self.globex, relay)
        answer = self.acme.post("/account", {"id": "down", "host": "127.0.0.1", "port": 9, "use_tls": False})
        assert answer.status == 200, answer
        self.make_past()
        self.make_present()

    def judge(self, _session, argument):
        if self.kind:
            return None
        if "nobody" in argument:
            return "550 5.1.1 no such user here"
        return "451 4.3.2 too busy, come back later" if "busy" in argument else None

    def make_past(self):
        past = [mail("past", n, **({"to": ["nobody@example.net"]} if n % 37 == 0 else {})) for n in range(PAST_MESSAGES)]
        self.acme.enqueue(*past)
        self.globex.enqueue(*[mail("globex", n) for n in range(10)])
        self.system.wait_all_final()
        with psycopg.connect(self.system.database_url, autocommit=True) as conn:
            for statement in MOVE:
                conn.execute(statement)

    def make_present(self):
        acme = self.acme
        assert acme.post("/commands/suspend", batch_code="spring").status == 200
        acme.enqueue(*[mail("order", n, priority="high") for n in range(12)], *[mail("spring", n, batch_code="spring", subject="Spring sale") for n in range(7)],
                     mail("refused", 1, to=["ann@example.net", "nobody@example.net"], subject="To two, of whom one is unknown"),
                     mail("refused", 2, to=["nobody@example.net"], subject="To nobody"),
                     mail("busy", 1, to=["busy@example.net"], subject="To a busy mailbox"),
                     *[mail("metered", n, account="metered", subject="Newsletter") for n in range(9)],
                     *[mail("down", n, account="down", subject="Behind a dead relay") for n in range(4)],
                     mail("later", 1, deferred_ts=4102444800, subject="For much later"))
        acme.wait_state("sent", *[f"order-{n}" for n in range(12)], "refused-1")
        acme.wait_state("error", "refused-2")
        wait_for(lambda: self.system.value("SELECT count(*) FROM mailproxy.account_health WHERE account_id = 'down' AND state = 'backed off'"), "the dead relay to be noticed")
        wait_for(lambda: self.system.value("SELECT count(*) FROM mailproxy.message WHERE message_id LIKE 'metered%%' AND state = 'sent'") == 5, "the limit to be reached")
        wait_for(lambda: acme.attempts("busy-1"), "the busy mailbox to be tried")
