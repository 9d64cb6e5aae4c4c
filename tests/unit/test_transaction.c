/* test_transaction.c - worker/send/transaction.h: whole dialogues without a socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/send/envelope.h"
#include "worker/send/transaction.h"

static const struct ehlo transaction_pipelining = {
    .pipelining = true, .size = true, .size_max = 1000};
static const struct ehlo transaction_plain = {0};

/* A mail to at most four recipients, its transcript, and everything said so far. */
struct dialogue {
    struct mail mail;
    struct mail_recipient recipients[4];
    struct transcript *transcript;
    struct transaction transaction;
    struct buf said;
};

static void dialogue_set_up(struct dialogue *d, const char *sender, const char *const *recipients,
                            const char *data)
{
    *d = (struct dialogue){.said = BUF_INIT(1 << 20)};
    d->mail.sender = (char *)sender;
    d->mail.sender_ascii = envelope_path_is_ascii(sender);
    d->mail.recipients = d->recipients;
    for (; recipients[d->mail.recipient_count]; d->mail.recipient_count++) {
        struct mail_recipient *r = &d->recipients[d->mail.recipient_count];

        r->address = (char *)recipients[d->mail.recipient_count];
        r->ascii = envelope_path_is_ascii(r->address);
    }
    d->mail.data = (struct buf)BUF_INIT(1 << 20);
    buf_append_str(&d->mail.data, data);
    assert_int_equal(transcript_new(&d->mail, &d->transcript, NULL), ERR_OK);
}

static void dialogue_tear_down(struct dialogue *d)
{
    transcript_free(d->transcript);
    buf_clear(&d->mail.data);
    buf_clear(&d->said);
}

static void dialogue_begin(struct dialogue *d, const struct ehlo *ehlo, bool rset)
{
    transaction_begin(&d->transaction, &d->mail, d->transcript, ehlo, rset);
}

/* What is said now, in one write. */
static void dialogue_expect(struct dialogue *d, const char *want)
{
    buf_truncate(&d->said, 0);
    transaction_write(&d->transaction, &d->said);
    assert_string_equal(d->said.len ? d->said.data : "", want);
    transaction_note_sent(&d->transaction);
}

static void dialogue_reply(struct dialogue *d, const char *octets)
{
    struct reply reply;
    size_t used = 0;
    char line[256];

    snprintf(line, sizeof(line), "%s\r\n", octets);
    assert_int_equal(reply_parse(line, strlen(line), &reply, &used, NULL), ERR_OK);
    assert_false(transaction_is_farewell(&d->transaction, &reply));
    transaction_take_reply(&d->transaction, &reply);
}

static void dialogue_expect_end(const struct dialogue *d, enum outcome outcome, int code)
{
    assert_int_equal(d->transaction.state, TRANSACTION_DONE);
    assert_int_equal(d->transcript->verdict.outcome, outcome);
    assert_int_equal(d->transcript->reply.code, code);
    for (size_t i = 0; i < d->transcript->recipient_count; i++)
        assert_true(d->transcript->recipients[i].settled);
}

static const char *const transaction_two[] = {"a@example.com", "b@example.com", NULL};

static void test_pipelined_commands_go_out_at_once(void **state)
{
    struct dialogue d;

    (void)state;
    dialogue_set_up(&d, "s@example.com", transaction_two, "Subject: x\r\n\r\n.dot\r\n");
    dialogue_begin(&d, &transaction_pipelining, false);
    dialogue_expect(&d, "MAIL FROM:<s@example.com> SIZE=20\r\nRCPT TO:<a@example.com>\r\n"
                        "RCPT TO:<b@example.com>\r\nDATA\r\n");
    dialogue_reply(&d, "250 ok");
    dialogue_reply(&d, "250 ok");
    dialogue_reply(&d, "550 5.1.1 unknown");
    dialogue_expect(&d, "");
    dialogue_reply(&d, "354 go");
    dialogue_expect(&d, "Subject: x\r\n\r\n..dot\r\n.\r\n");
    assert_int_equal(d.transaction.state, TRANSACTION_DOT);
    dialogue_reply(&d, "250 2.0.0 queued");
    dialogue_expect_end(&d, OUTCOME_SENT, 250);
    assert_int_equal(d.transcript->recipients[0].verdict.outcome, OUTCOME_SENT);
    assert_int_equal(d.transcript->recipients[1].verdict.outcome, OUTCOME_ERROR);
    assert_false(d.transaction.dirty);
    dialogue_tear_down(&d);
}

static void test_lockstep_says_one_command_at_a_time(void **state)
{
    struct dialogue d;

    (void)state;
    dialogue_set_up(&d, "", transaction_two, "x\r\n");
    dialogue_begin(&d, &transaction_plain, true);
    dialogue_expect(&d, "RSET\r\n");
    dialogue_expect(&d, "");
    dialogue_reply(&d, "250 ok");
    dialogue_expect(&d, "MAIL FROM:<>\r\n");
    dialogue_reply(&d, "250 ok");
    dialogue_expect(&d, "RCPT TO:<a@example.com>\r\n");
    dialogue_reply(&d, "450 4.2.1 busy");
    dialogue_expect(&d, "RCPT TO:<b@example.com>\r\n");
    dialogue_reply(&d, "250 ok");
    dialogue_expect(&d, "DATA\r\n");
    dialogue_reply(&d, "354 go");
    dialogue_expect(&d, "x\r\n.\r\n");
    dialogue_reply(&d, "250 ok");
    dialogue_expect_end(&d, OUTCOME_DEFERRED, 450);
    assert_int_equal(d.transcript->recipients[1].verdict.outcome, OUTCOME_SENT);
    dialogue_tear_down(&d);
}

static void test_refused_mail_is_followed_by_rset_not_by_data(void **state)
{
    struct dialogue d;

    (void)state;
    dialogue_set_up(&d, "s@example.com", transaction_two, "x\r\n");
    dialogue_begin(&d, &transaction_plain, false);
    dialogue_expect(&d, "MAIL FROM:<s@example.com>\r\n");
    dialogue_reply(&d, "550 5.7.1 no");
    dialogue_expect_end(&d, OUTCOME_ERROR, 550);
    assert_true(d.transaction.dirty);
    dialogue_tear_down(&d);

    dialogue_set_up(&d, "s@example.com", transaction_two, "x\r\n");
    dialogue_begin(&d, &transaction_plain, false);
    dialogue_expect(&d, "MAIL FROM:<s@example.com>\r\n");
    dialogue_reply(&d, "250 ok");
    dialogue_expect(&d, "RCPT TO:<a@example.com>\r\n");
    dialogue_reply(&d, "550 5.1.1 no");
    dialogue_expect(&d, "RCPT TO:<b@example.com>\r\n");
    dialogue_reply(&d, "550 5.1.1 no");
    dialogue_expect_end(&d, OUTCOME_ERROR, 550);
    dialogue_tear_down(&d);
}

static void test_data_accepted_for_nobody_is_ended_by_a_lone_dot(void **state)
{
    struct dialogue d;

    (void)state;
    dialogue_set_up(&d, "s@example.com", transaction_two, "x\r\n");
    dialogue_begin(&d, &transaction_pipelining, false);
    dialogue_expect(&d, "MAIL FROM:<s@example.com> SIZE=3\r\nRCPT TO:<a@example.com>\r\n"
                        "RCPT TO:<b@example.com>\r\nDATA\r\n");
    dialogue_reply(&d, "550 5.7.1 no such sender");
    dialogue_reply(&d, "503 5.5.1 need MAIL");
    dialogue_reply(&d, "503 5.5.1 need MAIL");
    dialogue_reply(&d, "354 go");
    dialogue_expect(&d, ".\r\n");
    dialogue_expect(&d, "");
    dialogue_reply(&d, "250 queued for nobody");
    dialogue_expect_end(&d, OUTCOME_ERROR, 550);
    assert_int_equal(d.transcript->phase, PHASE_MAIL);
    dialogue_tear_down(&d);
}

static void test_what_the_relay_cannot_take_is_not_offered(void **state)
{
    static const char *const utf8_last[] = {"a@example.com", "\xc3\xbc@example.com", NULL};
    static const char *const bad_only[] = {"a@example.com>\r\nRCPT TO:<b@example.com", NULL};
    char large[1100];
    struct dialogue d;

    (void)state;
    memset(large, 'x', sizeof(large));
    memcpy(large + sizeof(large) - 3, "\r\n", 3);
    dialogue_set_up(&d, "s@example.com", transaction_two, large);
    dialogue_begin(&d, &transaction_pipelining, false);
    dialogue_expect(&d, "");
    dialogue_expect_end(&d, OUTCOME_ERROR, 0);
    assert_false(d.transaction.dirty);
    dialogue_tear_down(&d);

    dialogue_set_up(&d, "s@example.com", utf8_last, "x\r\n");
    dialogue_begin(&d, &transaction_pipelining, false);
    dialogue_expect(&d, "MAIL FROM:<s@example.com> SIZE=3\r\nRCPT TO:<a@example.com>\r\nDATA\r\n");
    assert_int_equal(d.transcript->recipients[1].verdict.blame, BLAME_RECIPIENT);
    dialogue_tear_down(&d);

    dialogue_set_up(&d, "s@example.com", utf8_last, "x\r\n");
    dialogue_begin(&d, &(struct ehlo){.pipelining = true, .smtputf8 = true}, false);
    dialogue_expect(&d, "MAIL FROM:<s@example.com> SMTPUTF8\r\nRCPT TO:<a@example.com>\r\n"
                        "RCPT TO:<\xc3\xbc@example.com>\r\nDATA\r\n");
    dialogue_tear_down(&d);

    dialogue_set_up(&d, "s@example.com", bad_only, "x\r\n");
    dialogue_begin(&d, &transaction_pipelining, false);
    dialogue_expect(&d, "");
    dialogue_expect_end(&d, OUTCOME_ERROR, 0);
    dialogue_tear_down(&d);
}

static void test_a_break_settles_who_is_left(void **state)
{
    struct dialogue d;
    struct reply reply;

    (void)state;
    dialogue_set_up(&d, "s@example.com", transaction_two, "x\r\n");
    dialogue_begin(&d, &transaction_pipelining, false);
    dialogue_expect(&d, "MAIL FROM:<s@example.com> SIZE=3\r\nRCPT TO:<a@example.com>\r\n"
                        "RCPT TO:<b@example.com>\r\nDATA\r\n");
    dialogue_reply(&d, "250 ok");
    dialogue_reply(&d, "550 5.1.1 unknown");
    reply_describe(&reply, "connection lost");
    transaction_break(&d.transaction, MISHAP_CUT, &reply);
    dialogue_expect_end(&d, OUTCOME_DEFERRED, 0);
    assert_int_equal(d.transcript->recipients[0].verdict.outcome, OUTCOME_ERROR);
    assert_int_equal(d.transcript->recipients[1].verdict.outcome, OUTCOME_DEFERRED);
    dialogue_tear_down(&d);
}

/* A refusal that sounds like the account's fault is the recipient's when the relay took another. */
static void test_a_recipient_taken_clears_the_account(void **state)
{
    struct dialogue d;

    (void)state;
    for (int taken = 0; taken < 2; taken++) {
        dialogue_set_up(&d, "s@example.com", transaction_two, "x\r\n");
        dialogue_begin(&d, &transaction_plain, false);
        dialogue_expect(&d, "MAIL FROM:<s@example.com>\r\n");
        dialogue_reply(&d, "250 ok");
        dialogue_expect(&d, "RCPT TO:<a@example.com>\r\n");
        dialogue_reply(&d, "554 5.7.1 <a@example.com>: Relay access denied");
        dialogue_expect(&d, "RCPT TO:<b@example.com>\r\n");
        dialogue_reply(&d, taken ? "250 ok" : "554 5.7.1 <b@example.com>: Relay access denied");
        if (taken) {
            dialogue_expect(&d, "DATA\r\n");
            dialogue_reply(&d, "354 go");
            dialogue_expect(&d, "x\r\n.\r\n");
            dialogue_reply(&d, "250 ok");
        }
        dialogue_expect_end(&d, taken ? OUTCOME_SENT : OUTCOME_DEFERRED, taken ? 250 : 554);
        assert_int_equal(d.transcript->recipients[0].verdict.outcome,
                         taken ? OUTCOME_ERROR : OUTCOME_DEFERRED);
        assert_int_equal(d.transcript->recipients[0].verdict.blame,
                         taken ? BLAME_RECIPIENT : BLAME_ACCOUNT);
        dialogue_tear_down(&d);
    }
}

static void test_farewells_are_told_from_answers(void **state)
{
    struct dialogue d;

    (void)state;
    dialogue_set_up(&d, "s@example.com", transaction_two, "x\r\n");
    dialogue_begin(&d, &transaction_plain, true);
    assert_true(
        transaction_is_farewell(&d.transaction, &(struct reply){.code = 250})); /* to nothing */
    dialogue_expect(&d, "RSET\r\n");
    assert_false(transaction_is_farewell(&d.transaction, &(struct reply){.code = 250}));
    assert_true(transaction_is_farewell(&d.transaction, &(struct reply){.code = 421}));
    assert_true(transaction_is_farewell(&d.transaction, &(struct reply){.code = 503}));
    dialogue_tear_down(&d);
}

/* Content in every chunk size comes out the same, dots stuffed wherever the chunks end. */
static void test_chunks_do_not_change_the_content(void **state)
{
    static const struct {
        const char *octets, *want;
    } cases[] = {
        {".\r\n..\r\na.b\r\n\r\n.\r\n", "..\r\n...\r\na.b\r\n\r\n..\r\n.\r\n"},
        {"", ".\r\n"},
        {"no line end", "no line end\r\n.\r\n"},
        {"...", "....\r\n.\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t room = 1; room < 32; room++) {
            struct buf out = BUF_INIT(1000);
            struct content content;

            content_begin(&content, cases[i].octets, strlen(cases[i].octets));
            while (!content.ended)
                content_write(&content, &out, room);
            content_write(&content, &out, room);
            assert_string_equal(out.data, cases[i].want);
            buf_clear(&out);
        }
    }
}

/* RFC 3461: only to a relay that offers DSN, and nothing in an id ends the parameter or the line.
 */
static void test_notifications_are_asked_for_where_offered(void **state)
{
    static const char id[] = "a+b=c d";
    static const struct {
        bool dsn;
        const char *notify, *ret, *id, *mail, *rcpt;
    } cases[] = {
        {true, "FAILURE,DELAY", "HDRS", "m1", " RET=HDRS ENVID=m1", " NOTIFY=FAILURE,DELAY"},
        {true, "NEVER", NULL, "m1", " ENVID=m1", " NOTIFY=NEVER"},
        {true, NULL, "FULL", id, " RET=FULL ENVID=a+2Bb+3Dc+20d", ""},
        {true, NULL, "FULL", "line\r\nRSET", " RET=FULL", ""},
        {true, NULL, "FULL", "caff\xc3\xa8", " RET=FULL", ""},
        {true, NULL, "FULL", "", " RET=FULL", ""},
        {true, "NEVER\r\nRSET", "FULL X=1", "m1", " ENVID=m1", ""},
        {true, NULL, NULL, NULL, "", ""},
        {false, "NEVER", "FULL", "m1", "", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf out = BUF_INIT(1000), want = BUF_INIT(1000);
        struct mail_recipient recipient = {.address = (char *)"a@example.com", .ascii = true};
        struct mail mail = {.sender = (char *)"s@example.com",
                            .recipients = &recipient,
                            .recipient_count = 1,
                            .dsn_notify = (char *)cases[i].notify,
                            .dsn_ret = (char *)cases[i].ret,
                            .envelope_id = (char *)cases[i].id};
        struct ehlo ehlo = {.dsn = cases[i].dsn};

        buf_printf(&want, "MAIL FROM:<s@example.com>%s\r\nRCPT TO:<a@example.com>%s\r\n",
                   cases[i].mail, cases[i].rcpt);
        envelope_write_mail(&out, &mail, &ehlo, false);
        envelope_write_rcpt(&out, &mail, &ehlo, 0);
        assert_string_equal(out.data, want.data);
        buf_clear(&out);
        buf_clear(&want);
    }
}

/* An encoded id is at most 100 octets (section 4.4); one that does not fit is left out whole. */
static void test_an_envelope_id_is_short_or_not_sent(void **state)
{
    (void)state;
    for (size_t octets = 90; octets < 120; octets++) {
        for (int coded = 0; coded < 2; coded++) {
            struct buf out = BUF_INIT(1000);
            char id[128] = "";
            struct mail mail = {.sender = (char *)"", .envelope_id = id};

            memset(id, 'x', octets);
            if (coded)
                id[octets - 1] = '=';
            envelope_write_mail(&out, &mail, &(struct ehlo){.dsn = true}, false);
            assert_int_equal(strstr(out.data, "ENVID=") != NULL, octets + (coded ? 2 : 0) <= 100);
            buf_clear(&out);
        }
    }
}

/* RFC 5321 section 4.5.3.2. */
static void test_each_wait_is_as_long_as_the_standard_says(void **state)
{
    static const struct {
        enum transaction_state state;
        int32_t minutes;
    } cases[] = {{TRANSACTION_MAIL, 5},    {TRANSACTION_RCPT, 5}, {TRANSACTION_DATA, 2},
                 {TRANSACTION_CONTENT, 3}, {TRANSACTION_DOT, 10}, {TRANSACTION_VOID, 10}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct transaction t = {.state = cases[i].state};

        assert_int_equal(transaction_timeout_s(&t), 60 * cases[i].minutes);
    }
}

static void test_paths_that_could_carry_commands_are_unsafe(void **state)
{
    static const char *const safe[] = {"",
                                       "a@example.com",
                                       "\"a b\"@example.com",
                                       "\"a\\\"<>\"@example.com",
                                       "\xc3\xbc@example.com",
                                       "a@[192.0.2.1]"};
    static const char *const not_safe[] = {
        "a@example.com\r\nDATA", "a b@example.com", "a@example.com> SIZE=1",
        "<a@example.com",        "\"a@example.com", "a\x01@example.com",
        "\"a\\\r\"@example.com", "\"a\\",           "a\x7f@example.com"};

    (void)state;
    for (size_t i = 0; i < sizeof(safe) / sizeof(safe[0]); i++)
        assert_true(envelope_path_is_safe(safe[i]));
    for (size_t i = 0; i < sizeof(not_safe) / sizeof(not_safe[0]); i++)
        assert_false(envelope_path_is_safe(not_safe[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipelined_commands_go_out_at_once),
        cmocka_unit_test(test_lockstep_says_one_command_at_a_time),
        cmocka_unit_test(test_refused_mail_is_followed_by_rset_not_by_data),
        cmocka_unit_test(test_data_accepted_for_nobody_is_ended_by_a_lone_dot),
        cmocka_unit_test(test_what_the_relay_cannot_take_is_not_offered),
        cmocka_unit_test(test_a_break_settles_who_is_left),
        cmocka_unit_test(test_a_recipient_taken_clears_the_account),
        cmocka_unit_test(test_farewells_are_told_from_answers),
        cmocka_unit_test(test_chunks_do_not_change_the_content),
        cmocka_unit_test(test_notifications_are_asked_for_where_offered),
        cmocka_unit_test(test_an_envelope_id_is_short_or_not_sent),
        cmocka_unit_test(test_each_wait_is_as_long_as_the_standard_says),
        cmocka_unit_test(test_paths_that_could_carry_commands_are_unsafe),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
