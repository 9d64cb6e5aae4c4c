/* test_buf.c - common/buf.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"

static void test_appended_octets_follow_each_other_and_a_nul(void **state)
{
    struct buf b = BUF_INIT(100);

    (void)state;
    buf_append(&b, "a\0b", 3);
    buf_append_str(&b, "cd");
    buf_append_str(&b, NULL);
    buf_append_char(&b, 'e');
    buf_printf(&b, "%d-%s", 7, "f");
    assert_int_equal(buf_check(&b, "x", NULL), ERR_OK);
    assert_int_equal(b.len, 9);
    assert_memory_equal(b.data, "a\0bcde7-f", 10);
    buf_clear(&b);
}

static void test_buffer_grows_up_to_its_cap_exactly(void **state)
{
    static const size_t caps[] = {1, 255, 256, 257, 1000, 100000};

    (void)state;
    for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
        struct buf b = BUF_INIT(caps[i]);

        for (size_t n = 0; n < caps[i]; n++)
            buf_append_char(&b, 'x');
        assert_int_equal(buf_check(&b, "x", NULL), ERR_OK);
        assert_int_equal(b.len, caps[i]);
        buf_append_char(&b, 'x');
        assert_int_equal(buf_check(&b, "x", NULL), ERR_LIMIT);
        assert_int_equal(b.len, caps[i]);
        buf_clear(&b);
    }
}

static void test_append_over_the_cap_fails_whole_and_for_good(void **state)
{
    struct buf b = BUF_INIT(4);
    struct error err;

    (void)state;
    buf_append_str(&b, "abc");
    buf_append_str(&b, "de");
    assert_true(b.failed);
    buf_append_str(&b, "d"); /* would fit, but what comes before it is missing */
    assert_string_equal(b.data, "abc");
    assert_int_equal(buf_check(&b, "the answer", &err), ERR_LIMIT);
    assert_string_equal(err.text, "the answer is over its limit of 4 octets");
    assert_null(buf_take(&b, NULL));
    buf_clear(&b);
}

static void test_one_append_larger_than_the_cap_is_a_limit(void **state)
{
    struct buf b = BUF_INIT(4);

    (void)state;
    buf_append_str(&b, "abcde");
    assert_int_equal(buf_check(&b, "x", NULL), ERR_LIMIT);
    assert_null(b.data);
    buf_clear(&b);
}

static void test_buffer_without_a_cap_takes_nothing(void **state)
{
    struct buf b = {0};

    (void)state;
    buf_append_char(&b, 'x');
    assert_true(b.failed);
    assert_int_equal(buf_check(&b, "x", NULL), ERR_LIMIT);
}

static void test_append_whose_length_would_overflow_fails(void **state)
{
    struct buf b = BUF_INIT(100);

    (void)state;
    buf_append_char(&b, 'x');
    assert_null(buf_reserve(&b, SIZE_MAX));
    assert_true(b.failed);
    buf_clear(&b);
}

static void test_printf_longer_than_its_first_try_is_whole(void **state)
{
    struct buf b = BUF_INIT(10000);
    char text[1001];

    (void)state;
    memset(text, 'y', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    buf_printf(&b, "<%s>", text);
    assert_int_equal(b.len, 1002);
    assert_int_equal(b.data[0], '<');
    assert_int_equal(b.data[1001], '>');
    assert_memory_equal(b.data + 1, text, 1000);
    buf_clear(&b);
}

static void test_reserved_room_is_filled_by_the_caller(void **state)
{
    struct buf b = BUF_INIT(100);
    char *at = buf_reserve(&b, 50);

    (void)state;
    assert_non_null(at);
    memcpy(at, "hello", 5);
    buf_filled(&b, 5);
    assert_string_equal(b.data, "hello");
    buf_clear(&b);
}

static void test_consume_drops_the_front_and_truncate_the_back(void **state)
{
    struct buf b = BUF_INIT(100);

    (void)state;
    buf_append_str(&b, "abcdef");
    buf_consume(&b, 0);
    assert_string_equal(b.data, "abcdef");
    buf_consume(&b, 2);
    assert_string_equal(b.data, "cdef");
    buf_truncate(&b, 1);
    assert_string_equal(b.data, "c");
    buf_consume(&b, 1);
    assert_int_equal(b.len, 0);
    assert_string_equal(b.data, "");
    buf_clear(&b);
}

static void test_taken_octets_are_the_callers_and_the_buffer_starts_afresh(void **state)
{
    struct buf b = BUF_INIT(100);
    size_t n = 0;
    char *taken;

    (void)state;
    assert_null(buf_take(&b, &n));
    buf_append_str(&b, "abc");
    taken = buf_take(&b, &n);
    assert_string_equal(taken, "abc");
    assert_int_equal(n, 3);
    assert_null(b.data);
    assert_int_equal(b.len, 0);
    buf_append_str(&b, "d");
    assert_string_equal(b.data, "d");
    free(taken);
    buf_clear(&b);
}

static void test_clear_and_wipe_keep_the_cap_and_forget_the_failure(void **state)
{
    struct buf b = BUF_INIT(3);

    (void)state;
    buf_append_str(&b, "abcd");
    buf_clear(&b);
    buf_append_str(&b, "abc");
    assert_int_equal(buf_check(&b, "x", NULL), ERR_OK);
    buf_wipe(&b);
    assert_null(b.data);
    assert_int_equal(b.cap, 3);
    buf_wipe(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_appended_octets_follow_each_other_and_a_nul),
        cmocka_unit_test(test_buffer_grows_up_to_its_cap_exactly),
        cmocka_unit_test(test_append_over_the_cap_fails_whole_and_for_good),
        cmocka_unit_test(test_one_append_larger_than_the_cap_is_a_limit),
        cmocka_unit_test(test_buffer_without_a_cap_takes_nothing),
        cmocka_unit_test(test_append_whose_length_would_overflow_fails),
        cmocka_unit_test(test_printf_longer_than_its_first_try_is_whole),
        cmocka_unit_test(test_reserved_room_is_filled_by_the_caller),
        cmocka_unit_test(test_consume_drops_the_front_and_truncate_the_back),
        cmocka_unit_test(test_taken_octets_are_the_callers_and_the_buffer_starts_afresh),
        cmocka_unit_test(test_clear_and_wipe_keep_the_cap_and_forget_the_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
