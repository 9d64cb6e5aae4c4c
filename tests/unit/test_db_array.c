/* test_db_array.c - common/db_array.h: octet by octet what array_recv() of PostgreSQL reads */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "common/db.h"
#include "common/db_array.h"

static void assert_octets(const struct db_array *a, const void *expected, size_t n)
{
    struct error err = {0};

    assert_int_equal(db_array_check(a, &err), ERR_OK);
    assert_int_equal(a->octets.len, n);
    assert_memory_equal(a->octets.data, expected, n);
}

/* Dimensions, has-null flag, element type, length, lower bound; then length and octets of each. */
static void test_texts_and_a_null_are_laid_out_as_the_server_reads_them(void **state)
{
    static const unsigned char expected[] = {0,    0,    0,    1,    0, 0, 0, 1, 0, 0, 0, 25,  0,
                                             0,    0,    4,    0,    0, 0, 1, 0, 0, 0, 2, 'a', 0xff,
                                             0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 1,   'z'};
    struct db_array a = db_array_of(DB_TEXT);

    (void)state;
    db_array_text(&a, "a\xff");
    db_array_text(&a, NULL);
    db_array_text(&a, "");
    db_array_octets(&a, "zulu", 1);
    assert_int_equal(a.count, 4);
    assert_octets(&a, expected, sizeof(expected));
    db_array_clear(&a);
}

static void test_integers_are_in_network_order_and_as_wide_as_their_type(void **state)
{
    static const unsigned char wide[] = {0, 0, 0, 1, 0, 0, 0,    0, 0, 0, 0, 20, 0, 0, 0,
                                         2, 0, 0, 0, 1, 0, 0,    0, 8, 1, 2, 3,  4, 5, 6,
                                         7, 8, 0, 0, 0, 8, 0x80, 0, 0, 0, 0, 0,  0, 0};
    static const unsigned char narrow[] = {0, 0, 0, 1, 0, 0, 0, 0, 0,    0,    0,    23,
                                           0, 0, 0, 2, 0, 0, 0, 1, 0,    0,    0,    4,
                                           1, 2, 3, 4, 0, 0, 0, 4, 0xff, 0xff, 0xff, 0xfe};
    struct db_array a = db_array_of(DB_INT8);

    (void)state;
    db_array_int(&a, INT64_C(0x0102030405060708));
    db_array_int(&a, INT64_MIN);
    assert_octets(&a, wide, sizeof(wide));
    db_array_clear(&a);

    a = db_array_of(DB_INT4);
    db_array_int(&a, 0x01020304);
    db_array_int(&a, -2);
    assert_octets(&a, narrow, sizeof(narrow));
    db_array_clear(&a);
}

static void test_booleans_are_one_octet(void **state)
{
    static const unsigned char expected[] = {0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0,
                                             2, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0,  0, 1, 0};
    struct db_array a = db_array_of(DB_BOOL);

    (void)state;
    db_array_bool(&a, true);
    db_array_bool(&a, false);
    assert_octets(&a, expected, sizeof(expected));
    db_array_clear(&a);
}

static void test_octets_may_hold_nuls(void **state)
{
    struct db_array a = db_array_of(DB_BYTEA);

    (void)state;
    db_array_octets(&a, "\0x\0", 3);
    assert_int_equal(a.octets.len, 20 + 4 + 3);
    assert_memory_equal(a.octets.data + 20, "\0\0\0\3\0x\0", 7);
    db_array_clear(&a);
}

static void test_an_empty_array_has_one_dimension_of_length_none(void **state)
{
    static const unsigned char expected[] = {0, 0,  0, 1, 0, 0, 0, 0, 0, 0,
                                             0, 25, 0, 0, 0, 0, 0, 0, 0, 1};
    struct db_array a = db_array_of(DB_TEXT);

    (void)state;
    assert_octets(&a, expected, sizeof(expected));
    db_array_clear(&a);
}

static void test_reset_begins_anew_and_forgets_the_nulls(void **state)
{
    struct db_array a = db_array_of(DB_TEXT), fresh = db_array_of(DB_TEXT);

    (void)state;
    for (int i = 0; i < 1000; i++)
        db_array_null(&a);
    db_array_reset(&a);
    assert_int_equal(a.count, 0);
    db_array_text(&a, "again");
    db_array_text(&fresh, "again");
    assert_octets(&a, fresh.octets.data, fresh.octets.len);
    db_array_clear(&a);
    db_array_clear(&fresh);
}

/* The server's limit of a field is 1 GiB; ours is below. The octets themselves are not looked at.
 */
static void test_an_element_over_the_cap_fails_the_array_for_good(void **state)
{
    struct db_array a = db_array_of(DB_BYTEA);
    struct error err = {0};

    (void)state;
    db_array_octets(&a, "x", (size_t)DB_ARRAY_CAP_OCTETS + 1);
    db_array_octets(&a, "x", 1);
    assert_int_equal(db_array_check(&a, &err), ERR_LIMIT);
    assert_int_equal(a.count, 0);
    db_array_clear(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_and_a_null_are_laid_out_as_the_server_reads_them),
        cmocka_unit_test(test_integers_are_in_network_order_and_as_wide_as_their_type),
        cmocka_unit_test(test_booleans_are_one_octet),
        cmocka_unit_test(test_octets_may_hold_nuls),
        cmocka_unit_test(test_an_empty_array_has_one_dimension_of_length_none),
        cmocka_unit_test(test_reset_begins_anew_and_forgets_the_nulls),
        cmocka_unit_test(test_an_element_over_the_cap_fails_the_array_for_good),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
