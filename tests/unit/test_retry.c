/*
 * test_retry.c - the retry schedule.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/record/retry.h"

static const struct config_delays standard = {.seconds = {60, 300, 900, 3600, 7200}, .count = 5};

static void test_each_retry_takes_the_next_delay_until_none_is_left(void **state)
{
    static const struct {
        int32_t used;
        int64_t delay_s;
    } cases[] = {{0, 60},   {1, 300},        {2, 900},        {3, 3600},
                 {4, 7200}, {5, RETRY_NONE}, {6, RETRY_NONE}, {-1, RETRY_NONE}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(retry_delay_s(&standard, cases[i].used, 0.0), cases[i].delay_s);
}

static void test_jitter_adds_at_most_a_tenth(void **state)
{
    (void)state;
    assert_int_equal(retry_delay_s(&standard, 3, 0.5), 3780);
    assert_int_equal(retry_delay_s(&standard, 3, 1.0), 3960);
}

static void test_an_empty_schedule_has_no_retry(void **state)
{
    static const struct config_delays none = {0};

    (void)state;
    assert_int_equal(retry_delay_s(&none, 0, 0.0), RETRY_NONE);
}

static void test_it_is_over_when_a_message_has_failed_for_its_maximum_age(void **state)
{
    static const struct {
        int64_t max_age_s, failing_s;
        bool over;
    } cases[] = {{432000, 431999, false},
                 {432000, 432000, true},
                 {1, 0, false}, /* no failure yet */
                 {1, 1, true},
                 {0, 432000, false},
                 {0, 0, false}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(retry_is_over(cases[i].max_age_s, cases[i].failing_s), cases[i].over);
}

static void test_an_account_backs_off_within_the_schedule(void **state)
{
    static const struct {
        struct config_delays schedule;
        int64_t first_s, most_s;
    } cases[] = {{{.seconds = {60, 300, 900, 3600, 7200}, .count = 5}, 60, 7200},
                 {{.seconds = {30, 600, 10}, .count = 3}, 30, 600},
                 {{.seconds = {0}, .count = 1}, 0, 0},
                 {{.count = 0}, 60, 3600}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(retry_back_off_first_s(&cases[i].schedule), cases[i].first_s);
        assert_int_equal(retry_back_off_most_s(&cases[i].schedule), cases[i].most_s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_retry_takes_the_next_delay_until_none_is_left),
        cmocka_unit_test(test_jitter_adds_at_most_a_tenth),
        cmocka_unit_test(test_an_empty_schedule_has_no_retry),
        cmocka_unit_test(test_it_is_over_when_a_message_has_failed_for_its_maximum_age),
        cmocka_unit_test(test_an_account_backs_off_within_the_schedule),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
