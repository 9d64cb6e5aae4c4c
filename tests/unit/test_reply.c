/* test_reply.c - worker/send/reply.h and ehlo.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"
#include "worker/send/ehlo.h"
#include "worker/send/reply.h"

/* Parse text that holds one whole reply at its front; returns the octets used. */
static size_t reply_of(const char *text, struct reply *ret)
{
    struct error err = {0};
    size_t used = 0;

    assert_int_equal(reply_parse(text, strlen(text), ret, &used, &err), ERR_OK);
    assert_int_not_equal(used, 0);
    return used;
}

static void test_reply_is_code_status_and_text(void **state)
{
    static const struct {
        const char *octets;
        int code;
        const char *status, *text;
    } cases[] = {
        {"250 2.0.0 Ok: queued as 4F1\r\n", 250, "2.0.0", "Ok: queued as 4F1"},
        {"250 Ok\r\n", 250, "", "Ok"},
        {"250\r\n", 250, "", ""},
        {"250 \r\n", 250, "", ""},
        {"354 go\n", 354, "", "go"},
        {"550 5.1.1\r\n", 550, "5.1.1", ""},
        {"550 5.7.139 no\r\n", 550, "5.7.139", "no"},
        {"550 5.1.1  two  spaces \r\n", 550, "5.1.1", "two  spaces"},
        /* Not enhanced status codes: another class than the code's, too long, cut, an address, a
           version. */
        {"550 4.1.1 odd\r\n", 550, "", "4.1.1 odd"},
        {"550 5.1.1111 odd\r\n", 550, "", "5.1.1111 odd"},
        {"550 5.1 odd\r\n", 550, "", "5.1 odd"},
        {"550 5.1.2.3 is listed\r\n", 550, "", "5.1.2.3 is listed"},
        {"220 2.x ready\r\n", 220, "", "2.x ready"},
        /* Lines are joined; the status is taken out of each; of different codes the last counts. */
        {"550-5.1.1 No such\r\n550-5.1.1 user\r\n550 5.1.1 here\r\n", 550, "5.1.1",
         "No such user here"},
        {"250-a\r\n250-\r\n250 b\r\n", 250, "", "a b"},
        {"220-a\r\n554 b\r\n", 554, "", "a b"},
        /* Kept clean. */
        {"250 a\tb\x01\x7f\r\n", 250, "", "a b??"},
        {"250 caff\xc3\xa8\r\n", 250, "", "caff\xc3\xa8"},
        {"250 caff\xe8 \xc0\x80\r\n", 250, "", "caff? ??"},
        {"250 \xc2\x85x\r\n", 250, "", "??x"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct reply reply;

        assert_int_equal(reply_of(cases[i].octets, &reply), strlen(cases[i].octets));
        assert_int_equal(reply.code, cases[i].code);
        assert_string_equal(reply.status, cases[i].status);
        assert_string_equal(reply.text, cases[i].text);
    }
}

static void test_reply_is_taken_from_the_front_only(void **state)
{
    static const char two[] = "250 first\r\n550 5.1.1 second\r\n";
    struct reply reply;
    size_t used = 0;

    (void)state;
    used = reply_of(two, &reply);
    assert_int_equal(used, strlen("250 first\r\n"));
    assert_string_equal(reply.text, "first");
    reply_of(two + used, &reply);
    assert_int_equal(reply.code, 550);
}

static void test_reply_is_not_taken_before_it_is_whole(void **state)
{
    static const char whole[] = "250-2.1.5 one\r\n250 2.1.5 two\r\n";

    (void)state;
    for (size_t n = 0; n < strlen(whole); n++) {
        struct reply reply = {.code = -1};
        size_t used = 99;

        assert_int_equal(reply_parse(whole, n, &reply, &used, NULL), ERR_OK);
        assert_int_equal(used, 0);
        assert_int_equal(reply.code, -1);
    }
}

static void test_what_is_no_reply_is_quoted(void **state)
{
    static const struct {
        const char *octets, *why;
    } cases[] = {
        {"SSH-2.0-OpenSSH_9.2\r\n", "not an SMTP reply: \"SSH-2.0-OpenSSH_9.2\""},
        {"HTTP/1.1 400", "not an SMTP reply: \"HTTP/1.1 400\""},
        {"2", NULL},
        {"2x", "not an SMTP reply: \"2x\""},
        {"\x16\x03\x01", "not an SMTP reply: \"???\""},
        {"\r\n", "not an SMTP reply: \"\""},
        {"25\r\n", "not an SMTP reply: \"25?"},
        {"250_Ok\r\n", "not an SMTP reply: \"250_Ok\""},
        {"150 odd\r\n", "not an SMTP reply: \"150 odd\""},
        {"650 odd\r\n", "not an SMTP reply: \"650 odd\""},
        {"250-ok\r\nhello\r\n", "not an SMTP reply: \"hello\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct reply reply;
        struct error err = {0};
        size_t used = 0;
        enum err rc = reply_parse(cases[i].octets, strlen(cases[i].octets), &reply, &used, &err);

        assert_int_equal(rc, cases[i].why ? ERR_NET : ERR_OK);
        assert_int_equal(used, 0);
        if (cases[i].why && cases[i].why[strlen(cases[i].why) - 1] == '"')
            assert_string_equal(err.text, cases[i].why);
    }
}

static void test_replies_are_capped(void **state)
{
    static char octets[REPLY_LINES_MAX * 8 + REPLY_LINE_OCTETS_MAX + 8];
    struct reply reply;
    struct error err;
    size_t used = 0;

    (void)state;
    memset(octets, 'x', sizeof(octets));
    memcpy(octets, "250 ", 4);
    assert_int_equal(reply_parse(octets, REPLY_LINE_OCTETS_MAX - 1, &reply, &used, &err), ERR_OK);
    assert_int_equal(used, 0);
    assert_int_equal(reply_parse(octets, REPLY_LINE_OCTETS_MAX, &reply, &used, &err), ERR_NET);
    for (int i = 0; i < REPLY_LINES_MAX; i++)
        memcpy(octets + (size_t)i * 8, "250-ab\r\n", 8);
    assert_int_equal(reply_parse(octets, (REPLY_LINES_MAX - 1) * 8, &reply, &used, &err), ERR_OK);
    assert_int_equal(used, 0);
    assert_int_equal(reply_parse(octets, REPLY_LINES_MAX * 8, &reply, &used, &err), ERR_NET);
    memcpy(octets + (REPLY_LINES_MAX - 1) * 8, "250 ab\r\n", 8);
    assert_int_equal(reply_parse(octets, REPLY_LINES_MAX * 8, &reply, &used, &err), ERR_OK);
    assert_int_equal(used, REPLY_LINES_MAX * 8);
}

static void test_long_text_is_cut_between_characters(void **state)
{
    (void)state;
    for (size_t pad = 0; pad < 4; pad++) {
        char octets[2048] = "550 ";
        struct reply reply;

        for (size_t i = 0; i < pad; i++)
            octets[4 + i] = 'x';
        for (size_t i = 4 + pad; i < 2000; i += 3)
            memcpy(octets + i, "\xe2\x82\xac", 3);
        memcpy(octets + 2000, "\r\n", 3);
        reply_of(octets, &reply);
        assert_true(strlen(reply.text) >= REPLY_TEXT_OCTETS - 4);
        assert_null(utf8_check(reply.text));
    }
}

static void test_ehlo_keywords_are_read(void **state)
{
    static const struct {
        const char *octets;
        struct ehlo want;
    } cases[] = {
        {"250 mx.example\r\n", {0}},
        {"250-mx.example\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n250-8BITMIME\r\n250 "
         "SMTPUTF8\r\n",
         {.pipelining = true,
          .size = true,
          .size_max = 52428800,
          .eightbitmime = true,
          .smtputf8 = true}},
        {"250-mx\r\n250 pipelining\r\n", {.pipelining = true}},
        {"250-mx\r\n250-pipelining\r\n250-  8bitmime  \r\n250-dsn\r\n250 size   5000 \r\n",
         {.pipelining = true, .eightbitmime = true, .dsn = true, .size = true, .size_max = 5000}},
        {"250-mx\r\n250 SIZE\r\n", {.size = true}},
        {"250-mx\r\n250 SIZE 0\r\n", {.size = true}},
        {"250-mx\r\n250 SIZE 12x\r\n", {.size = true}},
        {"250-mx\r\n250 SIZE 99999999999999999999999\r\n", {.size = true}},
        {"250-mx\n250 PIPELINING\n", {.pipelining = true}},
        /* The first line greets; keywords are whole words. */
        {"250-PIPELINING greets you\r\n250 ok\r\n", {0}},
        {"250-mx\r\n250-PIPELININGX\r\n250 SIZER\r\n", {0}},
        {"250-mx\r\n250\r\n", {0}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ehlo ehlo = {.smtputf8 = true};

        ehlo_parse(cases[i].octets, strlen(cases[i].octets), &ehlo);
        assert_int_equal(ehlo.pipelining, cases[i].want.pipelining);
        assert_int_equal(ehlo.size, cases[i].want.size);
        assert_int_equal(ehlo.size_max, cases[i].want.size_max);
        assert_int_equal(ehlo.eightbitmime, cases[i].want.eightbitmime);
        assert_int_equal(ehlo.smtputf8, cases[i].want.smtputf8);
        assert_int_equal(ehlo.dsn, cases[i].want.dsn);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reply_is_code_status_and_text),
        cmocka_unit_test(test_reply_is_taken_from_the_front_only),
        cmocka_unit_test(test_reply_is_not_taken_before_it_is_whole),
        cmocka_unit_test(test_what_is_no_reply_is_quoted),
        cmocka_unit_test(test_replies_are_capped),
        cmocka_unit_test(test_long_text_is_cut_between_characters),
        cmocka_unit_test(test_ehlo_keywords_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
