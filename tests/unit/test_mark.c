/* test_mark.c - worker/claim/mark.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "worker/claim/mark.h"

static const struct mark some = {.instance_epoch = 2,
                                 .epoch = 71,
                                 .started_us = INT64_C(1764291425000001),
                                 .heartbeat_us = INT64_C(1764291437123456)};

static void test_a_mark_is_read_as_it_was_written(void **state)
{
    char text[MARK_TEXT_OCTETS];
    struct mark mark = {0};
    struct error err;

    (void)state;
    mark_print(&some, text);
    assert_int_equal(mark_parse(text, &mark, &err), ERR_OK);
    assert_memory_equal(&mark, &some, sizeof(mark));
}

static void test_what_is_not_exactly_a_mark_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "mailproxy-mark 1 2 71 3\n",
        "mailproxy-mark 1 2 71 3 4",
        "mailproxy-mark 1 2 71 3 4\nmore",
        "mailproxy-mark 2 2 71 3 4\n",
        "mailproxy-mark 1 2 71 3 99999999999999999999\n",
        "mailproxy-mark 1 2 71 3 0x4\n",
    };
    struct mark mark = {0};
    struct error err;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(mark_parse(texts[i], &mark, &err), ERR_INPUT);
        assert_int_equal(mark.epoch, 0);
    }
}

static void test_a_directory_keeps_the_last_mark(void **state)
{
    char parent[] = "/tmp/mailproxy-test-mark-XXXXXX", directory[64], path[80];
    struct mark mark = {0}, later = some;
    struct error err;
    FILE *out;

    (void)state;
    assert_non_null(mkdtemp(parent));
    snprintf(directory, sizeof(directory), "%s/state", parent);
    snprintf(path, sizeof(path), "%s/mark", directory);
    assert_int_equal(mark_load(directory, &mark, &err), ERR_OK);
    assert_int_equal(mark.epoch, 0);
    assert_int_equal(mark_save(directory, &some, &err), ERR_OK);
    later.heartbeat_us++;
    assert_int_equal(mark_save(directory, &later, &err), ERR_OK);
    assert_int_equal(mark_load(directory, &mark, &err), ERR_OK);
    assert_memory_equal(&mark, &later, sizeof(mark));

    out = fopen(path, "w");
    assert_non_null(out);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(mark_load(directory, &mark, &err), ERR_CONFIG);
    assert_non_null(strstr(err.text, directory));
    unlink(path);
    rmdir(directory);
    rmdir(parent);
    assert_int_equal(mark_save(directory, &some, &err), ERR_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_mark_is_read_as_it_was_written),
        cmocka_unit_test(test_what_is_not_exactly_a_mark_is_refused),
        cmocka_unit_test(test_a_directory_keeps_the_last_mark),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
