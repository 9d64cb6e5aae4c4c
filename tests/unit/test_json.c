/* test_json.c - common/json.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"

static cJSON *parse(const char *text)
{
    struct json_syntax_error syntax = {0};
    cJSON *root = NULL;

    if (json_parse(text, strlen(text), &root, &syntax, NULL))
        fail_msg("%s at %zu in: %s", syntax.reason, syntax.offset, text);
    assert_non_null(root);
    return root;
}

/* Owned. */
static char *write_value(const cJSON *item)
{
    struct buf out = BUF_INIT(1000000);

    json_append_value(&out, item);
    assert_int_equal(buf_check(&out, "x", NULL), ERR_OK);
    return buf_take(&out, NULL);
}

static void assert_written(const char *in, const char *out)
{
    cJSON *root = parse(in);
    char *text = write_value(root);

    assert_string_equal(text, out);
    free(text);
    cJSON_Delete(root);
}

static void test_values_are_read_and_written_compact(void **state)
{
    static const struct {
        const char *in;
        const char *out; /* NULL: the same */
    } cases[] = {
        {"null", NULL},
        {" \t\r\ntrue\n", "true"},
        {"false", NULL},
        {"\"\"", NULL},
        {"[]", NULL},
        {"{}", NULL},
        {"[ ]", "[]"},
        {"{ \n }", "{}"},
        {"[1,[2,[3,{}]],\"x\"]", NULL},
        {" { \"a\" : [ 1 , 2 ] , \"b\" : { \"c\" : null } } ", "{\"a\":[1,2],\"b\":{\"c\":null}}"},
        {"{\"\":1,\"\":2}", NULL}, /* nothing is lost of what a client repeats */
        {"\xEF\xBB\xBF{\"a\":1}", "{\"a\":1}"},
        {"\"two  spaces\"", NULL}, /* white space inside strings is text */
        {"\"\x7f\"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_written(cases[i].in, cases[i].out ? cases[i].out : cases[i].in);
}

static void test_numbers_are_written_as_they_came_where_a_double_can(void **state)
{
    static const struct {
        const char *in;
        const char *out; /* NULL: the same */
    } cases[] = {
        {"0", NULL},
        {"-0", "0"},
        {"-1", NULL},
        {"7.0", "7"},
        {"1.5", NULL},
        {"0.1", NULL},
        {"-2.5e-3", "-0.0025"},
        {"1E3", "1000"},
        {"1e+2", "100"},
        {"3.141592653589793", NULL},
        {"0.30000000000000004", NULL},
        {"1763800000", NULL},
        {"9007199254740993", "9007199254740992"}, /* 2^53 + 1 */
        {"-9223372036854775808", NULL},
        {"100000000000000000000", NULL},
        {"1e21", "1e+21"},
        {"1e400", "null"},
        {"-1e400", "null"},
        {"1e-400", "0"},
        {"1.0000000000000000000000000000000000000000000000000000000000000000000000000", "1"},
        {"-0.25000000000000000000000000000000000000000000000000000000000000000000000000e1", "-2.5"},
        {"1234567890123456789012345678901234567890123456789012345678901234567890",
         "1.2345678901234567e+69"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_written(cases[i].in, cases[i].out ? cases[i].out : cases[i].in);
}

static void test_number_of_any_length_is_a_number(void **state)
{
    char digits[2001];
    cJSON *root;

    (void)state;
    memset(digits, '9', sizeof(digits) - 1);
    digits[sizeof(digits) - 1] = '\0';
    root = parse(digits);
    assert_true(cJSON_IsNumber(root));
    cJSON_Delete(root);
    memcpy(digits, "0.", 2);
    root = parse(digits);
    assert_true(cJSON_GetNumberValue(root) == 1.0);
    cJSON_Delete(root);
}

static void test_strings_are_decoded(void **state)
{
    static const struct {
        const char *in;
        const char *text;
    } cases[] = {
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
        {"\"\\u0041\\u00e9\\u20AC\"", "A\xc3\xa9\xe2\x82\xac"},
        {"\"\\ud83d\\uDE00\"", "\xf0\x9f\x98\x80"},
        {"\"caff\xc3\xa8 \xf0\x9f\x98\x80\"", "caff\xc3\xa8 \xf0\x9f\x98\x80"},
        {"\"\\u0022\\u005c\"", "\"\\"},
        {"\"12345678\\n1234567\\\"123456\"", "12345678\n1234567\"123456"}, /* about words of 8 */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cJSON *root = parse(cases[i].in);

        assert_string_equal(cJSON_GetStringValue(root), cases[i].text);
        assert_null(json_check_text(cJSON_GetStringValue(root)));
        cJSON_Delete(root);
    }
}

static void test_what_a_c_string_cannot_hold_is_found_later_in_its_field(void **state)
{
    static const struct {
        const char *in;
        const char *octets;
        const char *why;
    } cases[] = {
        {"\"a\\u0000b\"",
         "a\xC0\x80"
         "b",
         "contains a NUL character"},
        {"\"\\ud800\"", "\xED\xA0\x80", "is not valid UTF-8"},
        {"\"\\udfff!\"", "\xED\xBF\xBF!", "is not valid UTF-8"},
        {"\"\\ud83d\\u0041\"",
         "\xED\xA0\xBD"
         "A",
         "is not valid UTF-8"},
        {"\"\\ud83d\\ud83d\\ude00\"", "\xED\xA0\xBD\xF0\x9F\x98\x80", "is not valid UTF-8"},
        {"\"\\ud83d\\n\"", "\xED\xA0\xBD\n", "is not valid UTF-8"},
        {"\"\\ude00\\ud83d\"", "\xED\xB8\x80\xED\xA0\xBD", "is not valid UTF-8"},
        {"\"\xE9t\xE9\"", "\xE9t\xE9", "is not valid UTF-8"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cJSON *root = parse(cases[i].in);

        assert_string_equal(cJSON_GetStringValue(root), cases[i].octets);
        assert_string_equal(json_check_text(cJSON_GetStringValue(root)), cases[i].why);
        cJSON_Delete(root);
    }
}

static void test_last_member_of_a_name_counts(void **state)
{
    cJSON *root = parse("{\"a\":1,\"A\":2,\"a\":3,\"n\":null,\"\":4}");
    cJSON *array = parse("[1]");

    (void)state;
    assert_int_equal((int)cJSON_GetNumberValue(json_get(root, "a")), 3);
    assert_int_equal((int)cJSON_GetNumberValue(json_get(root, "A")), 2);
    assert_int_equal((int)cJSON_GetNumberValue(json_get(root, "")), 4);
    assert_true(cJSON_IsNull(json_get(root, "n")));
    assert_null(json_get_value(root, "n"));
    assert_non_null(json_get_value(root, "a"));
    assert_null(json_get(root, "b"));
    assert_null(json_get_value(root, "b"));
    assert_null(json_get(array, "a"));
    assert_null(json_get(NULL, "a"));
    cJSON_Delete(array);
    cJSON_Delete(root);
}

static void test_integers_are_read_leniently(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } cases[] = {
        {"2525", true, 2525},
        {"-7", true, -7},
        {"7.0", true, 7},
        {"1e3", true, 1000},
        {"true", true, 1},
        {"false", true, 0},
        {"\"2525\"", true, 2525},
        {"\" +25\\n\"", true, 25},
        {"\"-25\"", true, -25},
        {"\"007\"", true, 7},
        {"\"7.0\"", true, 7},
        {"\"7.000\"", true, 7},
        {"9007199254740992", true, INT64_C(9007199254740992)},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775807", false, 0}, /* its double is 2^63 */
        {"-9223372036854777856", false, 0},
        {"\"9223372036854775807\"", true, INT64_MAX},
        {"\"-9223372036854775808\"", true, INT64_MIN},
        {"\"9223372036854775808\"", false, 0},
        {"\"-9223372036854775809\"", false, 0},
        {"\"99999999999999999999999999\"", false, 0},
        {"7.5", false, 0},
        {"1e300", false, 0},
        {"1e999", false, 0},
        {"null", false, 0},
        {"[]", false, 0},
        {"{}", false, 0},
        {"\"\"", false, 0},
        {"\" \"", false, 0},
        {"\"-\"", false, 0},
        {"\"+-1\"", false, 0},
        {"\"1 2\"", false, 0},
        {"\"7.5\"", false, 0},
        {"\"7.\"", false, 0},
        {"\".0\"", false, 0},
        {"\"1e3\"", false, 0},
        {"\"0x10\"", false, 0},
        {"\"12a\"", false, 0},
        {"\"1\\u0000\"", false, 0},
        {"\"true\"", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cJSON *root = parse(cases[i].text);
        int64_t value = 4711;

        if (json_to_int(root, &value) != cases[i].ok)
            fail_msg("%s", cases[i].text);
        assert_true(value == (cases[i].ok ? cases[i].value : 4711));
        cJSON_Delete(root);
    }
    assert_false(json_to_int(NULL, &(int64_t){0}));
}

static void test_integers_beyond_64_bits_read_as_the_nearest(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } cases[] = {
        {"7", true, 7},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854777856", true, INT64_MIN},
        {"1e300", true, INT64_MAX},
        {"-1e300", true, INT64_MIN},
        {"\"9223372036854775808\"", true, INT64_MAX},
        {"\"-9223372036854775809\"", true, INT64_MIN},
        {"\"99999999999999999999999999.0\"", true, INT64_MAX},
        {"1e999", false, 0},
        {"7.5", false, 0},
        {"\"9223372036854775808.5\"", false, 0},
        {"\"x\"", false, 0},
        {"null", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cJSON *root = parse(cases[i].text);
        int64_t value = 0;

        if (json_to_nearest_int(root, &value) != cases[i].ok ||
            (cases[i].ok && value != cases[i].value))
            fail_msg("%s", cases[i].text);
        cJSON_Delete(root);
    }
}

static void test_booleans_are_read_leniently(void **state)
{
    static const char *const truths[] = {"true",  "1",       "1.0",   "\"true\"", "\"True\"",
                                         "\"T\"", "\"yes\"", "\"Y\"", "\"ON\"",   "\"1\""};
    static const char *const lies[] = {"false",  "0",     "-0",      "\"false\"", "\"F\"",
                                       "\"No\"", "\"n\"", "\"off\"", "\"0\""};
    static const char *const neither[] = {"null", "2",     "-1",        "0.5",    "[]",     "{}",
                                          "\"\"", "\"2\"", "\" true\"", "\"tr\"", "\"1.0\""};

    (void)state;
    for (size_t i = 0; i < sizeof(truths) / sizeof(truths[0]); i++) {
        cJSON *root = parse(truths[i]);
        bool value = false;

        assert_true(json_to_bool(root, &value));
        assert_true(value);
        cJSON_Delete(root);
    }
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        cJSON *root = parse(lies[i]);
        bool value = true;

        assert_true(json_to_bool(root, &value));
        assert_false(value);
        cJSON_Delete(root);
    }
    for (size_t i = 0; i < sizeof(neither) / sizeof(neither[0]); i++) {
        cJSON *root = parse(neither[i]);
        bool value = true;

        assert_false(json_to_bool(root, &value));
        assert_true(value);
        cJSON_Delete(root);
    }
    assert_false(json_to_bool(NULL, &(bool){false}));
}

static void test_written_strings_are_valid_json_whatever_is_in_them(void **state)
{
    static const struct {
        const char *text;
        const char *json;
    } cases[] = {
        {"", "\"\""},
        {"plain", "\"plain\""},
        {"\"\\/", "\"\\\"\\\\/\""},
        {"\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\""},
        {"\x01\x1f\x7f", "\"\\u0001\\u001f\x7f\""},
        {"caff\xc3\xa8 \xf0\x9f\x98\x80", "\"caff\xc3\xa8 \xf0\x9f\x98\x80\""},
        {"\xE9"
         "a",
         "\"\xEF\xBF\xBD"
         "a\""},
        {"a\xC0\x80", "\"a\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {"\xE2\x82", "\"\xEF\xBF\xBD\xEF\xBF\xBD\""}, /* cut in the middle */
        {"\xF5\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf out = BUF_INIT(1000);
        cJSON *root;

        json_append_string(&out, cases[i].text);
        assert_string_equal(out.data, cases[i].json);
        root = parse(out.data);
        cJSON_Delete(root);
        buf_clear(&out);
    }
}

/* RFC 3629 section 4, from both sides of every border. */
static void test_text_is_checked_as_utf8(void **state)
{
    static const char *const good[] = {
        "",
        "abc",
        "\x01\x7f",
        "\xC2\x80",
        "\xDF\xBF",
        "\xE0\xA0\x80",
        "\xED\x9F\xBF",
        "\xEE\x80\x80",
        "\xEF\xBF\xBF",
        "\xF0\x90\x80\x80",
        "\xF4\x8F\xBF\xBF",
    };
    static const char *const bad[] = {
        "\x80",
        "\xBF",
        "\xC0\xAF",
        "\xC1\xBF",
        "\xC2",
        "\xC2\x7F",
        "\xC2\xC0",
        "\xE0\x9F\xBF",
        "\xED\xA0\x80",
        "\xE2\x82",
        "\xE2\x82\x61",
        "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80",
        "\xF0\x9F\x98",
        "\xFE",
        "\xFF",
        "ok\xFFok",
        "\xC0\x81",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_null(json_check_text(good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_string_equal(json_check_text(bad[i]), "is not valid UTF-8");
    assert_string_equal(json_check_text("\xC0\x80"), "contains a NUL character");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_read_and_written_compact),
        cmocka_unit_test(test_numbers_are_written_as_they_came_where_a_double_can),
        cmocka_unit_test(test_number_of_any_length_is_a_number),
        cmocka_unit_test(test_strings_are_decoded),
        cmocka_unit_test(test_what_a_c_string_cannot_hold_is_found_later_in_its_field),
        cmocka_unit_test(test_last_member_of_a_name_counts),
        cmocka_unit_test(test_integers_are_read_leniently),
        cmocka_unit_test(test_integers_beyond_64_bits_read_as_the_nearest),
        cmocka_unit_test(test_booleans_are_read_leniently),
        cmocka_unit_test(test_written_strings_are_valid_json_whatever_is_in_them),
        cmocka_unit_test(test_text_is_checked_as_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
