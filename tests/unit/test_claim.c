/* What is in a worker's hands rises in priority as in the queue. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/claim/claim.h"

static void test_a_claim_rises_by_one_each_age_but_never_to_0(void **state)
{
    static const struct {
        int64_t age_ms, waited_ms;
        int32_t priority, expected;
    } cases[] = {
        {1000, 0, 3, 3},    {1000, 999, 3, 3},  {1000, 1000, 3, 2},          {1000, 1999, 3, 2},
        {1000, 2000, 3, 1}, {1000, 9000, 3, 1}, {1, INT64_C(1) << 40, 3, 1}, {1000, 999, 2, 2},
        {1000, 1000, 2, 1}, {1000, 9000, 1, 1}, {1000, 9000, 0, 0},          {0, 9000, 3, 3},
        {0, 9000, 2, 2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct claim claim = {.priority = cases[i].priority,
                                    .priority_age_ms = cases[i].age_ms,
                                    .claimed_mono_ms = 500};

        assert_int_equal(claim_priority(&claim, 500 + cases[i].waited_ms), cases[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_claim_rises_by_one_each_age_but_never_to_0),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
