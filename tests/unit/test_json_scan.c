/* test_json_scan.c - common/json_scan.h, by way of json_parse() */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"

static void assert_refused(const char *text, size_t n, size_t offset, const char *reason)
{
    struct json_syntax_error syntax = {0};
    cJSON *root = NULL;
    struct error err;

    assert_int_equal(json_parse(text, n, &root, &syntax, &err), ERR_INPUT);
    assert_null(root);
    assert_string_equal(syntax.reason, reason);
    assert_int_equal(syntax.offset, offset);
    assert_non_null(strstr(err.text, reason));
}

/* Reasons and offsets are those of json.loads() in Python 3.11. */
static const struct syntax_case {
    const char *text;
    size_t offset;
    const char *reason;
} syntax_cases[] = {
    {"", 0, "Expecting value"},
    {"  ", 2, "Expecting value"},
    {"x", 0, "Expecting value"},
    {"tru", 0, "Expecting value"},
    {"True", 0, "Expecting value"},
    {"'a'", 0, "Expecting value"},
    {"NaN", 0, "Expecting value"},
    {"Infinity", 0, "Expecting value"},
    {"-Infinity", 0, "Expecting value"},
    {"-", 0, "Expecting value"},
    {"+1", 0, "Expecting value"},
    {".5", 0, "Expecting value"},
    {"\xA0", 0, "Expecting value"},
    {"// x\n1", 0, "Expecting value"},
    {"\v1", 0, "Expecting value"}, /* only four octets are white space */
    {"[", 1, "Expecting value"},
    {"[1,", 3, "Expecting value"},
    {"[1,]", 3, "Expecting value"},
    {"[,1]", 1, "Expecting value"},
    {"{\"a\":", 5, "Expecting value"},
    {"{\"a\":}", 5, "Expecting value"},
    {"01", 1, "Extra data"},
    {"1.", 1, "Extra data"},
    {"1.e5", 1, "Extra data"},
    {"1e", 1, "Extra data"},
    {"1e+", 1, "Extra data"},
    {"0x10", 1, "Extra data"},
    {"nullx", 4, "Extra data"},
    {"{} {}", 3, "Extra data"},
    {"1 // x", 2, "Extra data"},
    {"]", 0, "Expecting value"},
    {"[1 2]", 3, "Expecting ',' delimiter"},
    {"[1}", 2, "Expecting ',' delimiter"},
    {"[1", 2, "Expecting ',' delimiter"},
    {"[01]", 2, "Expecting ',' delimiter"},
    {"{\"a\":1 \"b\":2}", 7, "Expecting ',' delimiter"},
    {"{\"a\":1", 6, "Expecting ',' delimiter"},
    {"{\"a\" 1}", 5, "Expecting ':' delimiter"},
    {"{\"a\"", 4, "Expecting ':' delimiter"},
    {"{", 1, "Expecting property name enclosed in double quotes"},
    {"{a:1}", 1, "Expecting property name enclosed in double quotes"},
    {"{1:1}", 1, "Expecting property name enclosed in double quotes"},
    {"{\"a\":1,}", 7, "Expecting property name enclosed in double quotes"},
    {"{\"a\":1,", 7, "Expecting property name enclosed in double quotes"},
    {"\"abc", 0, "Unterminated string starting at"},
    {"[\"a\", \"abc\\", 6, "Unterminated string starting at"},
    {"{\"abc", 1, "Unterminated string starting at"},
    {"\"a\nb\"", 2, "Invalid control character at"},
    {"\"12345678\x1f\"", 9, "Invalid control character at"},
    {"\"a\\x\"", 2, "Invalid \\escape"},
    {"\"\\\xc3\xa9\"", 1, "Invalid \\escape"},
    {"\"\\u12\"", 2, "Invalid \\uXXXX escape"},
    {"\"\\u12G4\"", 2, "Invalid \\uXXXX escape"},
    {"\"\\u", 2, "Invalid \\uXXXX escape"},
    {"\"\\u1234", 2, "Invalid \\uXXXX escape"},
    {"\"\\ud83d\\u12\"", 8, "Invalid \\uXXXX escape"},
    /* offsets count characters, and none for a byte order mark */
    {"[\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\" 1]", 7, "Expecting ',' delimiter"},
    {"\xEF\xBB\xBF[1 2]", 3, "Expecting ',' delimiter"},
    {"\xEF\xBB\xBF", 0, "Expecting value"},
    {"\xEF\xBB\xBF\xEF\xBB\xBF"
     "1",
     0, "Expecting value"},
};

static void test_syntax_errors_are_told_in_the_words_of_python(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(syntax_cases) / sizeof(syntax_cases[0]); i++)
        assert_refused(syntax_cases[i].text, strlen(syntax_cases[i].text), syntax_cases[i].offset,
                       syntax_cases[i].reason);
}

static void test_nul_is_no_white_space_and_no_text(void **state)
{
    (void)state;
    assert_refused("\0", 1, 0, "Expecting value");
    assert_refused("1\0", 2, 1, "Extra data");
    assert_refused("[\0]", 3, 1, "Expecting value");
    assert_refused("\"a\0b\"", 5, 2, "Invalid control character at");
    assert_refused("\"\\\0\"", 4, 1, "Invalid \\escape");
    assert_refused("{\0}", 3, 1, "Expecting property name enclosed in double quotes");
}

/* Nothing behind the length given is looked at. */
static void test_text_needs_no_nul_behind_it(void **state)
{
    static const char *const cases[] = {"123", "[1,\"a\"]", "{\"a\":true}", "null", "1e5"};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t n = strlen(cases[i]);
        char *exact = malloc(n); /* so that the sanitizer sees a step too far */
        struct json_syntax_error syntax;
        cJSON *root = NULL;

        assert_non_null(exact);
        memcpy(exact, cases[i], n);
        assert_int_equal(json_parse(exact, n, &root, &syntax, NULL), ERR_OK);
        cJSON_Delete(root);
        for (size_t shorter = 0; shorter < n; shorter++) {
            char *cut = malloc(shorter ? shorter : 1);

            assert_non_null(cut);
            memcpy(cut, cases[i], shorter);
            root = NULL;
            if (json_parse(cut, shorter, &root, &syntax, NULL) == ERR_OK)
                cJSON_Delete(root); /* "12" and "1" are numbers too */
            free(cut);
        }
        free(exact);
    }
}

static void test_nesting_ends_at_its_limit(void **state)
{
    char text[2 * JSON_DEPTH_MAX + 3];
    struct json_syntax_error syntax;
    cJSON *root = NULL;

    (void)state;
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    text[2 * JSON_DEPTH_MAX] = '\0';
    assert_int_equal(json_parse(text, strlen(text), &root, &syntax, NULL), ERR_OK);
    cJSON_Delete(root);
    memset(text, '[', JSON_DEPTH_MAX + 1);
    assert_refused(text, strlen(text), JSON_DEPTH_MAX, "Too many nested arrays and objects");
}

static void test_number_of_values_ends_at_its_limit(void **state)
{
    size_t n = 2 * (size_t)JSON_VALUES_MAX + 1;
    char *text = malloc(n);

    (void)state;
    assert_non_null(text);
    text[0] = '[';
    for (size_t i = 1; i < n; i++)
        text[i] = i % 2 ? '0' : ',';
    text[n - 1] = ']';
    assert_refused(text, n, n - 2, "Too many values");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_syntax_errors_are_told_in_the_words_of_python),
        cmocka_unit_test(test_nul_is_no_white_space_and_no_text),
        cmocka_unit_test(test_text_needs_no_nul_behind_it),
        cmocka_unit_test(test_nesting_ends_at_its_limit),
        cmocka_unit_test(test_number_of_values_ends_at_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
