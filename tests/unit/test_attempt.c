/*
 * test_attempt.c - from what the relay said, recipient by recipient, to the message's next state.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "worker/record/attempt.h"

/* A transcript of up to three recipients a@, b@, c@example.com, built from a string: S sent, D
 * deferred, E error. */
struct scene {
    struct claim claim;
    struct transcript transcript;
    struct transcript_recipient recipients[3];
};

static struct reply reply_of(enum outcome outcome)
{
    static const struct reply replies[] = {
        [OUTCOME_SENT] = {.code = 250, .status = "2.0.0", .text = "ok"},
        [OUTCOME_DEFERRED] = {.code = 450, .status = "4.2.1", .text = "busy"},
        [OUTCOME_ERROR] = {.code = 550, .status = "5.1.1", .text = "no such user"},
    };

    return replies[outcome];
}

static void scene_set(struct scene *s, const char *outcomes, int32_t retries, const char *settled)
{
    static char addresses[3][16] = {"a@example.com", "b@example.com", "c@example.com"};
    enum outcome whole = OUTCOME_ERROR;

    memset(s, 0, sizeof(*s));
    s->claim.retry_delays = (struct config_delays){.seconds = {60, 300}, .count = 2};
    s->claim.retries = retries;
    s->claim.settled = (char *)(uintptr_t)settled;
    s->transcript.recipients = s->recipients;
    s->transcript.recipient_count = strlen(outcomes);
    for (size_t i = 0; outcomes[i]; i++) {
        enum outcome o = outcomes[i] == 'S'   ? OUTCOME_SENT
                         : outcomes[i] == 'D' ? OUTCOME_DEFERRED
                                              : OUTCOME_ERROR;

        s->recipients[i].address = addresses[i];
        s->recipients[i].verdict.outcome = o;
        s->recipients[i].reply = reply_of(o);
        if (o == OUTCOME_DEFERRED || (o == OUTCOME_SENT && whole == OUTCOME_ERROR))
            whole = o;
    }
    s->transcript.verdict.outcome = whole;
    s->transcript.reply = reply_of(whole);
}

static void check(const char *outcomes, int32_t retries, const char *settled, enum outcome outcome,
                  const char *reason, const char *ret_settled, const char *metadata)
{
    struct scene s;
    struct attempt a;
    struct error err;

    scene_set(&s, outcomes, retries, settled);
    assert_int_equal(attempt_from_transcript(&s.claim, &s.transcript, 0.0, &a, &err), ERR_OK);
    assert_int_equal(a.outcome, outcome);
    if (reason)
        assert_string_equal(a.reason, reason);
    else
        assert_null(a.reason);
    if (ret_settled)
        assert_string_equal(a.settled, ret_settled);
    else
        assert_null(a.settled);
    if (metadata)
        assert_string_equal(a.metadata, metadata);
    else
        assert_null(a.metadata);
    attempt_clear(&a);
}

static void test_all_accepted_is_sent(void **state)
{
    (void)state;
    check("SSS", 0, NULL, OUTCOME_SENT, NULL, NULL, NULL);
}

static void test_all_refused_is_an_error_with_the_reply(void **state)
{
    (void)state;
    check("EE", 0, NULL, OUTCOME_ERROR, "5.1.1 no such user (SMTP 550)", NULL, NULL);
}

static void test_some_refused_is_sent_and_names_the_refused(void **state)
{
    (void)state;
    check("SE", 0, NULL, OUTCOME_SENT, NULL,
          "[{\"address\":\"a@example.com\",\"outcome\":\"sent\"},{\"address\":\"b@example.com\","
          "\"outcome\":\"error\","
          "\"code\":550,\"reason\":\"5.1.1 no such user (SMTP 550)\"}]",
          "{\"refused\":[{\"address\":\"b@example.com\",\"code\":550,\"reason\":\"5.1.1 no such "
          "user (SMTP 550)\"}]}");
}

static void test_some_deferred_waits_and_settles_the_others(void **state)
{
    (void)state;
    check("SD", 0, NULL, OUTCOME_DEFERRED, "4.2.1 busy (SMTP 450)",
          "[{\"address\":\"a@example.com\",\"outcome\":\"sent\"}]", NULL);
    check("D", 1, NULL, OUTCOME_DEFERRED, "4.2.1 busy (SMTP 450)", NULL, NULL);
}

static void test_what_was_settled_before_counts_at_the_end(void **state)
{
    (void)state;
    check(
        "S", 1,
        "[{\"address\":\"z@example.com\",\"outcome\":\"error\",\"code\":550,\"reason\":\"x (SMTP "
        "550)\"}]",
        OUTCOME_SENT, NULL,
        "[{\"address\":\"z@example.com\",\"outcome\":\"error\",\"code\":550,\"reason\":\"x (SMTP "
        "550)\"},"
        "{\"address\":\"a@example.com\",\"outcome\":\"sent\"}]",
        "{\"refused\":[{\"address\":\"z@example.com\",\"code\":550,\"reason\":\"x (SMTP 550)\"}]}");
    check("E", 1, "[{\"address\":\"z@example.com\",\"outcome\":\"sent\"}]", OUTCOME_SENT, NULL,
          "[{\"address\":\"z@example.com\",\"outcome\":\"sent\"},{\"address\":\"a@example.com\","
          "\"outcome\":\"error\","
          "\"code\":550,\"reason\":\"5.1.1 no such user (SMTP 550)\"}]",
          "{\"refused\":[{\"address\":\"a@example.com\",\"code\":550,\"reason\":\"5.1.1 no such "
          "user (SMTP 550)\"}]}");
}

static void test_a_used_up_schedule_gives_up(void **state)
{
    (void)state;
    check("DD", 2, NULL, OUTCOME_ERROR, "Max retries (2) exceeded: 4.2.1 busy (SMTP 450)", NULL,
          NULL);
}

static void test_giving_up_on_some_is_sent_for_the_others(void **state)
{
    (void)state;
    check("SD", 2, NULL, OUTCOME_SENT, NULL,
          "[{\"address\":\"a@example.com\",\"outcome\":\"sent\"},{\"address\":\"b@example.com\","
          "\"outcome\":\"error\","
          "\"code\":450,\"reason\":\"Max retries (2) exceeded: 4.2.1 busy (SMTP 450)\"}]",
          "{\"refused\":[{\"address\":\"b@example.com\",\"code\":450,"
          "\"reason\":\"Max retries (2) exceeded: 4.2.1 busy (SMTP 450)\"}]}");
}

static void test_a_deferral_uses_the_schedule_up_by_one(void **state)
{
    struct scene s;
    struct attempt a;
    struct error err;

    (void)state;
    scene_set(&s, "D", 1, NULL);
    assert_int_equal(attempt_from_transcript(&s.claim, &s.transcript, 0.0, &a, &err), ERR_OK);
    assert_int_equal(a.retries, 2);
    assert_int_equal(a.retry_after_s, 300);
    attempt_clear(&a);
}

static void test_a_message_past_its_maximum_age_gives_up_after_another_failure(void **state)
{
    static const char reason[] = "Attachment fetch failed for a.pdf: 503";
    struct scene s;
    struct attempt a;
    struct error err;

    (void)state;
    scene_set(&s, "SD", 1, NULL);
    s.claim.retry_max_age_s = 432000;
    s.claim.failing_s = 431999;
    assert_int_equal(attempt_from_transcript(&s.claim, &s.transcript, 0.0, &a, &err), ERR_OK);
    assert_int_equal(a.outcome, OUTCOME_DEFERRED);
    attempt_clear(&a);
    s.claim.failing_s = 432000;
    assert_int_equal(attempt_from_transcript(&s.claim, &s.transcript, 0.0, &a, &err), ERR_OK);
    assert_int_equal(a.outcome, OUTCOME_SENT); /* to the one; the other is given up */
    assert_non_null(strstr(a.metadata, "Max age (432000 s) exceeded: 4.2.1 busy (SMTP 450)"));
    attempt_clear(&a);
    assert_int_equal(attempt_from_compose(&s.claim, true, reason, 0.0, &a, &err), ERR_OK);
    assert_int_equal(a.outcome, OUTCOME_ERROR);
    assert_string_equal(a.reason, reason); /* clients look for how it begins */
    attempt_clear(&a);

    scene_set(&s, "D", 1, NULL); /* a probe of its account, too: the gate was opened early */
    s.claim.retry_max_age_s = 1;
    s.claim.failing_s = 1;
    s.claim.early_ms = 40000;
    s.transcript.verdict.blame = BLAME_ACCOUNT;
    assert_int_equal(attempt_from_transcript(&s.claim, &s.transcript, 0.0, &a, &err), ERR_OK);
    assert_int_equal(a.outcome, OUTCOME_ERROR);
    assert_string_equal(a.reason, "Max age (1 s) exceeded: 4.2.1 busy (SMTP 450)");
    attempt_clear(&a);

    scene_set(&s, "D", 2, NULL); /* the schedule ends first */
    s.claim.retry_max_age_s = 1;
    s.claim.failing_s = 1;
    assert_int_equal(attempt_from_transcript(&s.claim, &s.transcript, 0.0, &a, &err), ERR_OK);
    assert_string_equal(a.reason, "Max retries (2) exceeded: 4.2.1 busy (SMTP 450)");
    attempt_clear(&a);
}

static void test_a_probe_of_an_account_ahead_of_time_uses_no_retry(void **state)
{
    struct scene s;
    struct attempt a;
    struct error err;

    (void)state;
    scene_set(&s, "D", 2, NULL); /* the schedule is used up, its last attempt is 40 s ahead */
    s.claim.early_ms = 40000;
    s.transcript.verdict.blame = BLAME_ACCOUNT;
    assert_int_equal(attempt_from_transcript(&s.claim, &s.transcript, 0.0, &a, &err), ERR_OK);
    assert_int_equal(a.outcome, OUTCOME_DEFERRED);
    assert_int_equal(a.retries, 2);
    assert_int_equal(a.retry_after_s, 40);
    attempt_clear(&a);
    s.transcript.verdict.blame = BLAME_MESSAGE; /* the relay spoke about the message: that counts */
    assert_int_equal(attempt_from_transcript(&s.claim, &s.transcript, 0.0, &a, &err), ERR_OK);
    assert_int_equal(a.outcome, OUTCOME_ERROR);
    attempt_clear(&a);
}

static void test_a_failure_to_compose_ends_or_waits_by_its_kind(void **state)
{
    static const char reason[] = "Attachment fetch failed for a.pdf: 503";
    struct scene s;
    struct attempt a;
    struct error err;

    (void)state;
    scene_set(&s, "", 0, NULL);
    assert_int_equal(attempt_from_compose(&s.claim, true, reason, 0.0, &a, &err), ERR_OK);
    assert_int_equal(a.outcome, OUTCOME_DEFERRED);
    assert_int_equal(a.retry_after_s, 60);
    attempt_clear(&a);
    assert_int_equal(attempt_from_compose(&s.claim, false, reason, 0.0, &a, &err), ERR_OK);
    assert_int_equal(a.outcome, OUTCOME_ERROR);
    assert_string_equal(a.reason, reason);
    attempt_clear(&a);
    scene_set(&s, "", 2, NULL);
    assert_int_equal(attempt_from_compose(&s.claim, true, reason, 0.0, &a, &err), ERR_OK);
    assert_int_equal(a.outcome, OUTCOME_ERROR);
    assert_string_equal(a.reason, reason); /* no "Max retries": clients look for how it begins */
    attempt_clear(&a);
}

static void test_only_a_relay_that_surely_lacks_the_message_gives_the_slot_back(void **state)
{
    static const struct {
        const char *outcomes;
        enum phase phase;
        int code;
        bool taken;
    } cases[] = {
        {"S", PHASE_DOT, 250, true},    {"SE", PHASE_RCPT, 550, true},
        {"DS", PHASE_RCPT, 450, true},  {"D", PHASE_DOT, 0, true}, /* no reply to the dot */
        {"D", PHASE_DOT, 354, true},    {"D", PHASE_DOT, 452, false},
        {"E", PHASE_DOT, 554, false},   {"D", PHASE_CONTENT, 0, false},
        {"E", PHASE_MAIL, 550, false},  {"EE", PHASE_RCPT, 550, false},
        {"D", PHASE_CONNECT, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scene s;
        struct attempt a;
        struct error err;

        scene_set(&s, cases[i].outcomes, 0, NULL);
        for (size_t r = 0; r < s.transcript.recipient_count; r++) {
            s.recipients[r].phase = cases[i].phase;
            s.recipients[r].reply.code = cases[i].code;
        }
        assert_int_equal(attempt_from_transcript(&s.claim, &s.transcript, 0.0, &a, &err), ERR_OK);
        assert_int_equal(a.taken, cases[i].taken);
        attempt_clear(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_accepted_is_sent),
        cmocka_unit_test(test_all_refused_is_an_error_with_the_reply),
        cmocka_unit_test(test_some_refused_is_sent_and_names_the_refused),
        cmocka_unit_test(test_some_deferred_waits_and_settles_the_others),
        cmocka_unit_test(test_what_was_settled_before_counts_at_the_end),
        cmocka_unit_test(test_a_used_up_schedule_gives_up),
        cmocka_unit_test(test_giving_up_on_some_is_sent_for_the_others),
        cmocka_unit_test(test_a_deferral_uses_the_schedule_up_by_one),
        cmocka_unit_test(test_a_message_past_its_maximum_age_gives_up_after_another_failure),
        cmocka_unit_test(test_a_probe_of_an_account_ahead_of_time_uses_no_retry),
        cmocka_unit_test(test_a_failure_to_compose_ends_or_waits_by_its_kind),
        cmocka_unit_test(test_only_a_relay_that_surely_lacks_the_message_gives_the_slot_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
