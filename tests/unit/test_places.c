#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/compose/places.h"

/* Takes all that `tenant_id` may have; how many that were. */
static size_t take_all(struct places *places, const char *tenant_id, size_t *ret_last)
{
    size_t taken = 0;

    for (; places_has_one_for(places, tenant_id); taken++)
        *ret_last = places_take(places, tenant_id);
    return taken;
}

static void test_a_tenant_gets_no_more_than_its_share(void **state)
{
    struct places places = {0};
    size_t last;

    (void)state;
    assert_int_equal(take_all(&places, "acme", &last), PLACES_TENANT_MAX);
    assert_false(places_has_one_for(&places, "acme"));
    assert_true(places_has_one_for(&places, "other"));
}

static void test_all_together_get_no_more_than_there_are(void **state)
{
    static const char *const tenants[] = {"a", "b", "c", "d"};
    struct places places = {0};
    size_t taken = 0, last;

    (void)state;
    for (size_t i = 0; i < sizeof(tenants) / sizeof(tenants[0]); i++)
        taken += take_all(&places, tenants[i], &last);
    assert_int_equal(taken, PLACES_MAX);
}

static void test_a_place_left_can_be_taken_again(void **state)
{
    struct places places = {0};
    size_t last;

    (void)state;
    take_all(&places, "acme", &last);
    places_leave(&places, last);
    assert_true(places_has_one_for(&places, "acme"));
    assert_int_equal(places_take(&places, "acme"), last);
    assert_false(places_has_one_for(&places, "acme"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_tenant_gets_no_more_than_its_share),
        cmocka_unit_test(test_all_together_get_no_more_than_there_are),
        cmocka_unit_test(test_a_place_left_can_be_taken_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
