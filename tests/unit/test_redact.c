/*
 * test_redact.c - server/redact: what may be seen of a request.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "server/redact.c" /* for its table */

/* The members of an object, redacted; owned. */
static char *test_redact(const char *json)
{
    struct buf out = BUF_INIT(REDACT_OCTETS_MAX);
    struct json_syntax_error syntax;
    struct redact_list list;
    cJSON *object = NULL;
    size_t n;

    assert_int_equal(json_parse(json, strlen(json), &object, &syntax, NULL), ERR_OK);
    list = redact_open(&out);
    redact_add_members(&list, object);
    redact_close(&list);
    cJSON_Delete(object);
    assert_int_equal(out.failed, ERR_OK);
    return buf_take(&out, &n);
}

struct test_case {
    const char *given, *seen;
};

static void test_run(const struct test_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char *seen = test_redact(cases[i].given);

        assert_string_equal(seen, cases[i].seen);
        free(seen);
    }
}
#define TEST_RUN(cases) test_run(cases, sizeof(cases) / sizeof((cases)[0]))

static void test_secrets_become_asterisks(void **state)
{
    static const struct test_case cases[] = {
        {"{\"password\":\"word\"}", "{\"password\":\"***\"}"},
        {"{\"imap_password\":\"word\"}", "{\"imap_password\":\"***\"}"},
        {"{\"bounce_imap_password\":\"w\"}", "{\"bounce_imap_password\":\"***\"}"},
        {"{\"api_token\":\"word\"}", "{\"api_token\":\"***\"}"},
        {"{\"api_key\":12345}", "{\"api_key\":\"***\"}"},
        {"{\"report_secret\":[\"word\"]}", "{\"report_secret\":\"***\"}"},
        {"{\"oauth_client_secret\":{\"a\":\"word\"}}", "{\"oauth_client_secret\":\"***\"}"},
        {"{\"tls_client_key\":\"word\"}", "{\"tls_client_key\":\"***\"}"},
        {"{\"oauth_refresh_token\":\"word\"}", "{\"oauth_refresh_token\":\"***\"}"},
        {"{\"PassWord\":true}", "{\"PassWord\":\"***\"}"},
        {"{\"password\":null}", "{\"password\":null}"},
        {"{\"password\":\"a\",\"password\":\"b\"}", "{\"password\":\"***\",\"password\":\"***\"}"},
        {"{\"client_auth\":{\"method\":\"basic\",\"user\":\"u\",\"password\":\"w\",\"x\":\"w\"}}",
         "{\"client_auth\":{\"method\":\"basic\",\"user\":\"u\",\"password\":\"***\",\"x\":\"***\"}"
         "}"},
        {"{\"client_auth\":\"word\"}", "{\"client_auth\":\"***\"}"},
        {"{\"client_auth\":[{\"user\":\"word\"}]}", "{\"client_auth\":\"***\"}"},
        {"{\"to\":[{\"password\":\"word\"}]}", "{\"to\":[{\"password\":\"***\"}]}"},
    };

    (void)state;
    TEST_RUN(cases);
}

static void test_content_becomes_its_size(void **state)
{
    static const struct test_case cases[] = {
        {"{\"tls_client_cert\":\"word\"}", "{\"tls_client_cert\":\"[4 octets]\"}"},
        {"{\"body\":\"Hello\"}", "{\"body\":\"[5 octets]\"}"},
        {"{\"body\":\"\\u20ac\"}", "{\"body\":\"[3 octets]\"}"},
        {"{\"body\":{\"a\":\"Hello\"}}", "{\"body\":\"[object]\"}"},
        {"{\"headers\":{\"X-A\":\"value\",\"X-B\":null,\"X-C\":5}}",
         "{\"headers\":{\"X-A\":\"[5 octets]\",\"X-B\":null,\"X-C\":\"[number]\"}}"},
        {"{\"headers\":\"value\"}", "{\"headers\":\"[5 octets]\"}"},
        {"{\"messages\":[{\"id\":\"m\",\"subject\":\"s\",\"body\":\"b\"},\"text\",7]}",
         "{\"messages\":[{\"id\":\"m\",\"subject\":\"s\",\"body\":\"[1 octets]\"},\"[4 "
         "octets]\",\"[number]\"]}"},
        {"{\"attachments\":[{\"filename\":\"f\",\"content\":\"aGVsbG8=\"}]}",
         "{\"attachments\":[{\"filename\":\"f\",\"content\":\"[8 octets]\"}]}"},
        {"{\"attachments\":[{\"storage_path\":\"home:a/b.pdf\"}]}",
         "{\"attachments\":[{\"storage_path\":\"home:a/b.pdf\"}]}"},
        {"{\"attachments\":[{\"storage_path\":\"base64:aGVsbG8=\"}]}",
         "{\"attachments\":[{\"storage_path\":\"[15 octets]\"}]}"},
        {"{\"attachments\":[{\"storage_path\":\"aGVsbG8=\",\"fetch_mode\":\"base64\"}]}",
         "{\"attachments\":[{\"storage_path\":\"[8 octets]\",\"fetch_mode\":\"base64\"}]}"},
        {"{\"attachments\":[{\"storage_path\":\"aGVsbG8=\",\"fetch_mode\":\"BASE64\"}]}",
         "{\"attachments\":[{\"storage_path\":\"[8 octets]\",\"fetch_mode\":\"BASE64\"}]}"},
        {"{\"attachments\":[{\"s3\":{\"bucket\":\"b\",\"key\":\"k\",\"secret\":\"w\"}}]}",
         "{\"attachments\":[{\"s3\":{\"bucket\":\"b\",\"key\":\"k\",\"secret\":\"***\"}}]}"},
    };

    (void)state;
    TEST_RUN(cases);
}

static void test_of_an_unknown_name_only_the_size_is_told(void **state)
{
    static const struct test_case cases[] = {
        {"{\"note\":\"text\",\"n\":4711,\"flag\":true,\"none\":null,\"l\":[\"x\"],\"o\":{\"p\":1}}",
         "{\"note\":\"[4 octets]\",\"n\":\"[number]\",\"flag\":true,\"none\":null,\"l\":\"[array]\""
         ",\"o\":\"[object]\"}"},
        {"{\"large_file_config\":{\"enabled\":true,\"account\":\"word\"}}",
         "{\"large_file_config\":{\"enabled\":true,\"account\":\"[4 octets]\"}}"},
    };

    (void)state;
    TEST_RUN(cases);
}

static void test_urls_lose_userinfo_query_and_fragment(void **state)
{
    static const struct test_case cases[] = {
        {"{\"client_base_url\":\"https://u:p@h.test/a?token=x#y\"}",
         "{\"client_base_url\":\"https://***@h.test/a?***\"}"},
        {"{\"client_base_url\":\"https://u:p/@h.test\"}",
         "{\"client_base_url\":\"https://u:p/@h.test\"}"},
        {"{\"client_base_url\":\"https://u:p@x@h\"}", "{\"client_base_url\":\"https://***@h\"}"},
        {"{\"client_sync_path\":\"/sync?key=x\"}", "{\"client_sync_path\":\"/sync?***\"}"},
        {"{\"client_sync_path\":\"/sync#x\"}", "{\"client_sync_path\":\"/sync#***\"}"},
        {"{\"client_sync_path\":\"/sync?\"}", "{\"client_sync_path\":\"/sync?\"}"},
        {"{\"url\":\"http://h/a b?sig=x\"}", "{\"url\":\"http://h/a b?***\"}"},
        {"{\"url\":\"http://h/r/http://u:p@i/?s=x\"}",
         "{\"url\":\"http://h/r/http://***@i/?***\"}"},
        {"{\"storage_path\":\"https://h/f.pdf?X-Sig=x\"}",
         "{\"storage_path\":\"https://h/f.pdf?***\"}"},
        {"{\"subject\":\"See https://u:p@h/?t=x now? (http://i?k)\"}",
         "{\"subject\":\"See https://***@h/?*** now? (http://i?***\"}"},
        {"{\"subject\":\"Why? #1\"}", "{\"subject\":\"Why? #1\"}"},
        {"{\"client_base_url\":\"\"}", "{\"client_base_url\":\"\"}"},
    };

    (void)state;
    TEST_RUN(cases);
}

static void test_a_long_password_in_a_url_does_not_show_its_beginning(void **state)
{
    char given[5000], *seen;
    size_t n = (size_t)snprintf(given, sizeof(given), "{\"url\":\"https://user:");

    (void)state;
    memset(given + n, 'p', 4000);
    snprintf(given + n + 4000, sizeof(given) - n - 4000, "@h.test/\"}");
    seen = test_redact(given);
    assert_string_equal(seen, "{\"url\":\"https://***@h.test/\"}");
    free(seen);
}

static void test_long_texts_are_cut_between_characters(void **state)
{
    char given[2000] = "{\"subject\":\"x", *seen;

    (void)state;
    for (int i = 0; i < 400; i++)
        strncat(given, "\xC3\xA8", sizeof(given) - strlen(given) - 1);
    strncat(given, "\"}", sizeof(given) - strlen(given) - 1);
    seen = test_redact(given);
    assert_int_equal(strlen(seen), strlen("{\"subject\":\"x\xE2\x80\xA6\"}") + 254);
    assert_null(json_check_text(seen));
    free(seen);
}

/* An array member of n texts, as JSON; owned. */
static char *test_make_array(const char *name, const char *item, size_t n)
{
    struct buf text = BUF_INIT(64 * 1024 * 1024);

    buf_printf(&text, "{\"%s\":[", name);
    for (size_t i = 0; i < n; i++)
        buf_printf(&text, "%s%s", i ? "," : "", item);
    buf_append_str(&text, "]}");
    return buf_take(&text, NULL);
}

static void test_a_long_list_ends_in_a_count(void **state)
{
    char *given = test_make_array("ids", "\"0123456789\"", 100000), *seen = test_redact(given);
    const char *more = strstr(seen, "\"[");
    size_t shown = 0, dropped;

    (void)state;
    for (const char *p = seen; (p = strstr(p, "\"0123456789\"")); p++)
        shown++;
    assert_non_null(more);
    dropped = strtoul(more + 2, NULL, 10);
    assert_int_equal(shown + dropped, 100000);
    assert_true(shown > 3000);
    assert_string_equal(more + strspn(more, "\"[0123456789"), " more]\"]}");
    free(given);
    free(seen);
}

static void test_one_message_cannot_take_the_room_of_the_others(void **state)
{
    char *to = test_make_array("to", "\"rcpt@example.net\"", 5000);
    char *given = test_make_array("messages", to, 5), *seen = test_redact(given);
    size_t messages = 0;

    (void)state;
    for (const char *p = seen; (p = strstr(p, "{\"to\":")); p++)
        messages++;
    assert_int_equal(messages, 5);
    assert_true(strlen(seen) < 5 * (REDACT_ITEM_OCTETS + 100));
    free(to);
    free(given);
    free(seen);
}

static void test_an_array_of_a_known_name_takes_part_in_the_limit(void **state)
{
    struct buf out = BUF_INIT(REDACT_OCTETS_MAX);
    struct redact_list list = redact_open(&out), ids = redact_open_array(&list, "ids");
    cJSON *text = cJSON_CreateString("text");
    cJSON *object = cJSON_Parse("{\"id\":7,\"body\":\"b\"}");

    (void)state;
    redact_add_text(&ids, "a\"b");
    redact_add(&ids, text);
    redact_add_part(&ids, object, "id");
    redact_add_part(&ids, object, "other");
    redact_close(&ids);
    ids = redact_open_array(&list, "messages");
    redact_add(&ids, text);
    redact_close(&ids);
    redact_close(&list);
    assert_string_equal(out.data,
                        "{\"ids\":[\"a\\\"b\",\"text\",{\"id\":7},"
                        "{\"id\":7,\"body\":\"[1 octets]\"}],\"messages\":[\"[4 octets]\"]}");
    cJSON_Delete(object);
    cJSON_Delete(text);
    buf_clear(&out);
}

static void test_the_table_is_sorted(void **state)
{
    (void)state;
    for (size_t i = 1; i < sizeof(redact_names) / sizeof(redact_names[0]); i++)
        assert_true(strcmp(redact_names[i - 1].name, redact_names[i].name) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secrets_become_asterisks),
        cmocka_unit_test(test_content_becomes_its_size),
        cmocka_unit_test(test_of_an_unknown_name_only_the_size_is_told),
        cmocka_unit_test(test_urls_lose_userinfo_query_and_fragment),
        cmocka_unit_test(test_a_long_password_in_a_url_does_not_show_its_beginning),
        cmocka_unit_test(test_long_texts_are_cut_between_characters),
        cmocka_unit_test(test_a_long_list_ends_in_a_count),
        cmocka_unit_test(test_one_message_cannot_take_the_room_of_the_others),
        cmocka_unit_test(test_an_array_of_a_known_name_takes_part_in_the_limit),
        cmocka_unit_test(test_the_table_is_sorted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
