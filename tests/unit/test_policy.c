/* test_policy.c - worker/send/policy.h: replies as relays in use give them (replies.txt), and what
 * each means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "worker/send/policy.h"

#define SENT            OUTCOME_SENT, BLAME_NONE
#define DEFERRED(blame) OUTCOME_DEFERRED, BLAME_##blame
#define ERROR(blame)    OUTCOME_ERROR, BLAME_##blame

enum { REPLIES_AT_LEAST = 150 }; /* a file that was cut short proves nothing */

/* The value below `count` of that name. */
static int name_find(const char *name, const char *(*name_of)(int), int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(name_of(i), name) == 0)
            return i;
    fail_msg("replies.txt: \"%s\" is not known", name);
    return 0;
}

static const char *name_phase(int i)
{
    return policy_phase_name((enum phase)i);
}

static const char *name_outcome(int i)
{
    return policy_outcome_name((enum outcome)i);
}

static const char *name_blame(int i)
{
    return policy_blame_name((enum blame)i);
}

/* The octets on the wire of a reply whose lines are joined by "\n", two characters. */
static void reply_read(const char *written, struct reply *ret)
{
    struct buf octets = BUF_INIT(4096);
    size_t used = 0;
    const char *end;

    for (; (end = strstr(written, "\\n")); written = end + 2) {
        buf_append(&octets, written, (size_t)(end - written));
        buf_append_str(&octets, "\r\n");
    }
    buf_append_str(&octets, written);
    buf_append_str(&octets, "\r\n");
    if (reply_parse(octets.data, octets.len, ret, &used, NULL) || used != octets.len)
        fail_msg("replies.txt: \"%s\" is not one reply", octets.data);
    buf_clear(&octets);
}

/* Check one line; false: it holds no reply. All that are wrong are told before the test fails. */
static bool reply_check_line(char *line, int *wrong)
{
    char phase_name[16], outcome_name[16], blame_name[16];
    struct reply reply;
    struct verdict verdict;
    enum phase phase;
    int at = 0;

    line[strcspn(line, "\n")] = '\0';
    if (!line[0] || line[0] == '#' || line[0] == '[')
        return false;
    if (sscanf(line, "%15s %15s %15s %n", phase_name, outcome_name, blame_name, &at) != 3 || !at)
        fail_msg("replies.txt: \"%s\" has no reply", line);
    reply_read(line + at, &reply);
    phase = (enum phase)name_find(phase_name, name_phase, PHASE_RSET + 1);
    verdict = policy_judge(phase, MISHAP_NONE, &reply);
    if ((int)verdict.outcome != name_find(outcome_name, name_outcome, OUTCOME_ERROR + 1) ||
        (int)verdict.blame != name_find(blame_name, name_blame, BLAME_ACCOUNT + 1)) {
        print_error("%s\n    is %s, blame %s\n", line, policy_outcome_name(verdict.outcome),
                    policy_blame_name(verdict.blame));
        ++*wrong;
    }
    return true;
}

static void test_replies_of_relays_in_use_mean_what_the_table_says(void **state)
{
    FILE *file = fopen(UNIT_DIRECTORY "/replies.txt", "re");
    char *line = NULL;
    size_t size = 0;
    int replies = 0, wrong = 0;

    (void)state;
    assert_non_null(file);
    while (getline(&line, &size, file) > 0)
        replies += reply_check_line(line, &wrong);
    assert_int_equal(wrong, 0);
    assert_true(replies >= REPLIES_AT_LEAST);
    free(line);
    fclose(file);
}

/* Whatever the words: from MAIL on the first digit decides who is done and who waits, but that
 * nothing is lost to an account's fault. */
static void test_the_first_digit_decides_where_the_words_say_nothing(void **state)
{
    (void)state;
    for (int phase = PHASE_MAIL; phase <= PHASE_DOT; phase++) {
        for (int code = 400; code < 600; code++) {
            struct reply reply = {.code = code};
            struct verdict verdict = policy_judge((enum phase)phase, MISHAP_NONE, &reply);
            bool deferred = code < 500 || verdict.blame == BLAME_ACCOUNT ||
                            (code == 552 && phase == PHASE_RCPT);

            assert_int_equal(verdict.outcome, deferred ? OUTCOME_DEFERRED : OUTCOME_ERROR);
        }
    }
}

/* "Relay access denied" to a relay that has just taken other mail is about that recipient. */
static void test_a_relay_that_has_taken_mail_means_the_recipient(void **state)
{
    static const struct {
        enum phase phase;
        const char *octets;
        enum outcome outcome;
        enum blame blame;
    } cases[] = {
        {PHASE_RCPT, "554 5.7.1 <b@example.org>: Relay access denied", ERROR(RECIPIENT)},
        {PHASE_RCPT, "454 4.7.1 <b@example.org>: Relay access denied", DEFERRED(RECIPIENT)},
        {PHASE_RCPT, "530 5.7.1 Authentication required to relay", ERROR(RECIPIENT)},
        {PHASE_RCPT, "250 2.1.5 Ok", SENT},
        /* A session may expire, and a quota be used up, at any time. */
        {PHASE_MAIL, "530 5.7.0 Authentication required", DEFERRED(ACCOUNT)},
        {PHASE_RCPT, "550 5.4.5 Daily user sending limit exceeded.", DEFERRED(ACCOUNT)},
        {PHASE_RCPT, "454 Throttling failure: Maximum sending rate exceeded.", DEFERRED(ACCOUNT)},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct reply reply;
        struct verdict verdict;

        reply_read(cases[i].octets, &reply);
        verdict = policy_judge_again(cases[i].phase, &reply);
        if (verdict.outcome != cases[i].outcome || verdict.blame != cases[i].blame)
            fail_msg("\"%s\" is %s, blame %s", cases[i].octets,
                     policy_outcome_name(verdict.outcome), policy_blame_name(verdict.blame));
    }
}

static void test_mishaps_defer_but_for_what_can_never_go(void **state)
{
    static const struct {
        enum phase phase;
        enum mishap mishap;
        enum outcome outcome;
        enum blame blame;
    } cases[] = {
        {PHASE_CONNECT, MISHAP_REFUSED, DEFERRED(ACCOUNT)},
        {PHASE_CONNECT, MISHAP_TIMEOUT, DEFERRED(ACCOUNT)},
        {PHASE_GREETING, MISHAP_CUT, DEFERRED(ACCOUNT)},
        {PHASE_GREETING, MISHAP_GARBAGE, DEFERRED(ACCOUNT)},
        {PHASE_TLS, MISHAP_CERTIFICATE, DEFERRED(ACCOUNT)},
        {PHASE_TLS, MISHAP_CLIENT_CERTIFICATE, DEFERRED(ACCOUNT)},
        {PHASE_STARTTLS, MISHAP_NO_STARTTLS, DEFERRED(ACCOUNT)},
        {PHASE_AUTH, MISHAP_NO_AUTH, DEFERRED(ACCOUNT)},
        {PHASE_AUTH, MISHAP_SECRET, DEFERRED(ACCOUNT)},
        {PHASE_AUTH, MISHAP_NO_TOKEN, DEFERRED(ACCOUNT)},
        {PHASE_AUTH, MISHAP_ACCOUNT_CHANGED, DEFERRED(NONE)},
        {PHASE_AUTH, MISHAP_PLAIN_AUTH, DEFERRED(ACCOUNT)},
        {PHASE_MAIL, MISHAP_CUT, DEFERRED(MESSAGE)},
        {PHASE_RCPT, MISHAP_TIMEOUT, DEFERRED(MESSAGE)},
        {PHASE_CONTENT, MISHAP_CUT, DEFERRED(MESSAGE)},
        {PHASE_DOT, MISHAP_TIMEOUT, DEFERRED(MESSAGE)},
        {PHASE_DOT, MISHAP_GARBAGE, DEFERRED(MESSAGE)},
        {PHASE_CONTENT, MISHAP_LEASE_LOST, DEFERRED(NONE)},
        {PHASE_MAIL, MISHAP_TOO_LARGE, ERROR(MESSAGE)},
        {PHASE_MAIL, MISHAP_NO_SMTPUTF8, ERROR(MESSAGE)},
        {PHASE_RCPT, MISHAP_NO_SMTPUTF8, ERROR(RECIPIENT)},
        {PHASE_MAIL, MISHAP_BAD_PATH, ERROR(MESSAGE)},
        {PHASE_RCPT, MISHAP_BAD_PATH, ERROR(RECIPIENT)},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct verdict verdict = policy_judge(cases[i].phase, cases[i].mishap, NULL);

        assert_int_equal(verdict.outcome, cases[i].outcome);
        assert_int_equal(verdict.blame, cases[i].blame);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies_of_relays_in_use_mean_what_the_table_says),
        cmocka_unit_test(test_the_first_digit_decides_where_the_words_say_nothing),
        cmocka_unit_test(test_a_relay_that_has_taken_mail_means_the_recipient),
        cmocka_unit_test(test_mishaps_defer_but_for_what_can_never_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
