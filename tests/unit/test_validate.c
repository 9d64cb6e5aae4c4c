/*
 * test_validate.c - server/intake: which messages are taken, which are not and why, and what is
 * stored
 *
 * Each case is a whole message followed by the members under test: the last one of a name counts.
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
#include "server/intake/validate.h"

#define MESSAGE                                                                                    \
    "\"id\":\"m1\",\"account_id\":\"a\",\"from\":\"s@x.it\",\"to\":[\"r@x.it\"],"                  \
    "\"subject\":\"Hi\",\"body\":\"b\""

enum { TEST_MESSAGE_OCTETS = 2000, TEST_ATTACHMENT_OCTETS = 100, TEST_TEXT_OCTETS = 8192 };

static const struct validate_limits test_limits = {
    .max_message_octets = TEST_MESSAGE_OCTETS,
    .max_attachment_octets = TEST_ATTACHMENT_OCTETS,
    .default_priority = 2,
};

/* One request of one message. */
struct test_request {
    cJSON *messages;
    struct draft_batch batch;
    struct draft *draft;
};

static struct test_request test_take(const char *message, const char *query_tenant,
                                     const char *token_tenant)
{
    struct test_request t = {0};
    struct json_syntax_error syntax = {0};
    struct error err;
    char text[TEST_TEXT_OCTETS];

    snprintf(text, sizeof(text), "[%s]", message);
    if (json_parse(text, strlen(text), &t.messages, &syntax, &err))
        fail_msg("%s: %s", err.text, message);
    assert_int_equal(draft_batch_new(t.messages, &t.batch, &err), ERR_OK);
    t.draft = t.batch.items;
    draft_identify(t.draft, query_tenant, token_tenant);
    if (t.draft->fate == DRAFT_OPEN)
        assert_int_equal(validate_draft(t.draft, &test_limits, &err), ERR_OK);
    return t;
}

static void test_release(struct test_request *t)
{
    draft_batch_clear(&t->batch);
    cJSON_Delete(t->messages);
}

/* `reason` NULL: the message is taken. One that ends with "..." need only begin so. */
static void assert_judged(const char *message, const char *reason)
{
    struct test_request t = test_take(message, NULL, NULL);
    size_t n = reason ? strlen(reason) : 0;

    if (!reason && t.draft->fate != DRAFT_OPEN)
        fail_msg("%s\nis rejected: %s", message, t.draft->reason);
    if (reason && t.draft->fate != DRAFT_REJECTED)
        fail_msg("%s\nis taken, but should be: %s", message, reason);
    if (n > 3 && !strcmp(reason + n - 3, "..."))
        assert_memory_equal(t.draft->reason, reason, n - 3);
    else if (reason)
        assert_string_equal(t.draft->reason, reason);
    test_release(&t);
}

struct test_case {
    const char *members; /* behind those of MESSAGE */
    const char *reason;  /* NULL: taken */
};

static void assert_cases(const struct test_case *cases, size_t count)
{
    char message[TEST_TEXT_OCTETS - 8];

    for (size_t i = 0; i < count; i++) {
        snprintf(message, sizeof(message), "{" MESSAGE "%s%s}", *cases[i].members ? "," : "",
                 cases[i].members);
        assert_judged(message, cases[i].reason);
    }
}
#define ASSERT_CASES(cases) assert_cases(cases, sizeof(cases) / sizeof((cases)[0]))

static void test_what_every_message_needs_is_missed_in_a_fixed_order(void **state)
{
    static const struct test_case cases[] = {
        {"", NULL},
        {"\"id\":null,\"from\":null", "missing id"},
        {"\"id\":\"\"", "missing id"},
        {"\"from\":null,\"to\":[]", "missing from"},
        {"\"from\":\" \\t\"", "missing from"},
        {"\"to\":null,\"account_id\":null", "missing to"},
        {"\"to\":[]", "missing to"},
        {"\"to\":[\" \",\"\",null]", "missing to"},
        {"\"to\":\" , \"", "missing to"},
        {"\"account_id\":null,\"subject\":null", "missing account_id"},
        {"\"account_id\":\"\"", "missing account_id"},
        {"\"subject\":null", "missing subject"},
        {"\"subject\":\"\"", NULL},
    };

    (void)state;
    ASSERT_CASES(cases);
    assert_judged("5", "invalid message: is not an object");
    assert_judged("{}", "missing id");
}

static void test_a_field_of_the_wrong_type_is_named(void **state)
{
    static const struct test_case cases[] = {
        {"\"id\":5", "invalid id: is not a string"},
        {"\"id\":\"a\\r\\nX-Evil: 1\"", "invalid id: contains CR or LF"},
        {"\"tenant_id\":5", "invalid tenant_id: is not a string"},
        {"\"account_id\":[]", "invalid account_id: is not a string"},
        {"\"from\":{}", "invalid from: is not a string"},
        {"\"to\":5", "invalid to: is not a string"},
        {"\"to\":[5]", "invalid to: holds something that is not a string"},
        {"\"cc\":true", "invalid cc: is not a string"},
        {"\"bcc\":{}", "invalid bcc: is not a string"},
        {"\"reply_to\":[\"a@b.it\"]", "invalid reply_to: is not a string"},
        {"\"return_path\":1", "invalid return_path: is not a string"},
        {"\"message_id\":1", "invalid message_id: is not a string"},
        {"\"subject\":1", "invalid subject: is not a string"},
        {"\"body\":[]", "invalid body: is not a string"},
        {"\"content_type\":1", "invalid content_type: is not a string"},
        {"\"batch_code\":1", "invalid batch_code: is not a string"},
        {"\"headers\":[]", "invalid headers: is not an object"},
        {"\"attachments\":{}", "invalid attachments: is not an array"},
        {"\"deferred_ts\":\"soon\"",
         "invalid deferred_ts: is not a time in seconds since the epoch"},
        {"\"deferred_ts\":7.5", "invalid deferred_ts: ..."},
        {"\"deferred_ts\":1e18", "invalid deferred_ts: ..."},
        {"\"priority\":[]", NULL},
        {"\"cc\":null,\"bcc\":null,\"reply_to\":null,\"return_path\":null,\"message_id\":null,"
         "\"body\":null,\"content_type\":null,\"batch_code\":null,\"headers\":null,"
         "\"attachments\":null,\"deferred_ts\":null,\"priority\":null,\"tenant_id\":null",
         NULL},
    };

    (void)state;
    ASSERT_CASES(cases);
}

static void test_nul_and_broken_utf8_are_found_in_every_known_text(void **state)
{
    static const char *const fields[] = {"id",         "account_id",   "from",       "to",
                                         "cc",         "bcc",          "subject",    "body",
                                         "reply_to",   "content_type", "batch_code", "tenant_id",
                                         "message_id", "return_path",  "priority"};
    char message[512], reason[128];

    (void)state;
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        snprintf(message, sizeof(message), "{" MESSAGE ",\"%s\":\"a\\u0000b@x.it\"}", fields[i]);
        snprintf(reason, sizeof(reason), "invalid %s: contains a NUL character", fields[i]);
        assert_judged(message, reason);
        snprintf(message, sizeof(message), "{" MESSAGE ",\"%s\":\"a\xff@x.it\"}", fields[i]);
        snprintf(reason, sizeof(reason), "invalid %s: is not valid UTF-8", fields[i]);
        assert_judged(message, reason);
    }
    assert_judged("{" MESSAGE ",\"body\":\"\\ud800\"}", "invalid body: is not valid UTF-8");
    assert_judged("{" MESSAGE ",\"unknown\":\"\\u0000\"}", NULL);
}

static void test_line_breaks_cannot_enter_the_header(void **state)
{
    static const struct test_case cases[] = {
        {"\"from\":\"a@b.it\\r\\nBcc: c@d.it\"", "invalid from: contains CR or LF"},
        {"\"to\":[\"a@b.it\\nX: y\"]", "invalid to: contains CR or LF"},
        {"\"cc\":\"a@b.it\\r\"", "invalid cc: contains CR or LF"},
        {"\"bcc\":\"\\na@b.it\"", "invalid bcc: contains CR or LF"},
        {"\"reply_to\":\"a@b.it\\n\"", "invalid reply_to: contains CR or LF"},
        {"\"return_path\":\"a@b.it>\\r\\nDATA\"", "invalid return_path: contains CR or LF"},
        {"\"message_id\":\"a\\r\\nb\"", "invalid message_id: contains CR or LF"},
        {"\"subject\":\"a\\nb\"", "invalid subject: contains CR or LF"},
        {"\"headers\":{\"X-A\":\"a\\r\\nBcc: b\"}", "invalid headers: X-A contains CR or LF"},
        {"\"attachments\":[{\"content\":\"\",\"filename\":\"a\\r\\nb\"}]",
         "invalid attachments: filename of attachment 1 contains CR or LF"},
        {"\"body\":\"a\\r\\nb\"", NULL},
    };

    (void)state;
    ASSERT_CASES(cases);
}

static void test_addresses_follow_rfc_5321_and_6531(void **state)
{
    static const struct test_case cases[] = {
        {"\"from\":\"Ann <ann@x.it>\"", NULL},
        {"\"from\":\"nobody\"", "invalid from: ..."},
        {"\"from\":\"a@b.it, c@d.it\"", "invalid from: ..."},
        {"\"to\":\"a@b.it, Bob <b@c.it>\"", NULL},
        {"\"to\":[\"a@b.it\",\"nobody\"]", "invalid to: ..."},
        {"\"to\":[\"\\u00e9@\\u00e4.it\",\" \",null]", NULL},
        {"\"bcc\":\"a b@c.it\"", "invalid bcc: ..."},
        {"\"reply_to\":\"a@b.it, c@d.it\"", NULL},
        {"\"reply_to\":\"x\"", "invalid reply_to: ..."},
        {"\"return_path\":\"\"", NULL},
        {"\"return_path\":\"<>\"", NULL},
        {"\"return_path\":\"bounce@x.it\"", NULL},
        {"\"return_path\":\"x\"", "invalid return_path: ..."},
    };

    (void)state;
    ASSERT_CASES(cases);
}

static void test_header_names_follow_rfc_5322_and_leave_ours_alone(void **state)
{
    static const struct test_case cases[] = {
        {"\"headers\":{\"X-A\":\"1\",\"X-B\":null,\"X-C\":3,\"X-D\":true,\"Subject\":\"other\"}",
         NULL},
        {"\"headers\":{\"\":\"1\"}", "invalid headers: holds a name ..."},
        {"\"headers\":{\"X A\":\"1\"}", "invalid headers: holds a name ..."},
        {"\"headers\":{\"X\\r\\nBcc\":\"1\"}", "invalid headers: holds a name ..."},
        {"\"headers\":{\"X\\u00e9\":\"1\"}", "invalid headers: holds a name ..."},
        {"\"headers\":{\"bcc\":\"a@b.it\"}", "invalid headers: bcc cannot be set"},
        {"\"headers\":{\"Return-Path\":\"a\"}", "invalid headers: Return-Path cannot be set"},
        {"\"headers\":{\"Content-Type\":\"a\"}", "invalid headers: Content-Type cannot be set"},
        {"\"headers\":{\"mime-version\":\"2\"}", "invalid headers: mime-version cannot be set"},
        {"\"headers\":{\"X\":{}}", "invalid headers: X is not a text, number or boolean"},
        {"\"headers\":{\"X\":\"\\u0000\"}", "invalid headers: X contains a NUL character"},
    };

    (void)state;
    ASSERT_CASES(cases);
}

/* `"name":"xxx..."` of n characters. */
static void assert_long(const char *name, const char *character, size_t n, const char *reason)
{
    char message[TEST_TEXT_OCTETS - 8];
    size_t at = (size_t)snprintf(message, sizeof(message), "{" MESSAGE ",\"%s\":\"", name);

    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(message + at, sizeof(message) - at, "%s", character);
    snprintf(message + at, sizeof(message) - at, "\"}");
    assert_judged(message, reason);
}

static void test_what_is_too_long_is_named(void **state)
{
    (void)state;
    assert_long("id", "x", 255, NULL);
    assert_long("id", "x", 256, "invalid id: is longer than 255 octets");
    assert_long("id", "\xc3\xa9", 128, "invalid id: is longer than 255 octets");
    assert_long("account_id", "x", 256, "invalid account_id: is longer than 255 octets");
    assert_long("tenant_id", "x", 256, "invalid tenant_id: is longer than 255 octets");
    assert_long("batch_code", "\xc3\xa9", 64, NULL);
    assert_long("batch_code", "x", 65, "invalid batch_code: is longer than 64 characters");
    assert_long("message_id", "x", 901, "invalid message_id: is longer than 900 octets");
    assert_long("body", "x", 1800, NULL);
    assert_long("body", "x", 2000, "invalid message: is over the limit of 2000 octets");
    assert_long("subject", "x", 3000, "invalid message: is over the limit of 2000 octets");
}

static void test_attachments_are_of_one_dialect_or_the_other(void **state)
{
    static const struct test_case cases[] = {
        {"\"attachments\":[]", NULL},
        {"\"attachments\":[{\"storage_path\":\"vol:a/b.pdf\",\"extra\":1}]", NULL},
        {"\"attachments\":[{\"storage_path\":\"base64:aGk\"}]", NULL},
        {"\"attachments\":[{\"storage_path\":\"aGk=\",\"fetch_mode\":\"base64\"}]", NULL},
        {"\"attachments\":[{\"content\":\"aGk=\"},{\"url\":\"https://h/x\"},"
         "{\"s3\":{\"bucket\":\"b\",\"key\":\"k\"}}]",
         NULL},
        {"\"attachments\":[5]", "invalid attachments: attachment 1 is not an object"},
        {"\"attachments\":[{\"content\":\"\"},{\"filename\":\"a\"}]",
         "invalid attachments: attachment 2 has no storage_path, content, url or s3"},
        {"\"attachments\":[{\"storage_path\":\"\"}]",
         "invalid attachments: storage_path of attachment 1 is empty"},
        {"\"attachments\":[{\"storage_path\":5}]",
         "invalid attachments: storage_path of attachment 1 is not a string"},
        {"\"attachments\":[{\"storage_path\":\"a\\u0007\"}]",
         "invalid attachments: storage_path of attachment 1 contains a control character"},
        {"\"attachments\":[{\"storage_path\":\"a\",\"fetch_mode\":\"ftp\"}]",
         "invalid attachments: fetch_mode of attachment 1 is not ..."},
        {"\"attachments\":[{\"storage_path\":\"a\",\"fetch_mode\":\"http_url\"}]",
         "invalid attachments: storage_path of attachment 1 is not an http or https URL"},
        {"\"attachments\":[{\"content\":\"a$\"}]",
         "invalid attachments: content of attachment 1 is not base64"},
        {"\"attachments\":[{\"url\":\"file:///etc/passwd\"}]",
         "invalid attachments: url of attachment 1 is not an http or https URL"},
        {"\"attachments\":[{\"s3\":{\"bucket\":\"b\"}}]",
         "invalid attachments: s3 of attachment 1 needs a bucket and a key"},
        {"\"attachments\":[{\"storage_path\":\"a\",\"content_md5\":\"12\"}]",
         "invalid attachments: content_md5 of attachment 1 is not 32 hexadecimal digits"},
        {"\"attachments\":[{\"storage_path\":\"a\",\"mime_type\":\"a\\nb\"}]",
         "invalid attachments: mime_type of attachment 1 contains CR or LF"},
        {"\"attachments\":[{\"storage_path\":\"a\",\"auth\":{\"token\":\"a\\r\\nb\"}}]",
         "invalid attachments: auth of attachment 1 contains CR or LF"},
        {"\"attachments\":[{\"storage_path\":\"a\",\"auth\":5}]",
         "invalid attachments: auth of attachment 1 is not an object"},
    };
    char message[1024];

    (void)state;
    ASSERT_CASES(cases);
    snprintf(message, sizeof(message), "{" MESSAGE ",\"attachments\":[{\"content\":\"%0136d\"}]}",
             0);
    assert_judged(message, "invalid attachments: attachment 1 is over the limit of 100 octets");
}

static void assert_stored(const char *members, const char *content)
{
    char message[TEST_TEXT_OCTETS - 8];
    struct test_request t;

    snprintf(message, sizeof(message),
             "{\"id\":\"m\",\"account_id\":\"a\",\"from\":\"s@x.it\","
             "\"to\":\"r@x.it\",\"subject\":\"\"%s%s}",
             *members ? "," : "", members);
    t = test_take(message, NULL, NULL);
    assert_string_equal(t.draft->reason, "");
    assert_string_equal(t.draft->content.data, content);
    test_release(&t);
}

static void test_the_known_fields_alone_are_stored(void **state)
{
#define STORED                                                                                     \
    "{\"id\":\"m\",\"account_id\":\"a\",\"from\":\"s@x.it\",\"to\":\"r@x.it\",\"subject\":\"\""

    (void)state;
    assert_stored("", STORED ",\"priority\":2}");
    assert_stored("\"from\":null,\"from_addr\":\"s@x.it\"", STORED ",\"priority\":2}");
    assert_stored("\"colour\":\"red\",\"priority\":\"LOW\"", STORED ",\"priority\":3}");
    assert_stored("\"headers\":{\"X-B\":null},\"body\":null",
                  STORED ",\"body\":null,\"headers\":{\"X-B\":null},\"priority\":2}");
    assert_stored("\"attachments\":[{\"content\":\"aGVsbG8=\",\"filename\":\"a.txt\"}]",
                  STORED ",\"attachments\":[{\"filename\":\"a.txt\",\"content\":5,"
                         "\"fetch_mode\":\"base64\"}],\"priority\":2}");
    assert_stored("\"attachments\":[{\"storage_path\":\"base64:aGk\",\"x\":1},"
                  "{\"storage_path\":\"v:a/b.pdf\"},{\"url\":\"http://h/a/c.png?q=d/e\"},"
                  "{\"s3\":{\"bucket\":\"b\",\"key\":\"k/z.zip\",\"y\":2}},"
                  "{\"storage_path\":\"/srv/f\",\"content_md5\":null}]",
                  STORED ",\"attachments\":["
                         "{\"filename\":\"file.bin\",\"storage_path\":2,\"fetch_mode\":\"base64\"},"
                         "{\"filename\":\"b.pdf\",\"storage_path\":\"v:a/b.pdf\","
                         "\"fetch_mode\":\"endpoint\"},"
                         "{\"filename\":\"c.png\",\"url\":\"http://h/a/c.png?q=d/e\","
                         "\"fetch_mode\":\"http_url\"},"
                         "{\"filename\":\"z.zip\",\"s3\":{\"bucket\":\"b\",\"key\":\"k/z.zip\"},"
                         "\"fetch_mode\":\"endpoint\"},"
                         "{\"filename\":\"f\",\"storage_path\":\"/srv/f\","
                         "\"fetch_mode\":\"filesystem\"}],\"priority\":2}");
#undef STORED
}

static void test_octets_of_attachments_are_kept_apart_with_their_place(void **state)
{
    struct test_request t = test_take("{" MESSAGE ",\"attachments\":[{\"url\":\"http://h/x\"},"
                                      "{\"content\":\"aGVsbG8=\"}]}",
                                      NULL, NULL);

    (void)state;
    assert_int_equal(t.draft->attachment_count, 1);
    assert_int_equal(t.draft->attachments[0].ordinal, 1);
    assert_int_equal(t.draft->attachments[0].len, 5);
    assert_memory_equal(t.draft->attachments[0].octets, "hello", 5);
    assert_int_equal(t.draft->size_octets, t.draft->content.len + 5);
    test_release(&t);
}

static void test_a_message_id_is_given_brackets_or_made(void **state)
{
    static const struct {
        const char *given, *field;
    } cases[] = {
        {"\"GNR_1\"", "<GNR_1>"},
        {"\" <a@b> \"", "<a@b>"},
        {"\"a@b\"", "<a@b>"},
    };
    char message[512];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct test_request t;

        snprintf(message, sizeof(message), "{" MESSAGE ",\"message_id\":%s}", cases[i].given);
        t = test_take(message, NULL, NULL);
        assert_string_equal(t.draft->mime_message_id, cases[i].field);
        test_release(&t);
    }
    struct test_request made = test_take("{" MESSAGE ",\"message_id\":\" \"}", NULL, NULL);

    assert_int_equal(strlen(made.draft->mime_message_id), strlen("<0123456789012345678901@x.it>"));
    assert_non_null(strstr(made.draft->mime_message_id, "@x.it>"));
    test_release(&made);
    assert_judged("{" MESSAGE ",\"message_id\":\"a b\"}",
                  "invalid message_id: is not of visible ASCII characters");
    assert_judged("{" MESSAGE ",\"message_id\":\"a>b\"}",
                  "invalid message_id: is not of visible ASCII characters");
}

static void test_priority_is_clamped_and_labels_have_any_case(void **state)
{
    static const struct {
        const char *json;
        int32_t priority;
    } cases[] = {
        {"0", 0},     {"3", 3},        {"9", 3},        {"-1", 0},
        {"1e300", 3}, {"\"HIGH\"", 1}, {"\"low\"", 3},  {"\"Medium\"", 2},
        {"\"1\"", 1}, {"true", 1},     {"\"soon\"", 7}, {"null", 7},
        {"{}", 7},    {"1.5", 7},      {"\"\"", 7},     {"\"immediate\"", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cJSON *value = cJSON_Parse(cases[i].json);

        assert_int_equal(validate_priority(value, 7), cases[i].priority);
        cJSON_Delete(value);
    }
    assert_int_equal(validate_priority(NULL, 7), 7);
}

static void test_a_time_in_the_past_means_now(void **state)
{
    static const struct {
        const char *json;
        int64_t due_s;
    } cases[] = {{"1795327565", 1795327565}, {"\"1795327565\"", 1795327565}, {"-5", 0}, {"0", 0}};
    char message[512];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct test_request t;

        snprintf(message, sizeof(message), "{" MESSAGE ",\"deferred_ts\":%s}", cases[i].json);
        t = test_take(message, NULL, NULL);
        assert_int_equal(t.draft->due_s, cases[i].due_s);
        test_release(&t);
    }
}

static void test_the_tenant_is_the_message_s_then_the_query_s_then_the_token_s(void **state)
{
    static const struct {
        const char *members, *query, *token, *tenant_id; /* NULL tenant_id: a mismatch */
    } cases[] = {
        {",\"tenant_id\":\"a\"", "b", NULL, "a"},
        {"", "b", NULL, "b"},
        {"", NULL, "c", "c"},
        {",\"tenant_id\":\"\"", NULL, "c", "c"},
        {",\"tenant_id\":\"c\"", NULL, "c", "c"},
        {",\"tenant_id\":\"a\"", NULL, "c", NULL},
        {"", "b", "c", NULL},
    };
    char message[512];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct test_request t;

        snprintf(message, sizeof(message), "{" MESSAGE "%s}", cases[i].members);
        t = test_take(message, cases[i].query, cases[i].token);
        if (cases[i].tenant_id)
            assert_string_equal(t.draft->tenant_id, cases[i].tenant_id);
        else
            assert_string_equal(t.draft->reason, "tenant mismatch");
        test_release(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_every_message_needs_is_missed_in_a_fixed_order),
        cmocka_unit_test(test_a_field_of_the_wrong_type_is_named),
        cmocka_unit_test(test_nul_and_broken_utf8_are_found_in_every_known_text),
        cmocka_unit_test(test_line_breaks_cannot_enter_the_header),
        cmocka_unit_test(test_addresses_follow_rfc_5321_and_6531),
        cmocka_unit_test(test_header_names_follow_rfc_5322_and_leave_ours_alone),
        cmocka_unit_test(test_what_is_too_long_is_named),
        cmocka_unit_test(test_attachments_are_of_one_dialect_or_the_other),
        cmocka_unit_test(test_the_known_fields_alone_are_stored),
        cmocka_unit_test(test_octets_of_attachments_are_kept_apart_with_their_place),
        cmocka_unit_test(test_a_message_id_is_given_brackets_or_made),
        cmocka_unit_test(test_priority_is_clamped_and_labels_have_any_case),
        cmocka_unit_test(test_a_time_in_the_past_means_now),
        cmocka_unit_test(test_the_tenant_is_the_message_s_then_the_query_s_then_the_token_s),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
