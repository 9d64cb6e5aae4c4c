#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/compose/large_file.h"

static const struct policy_case {
    const char *json;
    enum large_file_action action;
    double max_mib;
} policy_cases[] = {
    {NULL, LARGE_FILE_SEND, 10},
    {"{}", LARGE_FILE_SEND, 10},
    {"not JSON", LARGE_FILE_SEND, 10},
    {"[]", LARGE_FILE_SEND, 10},
    {"{\"enabled\":true}", LARGE_FILE_WARN, 10},
    {"{\"enabled\":false,\"action\":\"reject\"}", LARGE_FILE_SEND, 10},
    {"{\"enabled\":true,\"action\":\"reject\"}", LARGE_FILE_REJECT, 10},
    {"{\"enabled\":\"yes\",\"action\":\"reject\",\"max_size_mb\":2.5}", LARGE_FILE_REJECT, 2.5},
    {"{\"enabled\":true,\"action\":\"warn\",\"max_size_mb\":0}", LARGE_FILE_WARN, 10},
    {"{\"enabled\":true,\"action\":\"warn\",\"max_size_mb\":-1}", LARGE_FILE_WARN, 10},
    {"{\"enabled\":true,\"action\":\"rewrite\",\"max_size_mb\":1}", LARGE_FILE_SEND, 1},
    {"{\"enabled\":true,\"action\":7}", LARGE_FILE_SEND, 10},
};

static void test_what_is_configured_is_read_and_all_else_sends(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(policy_cases) / sizeof(policy_cases[0]); i++) {
        struct large_file_policy policy = large_file_read(policy_cases[i].json);

        print_message("%s\n", policy_cases[i].json ? policy_cases[i].json : "none");
        assert_int_equal(policy.action, policy_cases[i].action);
        assert_true(policy.max_mib == policy_cases[i].max_mib);
    }
}

static void test_only_what_is_larger_is_rejected_and_the_error_says_how_large(void **state)
{
    struct large_file_policy policy = {LARGE_FILE_REJECT, 2};
    struct error err;

    (void)state;
    assert_int_equal(large_file_check(&policy, "a.pdf", 2097152, &err), ERR_OK);
    assert_int_equal(large_file_check(&policy, "a.pdf", 2621440, &err), ERR_LIMIT);
    assert_string_equal(err.text, "Attachment 'a.pdf' (2.5 MB) exceeds limit (2.0 MB)");
}

static void test_a_warning_lets_it_pass(void **state)
{
    struct large_file_policy policy = {LARGE_FILE_WARN, 2};
    struct error err;

    (void)state;
    assert_int_equal(large_file_check(&policy, "a.pdf", 2621440, &err), ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_configured_is_read_and_all_else_sends),
        cmocka_unit_test(test_only_what_is_larger_is_rejected_and_the_error_says_how_large),
        cmocka_unit_test(test_a_warning_lets_it_pass),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
