/* What compose_mail() puts on the wire, octet by octet, for each kind of message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/json.h"
#include "worker/compose/compose.h"

#define TAIL                                                                                       \
    "Date: Sun, 22 Nov 2026 06:06:05 +0000\r\n"                                                    \
    "Message-ID: <abc@mailproxy>\r\n"
#define PLAIN                                                                                      \
    "MIME-Version: 1.0\r\n"                                                                        \
    "Content-Type: text/plain; charset=\"utf-8\"\r\n"                                              \
    "Content-Transfer-Encoding: 7bit\r\n"
#define FROM_TO_HI "From: s@x.it\r\nTo: ok@x.it\r\nSubject: Hi\r\n"
#define BASE       "\"from\":\"s@x.it\",\"to\":[\"ok@x.it\"],\"subject\":\"Hi\",\"body\":\"b\""

struct options {
    const char *settled;
    const struct compose_attachment *attachments;
    size_t attachment_count;
    size_t max_octets;
};

static enum err compose(const char *json, const struct options *options, struct mail **ret,
                        struct error *err)
{
    struct json_syntax_error syntax;
    cJSON *content = NULL;

    assert_int_equal(json_parse(json, strlen(json), &content, &syntax, err), ERR_OK);
    struct compose_input input = {
        .content = content,
        .message_id = "m1",
        .mime_message_id = "<abc@mailproxy>",
        .created_us = 1795327565123456,
        .settled = options ? options->settled : NULL,
        .attachments = options ? options->attachments : NULL,
        .attachment_count = options ? options->attachment_count : 0,
        .max_octets = options && options->max_octets ? options->max_octets : 1024 * 1024,
    };
    enum err rc = compose_mail(&input, ret, err);
    cJSON_Delete(content);
    return rc;
}

static void assert_no_long_line(const struct mail *mail)
{
    size_t column = 0;

    for (size_t i = 0; i < mail->data.len; i++) {
        char c = mail->data.data[i];
        if (c == '\n')
            assert_true(i > 0 && mail->data.data[i - 1] == '\r');
        else if (i > 0 && mail->data.data[i - 1] == '\r')
            fail_msg("bare CR at octet %zu", i);
        column = c == '\n' ? 0 : column + 1;
        assert_true(column <= 999); /* with the CR */
    }
    assert_true(mail->data.len > 2);
    assert_memory_equal(mail->data.data + mail->data.len - 2, "\r\n", 2);
}

/* Compose and hand over; fails the test unless it works. */
static struct mail *compose_ok(const char *json, const struct options *options)
{
    struct mail *mail = NULL;
    struct error err = {0};

    if (compose(json, options, &mail, &err))
        fail_msg("%s\n%s", err.text, json);
    assert_no_long_line(mail);
    return mail;
}

static void test_each_kind_of_message_has_exactly_these_octets(void **state)
{
    static const struct {
        const char *json;
        const char *octets;
    } cases[] = {
        {"{" BASE "}", FROM_TO_HI TAIL PLAIN "X-Genro-Mail-ID: m1\r\n\r\nb\r\n"},
        {"{\"from\":\"s@x.it\",\"to\":\"ok@x.it\",\"subject\":\"\"}",
         "From: s@x.it\r\nTo: ok@x.it\r\nSubject: \r\n" TAIL PLAIN
         "X-Genro-Mail-ID: m1\r\n\r\n\r\n"},
        {"{" BASE ",\"body\":\"a\\rb\\nc\\r\\nd\\n\"}",
         FROM_TO_HI TAIL PLAIN "X-Genro-Mail-ID: m1\r\n\r\na\r\nb\r\nc\r\nd\r\n"},
        {"{" BASE ",\"content_type\":\"html\",\"body\":\"<p>Caffè</p>\"}",
         FROM_TO_HI TAIL "MIME-Version: 1.0\r\n"
                         "Content-Type: text/html; charset=\"utf-8\"\r\n"
                         "Content-Transfer-Encoding: quoted-printable\r\n"
                         "X-Genro-Mail-ID: m1\r\n\r\n<p>Caff=C3=A8</p>\r\n"},
        {"{" BASE ",\"body\":\"日本語日本語\"}",
         FROM_TO_HI TAIL "MIME-Version: 1.0\r\n"
                         "Content-Type: text/plain; charset=\"utf-8\"\r\n"
                         "Content-Transfer-Encoding: base64\r\n"
                         "X-Genro-Mail-ID: m1\r\n\r\n5pel5pys6Kqe5pel5pys6KqeDQo=\r\n"},
        {"{\"from\":\"José Pérez <s@x.it>\",\"to\":[\"\\\"Doe, John\\\" <j@x.it>\",\"k@x.it\"],"
         "\"cc\":\"c@x.it, "
         "d@x.it\",\"bcc\":[\"b@x.it\"],\"reply_to\":\"r@x.it\",\"subject\":\"Città nuova\","
         "\"body\":\"b\"}",
         "From: =?utf-8?b?Sm9zw6kgUMOpcmV6?= <s@x.it>\r\n"
         "To: \"Doe, John\" <j@x.it>, k@x.it\r\n"
         "Subject: =?utf-8?b?Q2l0dMOg?= nuova\r\n"
         "Cc: c@x.it, d@x.it\r\n"
         "Reply-To: r@x.it\r\n" TAIL PLAIN "X-Genro-Mail-ID: m1\r\n\r\nb\r\n"},
        {"{" BASE ",\"headers\":{\"X-A\":1,\"X-B\":null,\"X-C\":true,\"X-D\":1.5,\"x-a\":\"2\","
         "\"subject\":\"Other\",\"Date\":\"Mon, 1 Jan 2024 00:00:00 "
         "+0000\",\"Message-Id\":\"<own@x>\"}}",
         "From: s@x.it\r\nTo: ok@x.it\r\nsubject: Other\r\n"
         "Date: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-Id: <own@x>\r\n" PLAIN
         "X-A: 2\r\nX-C: True\r\nX-D: 1.5\r\nX-Genro-Mail-ID: m1\r\n\r\nb\r\n"},
        {"{\"from\":\"s@bücher.example\",\"to\":[\"ok@x.it\"],\"subject\":\"Hi\",\"body\":\"b\"}",
         "From: s@xn--bcher-kva.example\r\nTo: ok@x.it\r\nSubject: Hi\r\n" TAIL PLAIN
         "X-Genro-Mail-ID: m1\r\n\r\nb\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mail *mail = compose_ok(cases[i].json, NULL);
        assert_string_equal(mail->data.data, cases[i].octets);
        assert_int_equal(mail->data.len, strlen(cases[i].octets));
        assert_false(mail->has_8bit);
        mail_free(mail);
    }
}

static void test_attachments_make_multipart_mixed_with_the_body_first(void **state)
{
    const struct compose_attachment attachments[] = {
        {.filename = "a.pdf", .octets = (const unsigned char *)"%PDF", .len = 4},
        {.filename = "Fattura è.bin",
         .mime_type = "message/rfc822",
         .octets = (const unsigned char *)"",
         .len = 0},
        {.filename = "i.ics",
         .mime_type = "text/calendar; method=REQUEST",
         .octets = (const unsigned char *)"x",
         .len = 1},
    };
    const struct options options = {.attachments = attachments, .attachment_count = 3};
    struct mail *mail = compose_ok("{" BASE "}", &options);
    struct mail *again = compose_ok("{" BASE "}", &options);
    const char *start = strstr(mail->data.data, "boundary=\"");
    char boundary[64] = {0};
    char expected[4096];

    (void)state;
    assert_non_null(start);
    start += strlen("boundary=\"");
    memcpy(boundary, start, strcspn(start, "\""));
    assert_true(!strncmp(boundary, "=_", 2));
    snprintf(expected, sizeof(expected),
             FROM_TO_HI TAIL
             "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"%s\"\r\n"
             "X-Genro-Mail-ID: m1\r\n\r\n"
             "--%s\r\nContent-Type: text/plain; charset=\"utf-8\"\r\n"
             "Content-Transfer-Encoding: 7bit\r\n\r\nb\r\n"
             "\r\n--%s\r\nContent-Type: application/pdf\r\n"
             "Content-Transfer-Encoding: base64\r\n"
             "Content-Disposition: attachment; filename=\"a.pdf\"\r\n\r\nJVBERg==\r\n"
             "\r\n--%s\r\nContent-Type: application/octet-stream\r\n"
             "Content-Transfer-Encoding: base64\r\n"
             "Content-Disposition: attachment; filename*=UTF-8''Fattura%%20%%C3%%A8.bin\r\n\r\n"
             "\r\n--%s\r\nContent-Type: text/calendar; method=REQUEST\r\n"
             "Content-Transfer-Encoding: base64\r\n"
             "Content-Disposition: attachment; filename=\"i.ics\"\r\n\r\neA==\r\n"
             "\r\n--%s--\r\n",
             boundary, boundary, boundary, boundary, boundary, boundary);
    assert_string_equal(mail->data.data, expected);
    assert_string_equal(again->data.data, expected); /* the same octets at every attempt */
    mail_free(mail);
    mail_free(again);
}

static void test_a_boundary_that_stands_in_the_text_is_not_used(void **state)
{
    const struct compose_attachment attachment = {
        .filename = "a.txt", .octets = (const unsigned char *)"x", .len = 1};
    const struct options options = {.attachments = &attachment, .attachment_count = 1};
    struct mail *mail = compose_ok("{" BASE "}", &options);
    char boundary[64] = {0}, json[512];
    const char *start = strstr(mail->data.data, "=_");

    (void)state;
    memcpy(boundary, start, strcspn(start, "\""));
    mail_free(mail);
    snprintf(json, sizeof(json), "{" BASE ",\"body\":\"--%s--\"}", boundary);
    mail = compose_ok(json, &options);
    start = strstr(mail->data.data, "boundary=\"");
    assert_non_null(start);
    assert_int_not_equal(strncmp(start + 10, boundary, strlen(boundary)), 0);
    mail_free(mail);
}

static void test_envelope_lists_each_address_once_and_leaves_out_the_settled(void **state)
{
    static const struct {
        const char *json;
        const char *settled;
        const char *sender;
        const char *recipients; /* joined by a space */
    } cases[] = {
        {"{" BASE "}", NULL, "s@x.it", "ok@x.it"},
        {"{" BASE ",\"cc\":[\"C <c@X.it>\",\"ok@x.it\"],\"bcc\":\"b@x.it,c@x.it\"}", NULL, "s@x.it",
         "ok@x.it c@x.it b@x.it"},
        {"{" BASE ",\"cc\":[\"c@x.it\"],\"bcc\":\"b@x.it\"}",
         "[{\"address\":\"ok@x.it\",\"outcome\":\"sent\"},{\"address\":\"b@x.it\",\"outcome\":"
         "\"error\"}]",
         "s@x.it", "c@x.it"},
        {"{" BASE ",\"return_path\":\"\"}", NULL, "", "ok@x.it"},
        {"{" BASE ",\"return_path\":\"<>\"}", NULL, "", "ok@x.it"},
        {"{" BASE ",\"return_path\":\"bounce@y.it\"}", NULL, "bounce@y.it", "ok@x.it"},
        {"{" BASE ",\"return_path\":null}", NULL, "s@x.it", "ok@x.it"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct options options = {.settled = cases[i].settled};
        struct mail *mail = compose_ok(cases[i].json, &options);
        struct buf joined = BUF_INIT(1024);
        for (size_t r = 0; r < mail->recipient_count; r++)
            buf_printf(&joined, r ? " %s" : "%s", mail->recipients[r].address);
        assert_string_equal(joined.data, cases[i].recipients);
        assert_string_equal(mail->sender, cases[i].sender);
        assert_null(strstr(mail->data.data, "Bcc"));
        assert_null(strstr(mail->data.data, "b@x.it"));
        assert_null(strstr(mail->data.data, "Return-Path"));
        buf_clear(&joined);
        mail_free(mail);
    }
}

static void test_a_message_that_can_never_be_sent_says_why(void **state)
{
    static const struct {
        const char *json;
        const char *reason; /* how it begins */
    } cases[] = {
        {"{}", "missing from"},
        {"{\"from\":\"s@x.it\"}", "missing to"},
        {"{\"from\":\"a@x.it, b@x.it\",\"to\":\"c@x.it\"}", "invalid from: "},
        {"{\"from\":\"s@x.it\",\"to\":[\"a@x.it\\r\\nBcc: e@x.it\"]}", "invalid to: "},
        {"{\"from\":\"s@x.it\",\"to\":[7]}", "invalid to: is not text"},
        {"{" BASE ",\"subject\":\"a\\nBcc: e@x.it\"}", "invalid subject: contains CR or LF"},
        {"{" BASE ",\"subject\":\"a\\u0000\"}", "invalid subject: contains a NUL"},
        {"{" BASE ",\"body\":\"a\\u0000\"}", "invalid body: contains a NUL"},
        {"{" BASE ",\"body\":{}}", "invalid body: is not text"},
        {"{" BASE ",\"headers\":{\"X-A\":\"a\\r\\nBcc: e@x.it\"}}",
         "invalid headers: X-A contains CR or LF"},
        {"{" BASE ",\"headers\":{\"X-A\\r\\nB\":\"a\"}}", "invalid headers: a name holds"},
        {"{" BASE ",\"headers\":{\"X:A\":\"a\"}}", "invalid headers: a name holds"},
        {"{" BASE ",\"headers\":{\"\":\"a\"}}", "invalid headers: a name must"},
        {"{" BASE ",\"headers\":{\"bcc\":\"a@x.it\"}}", "invalid headers: bcc may not be set"},
        {"{" BASE ",\"headers\":{\"Return-Path\":\"a@x.it\"}}",
         "invalid headers: Return-Path may not"},
        {"{" BASE ",\"headers\":{\"content-type\":\"text/html\"}}",
         "invalid headers: content-type may not"},
        {"{" BASE ",\"headers\":{\"MIME-version\":\"2\"}}",
         "invalid headers: MIME-version may not"},
        {"{" BASE ",\"headers\":[]}", "invalid headers: is not an object"},
        {"{" BASE ",\"return_path\":\"no address\"}", "invalid return_path: "},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mail *mail = NULL;
        struct error err = {0};
        assert_int_equal(compose(cases[i].json, NULL, &mail, &err), ERR_INPUT);
        assert_null(mail);
        if (strncmp(err.text, cases[i].reason, strlen(cases[i].reason)) != 0)
            fail_msg("\"%s\" does not begin \"%s\"", err.text, cases[i].reason);
    }
}

static void test_a_message_over_the_limit_is_refused(void **state)
{
    const struct options options = {.max_octets = 200};
    struct mail *mail = NULL;
    struct error err = {0};

    (void)state;
    assert_int_equal(compose("{" BASE "}", &options, &mail, &err), ERR_LIMIT);
    assert_null(mail);
}

static char *repeat(const char *text, size_t times)
{
    struct buf b = BUF_INIT(1024 * 1024);

    for (size_t i = 0; i < times; i++)
        buf_append_str(&b, text);
    return buf_take(&b, NULL);
}

static void test_long_lines_are_folded_encoded_or_quoted(void **state)
{
    static const struct {
        const char *part;
        size_t times;
        size_t columns; /* no header line may be longer */
    } cases[] = {
        {"word ", 100, 78}, {"日本", 200, 76},   {"è ", 300, 76},  {"x", 3000, 76},
        {"x", 900, 960},    {"  \\t ", 500, 78}, {"😀a ", 100, 76}, {"plain città ", 50, 76},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text = repeat(cases[i].part, cases[i].times);
        struct buf json = BUF_INIT(1024 * 1024);
        buf_printf(&json,
                   "{\"from\":\"s@x.it\",\"to\":\"ok@x.it\",\"subject\":\"%s\",\"body\":\"%s\"}",
                   text, text);
        struct mail *mail = compose_ok(json.data, NULL); /* checks that no line is over 998 */
        for (const char *line = mail->data.data; *line != '\r'; line = strstr(line, "\r\n") + 2)
            assert_true((size_t)(strstr(line, "\r\n") - line) <= cases[i].columns);
        mail_free(mail);
        buf_clear(&json);
        free(text);
    }
}

static void test_words_are_encoded_only_where_they_must_be(void **state)
{
    static const struct {
        const char *subject;
        const char *line;
    } cases[] = {
        {"plain è plain", "Subject: plain =?utf-8?b?w6g=?= plain\r\n"},
        {"è plain è", "Subject: =?utf-8?b?w6g=?= plain =?utf-8?b?w6g=?=\r\n"},
        {"è è", "Subject: =?utf-8?b?w6ggw6g=?=\r\n"},
        {"a  b", "Subject: a  b\r\n"},
        {" a ", "Subject: a\r\n"},
        {"bell\\u0007", "Subject: =?utf-8?q?bell=07?=\r\n"},
        {"=?utf-8?q?a?=", "Subject: =?utf-8?q?a?=\r\n"},
        {"Totale: €", "Subject: Totale: =?utf-8?b?4oKs?=\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char json[512];
        snprintf(json, sizeof(json), "{" BASE ",\"subject\":\"%s\"}", cases[i].subject);
        struct mail *mail = compose_ok(json, NULL);
        if (!strstr(mail->data.data, cases[i].line))
            fail_msg("%s is not in\n%s", cases[i].line, mail->data.data);
        mail_free(mail);
    }
}

static void test_display_names_are_quoted_or_encoded(void **state)
{
    static const struct {
        const char *from;
        const char *line;
    } cases[] = {
        {"Ann Lee <a@x.it>", "From: Ann Lee <a@x.it>\r\n"},
        {"\\\"Lee, Ann\\\" <a@x.it>", "From: \"Lee, Ann\" <a@x.it>\r\n"},
        {"\\\"a \\\\\\\"b\\\\\\\" c\\\" <a@x.it>", "From: \"a \\\"b\\\" c\" <a@x.it>\r\n"},
        {"\\\"José, Jr.\\\" <a@x.it>", "From: =?utf-8?b?Sm9zw6ksIEpyLg==?= <a@x.it>\r\n"},
        {"Anna è qui <a@x.it>", "From: Anna =?utf-8?b?w6g=?= qui <a@x.it>\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char json[512];
        snprintf(json, sizeof(json), "{" BASE ",\"from\":\"%s\"}", cases[i].from);
        struct mail *mail = compose_ok(json, NULL);
        if (!strstr(mail->data.data, cases[i].line))
            fail_msg("%s is not in\n%s", cases[i].line, mail->data.data);
        mail_free(mail);
    }
}

static void test_a_non_ascii_local_part_is_raw_and_said_to_be(void **state)
{
    struct mail *mail = compose_ok("{" BASE ",\"cc\":\"Zoë <zoë@x.it>\"}", NULL);

    (void)state;
    if (!strstr(mail->data.data, "Cc: =?utf-8?q?Zo=C3=AB?= <zoë@x.it>\r\n"))
        fail_msg("%s", mail->data.data);
    assert_true(mail->has_8bit);
    assert_true(mail->sender_ascii);
    assert_int_equal(mail->recipient_count, 2);
    assert_true(mail->recipients[0].ascii);
    assert_false(mail->recipients[1].ascii);
    mail_free(mail);
}

static void test_attachment_names_and_types_cannot_inject_fields(void **state)
{
    static const struct {
        const char *filename, *mime_type;
        enum err rc;
    } cases[] = {
        {"a\r\nX: y", NULL, ERR_INPUT},
        {"a\xff", NULL, ERR_INPUT},
        {"a", "text/plain\r\nX: y", ERR_INPUT},
        {"a", "text/plain; x*=utf-8''%0D%0AX-Evil:%20y", ERR_OK},
        {"a", "text/plain; x=\"\x01\"", ERR_OK},
        {"a", "text/plain; x*=utf-0'%.'\xd0\xbe\xa7", ERR_OK},
        {"a", "/", ERR_OK},
        {"a", "te xt/plain", ERR_OK},
        {"a\"; x=\"y", "a/b/c", ERR_OK},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct compose_attachment a = {.filename = cases[i].filename,
                                             .mime_type = cases[i].mime_type,
                                             .octets = (const unsigned char *)"x",
                                             .len = 1};
        const struct options options = {.attachments = &a, .attachment_count = 1};
        struct mail *mail = NULL;
        struct error err = {0};
        assert_int_equal(compose("{" BASE "}", &options, &mail, &err), cases[i].rc);
        if (mail) {
            assert_no_long_line(mail);
            assert_false(mail->has_8bit);
            for (size_t o = 0; o < mail->data.len; o++)
                assert_true((mail->data.data[o] & 0x80) == 0);
            assert_null(strstr(mail->data.data, "\r\nX-Evil"));
        }
        mail_free(mail);
    }
}

static int set_up(void **state)
{
    (void)state;
    compose_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_kind_of_message_has_exactly_these_octets),
        cmocka_unit_test(test_attachments_make_multipart_mixed_with_the_body_first),
        cmocka_unit_test(test_a_boundary_that_stands_in_the_text_is_not_used),
        cmocka_unit_test(test_envelope_lists_each_address_once_and_leaves_out_the_settled),
        cmocka_unit_test(test_a_message_that_can_never_be_sent_says_why),
        cmocka_unit_test(test_a_message_over_the_limit_is_refused),
        cmocka_unit_test(test_long_lines_are_folded_encoded_or_quoted),
        cmocka_unit_test(test_words_are_encoded_only_where_they_must_be),
        cmocka_unit_test(test_display_names_are_quoted_or_encoded),
        cmocka_unit_test(test_a_non_ascii_local_part_is_raw_and_said_to_be),
        cmocka_unit_test(test_attachment_names_and_types_cannot_inject_fields),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
