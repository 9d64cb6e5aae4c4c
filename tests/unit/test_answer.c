/* test_answer.c - worker/authorize/answer.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"
#include "worker/authorize/answer.h"

static const char *const answer_no_secrets[] = {NULL};

static struct answer answer_of(long status, const char *body)
{
    struct error err = {0};
    struct answer answer = {0};

    assert_int_equal(
        answer_read(status, body, body ? strlen(body) : 0, answer_no_secrets, &answer, &err),
        ERR_OK);
    return answer;
}

static void test_a_token_is_read_with_its_life_and_its_refresh_token(void **state)
{
    static const struct {
        const char *body, *access_token, *refresh_token;
        int32_t expires_s;
    } cases[] = {
        {"{\"access_token\":\"t\",\"token_type\":\"Bearer\",\"expires_in\":3599}", "t", NULL, 3599},
        {"{\"token_type\":\"bearer\",\"access_token\":\"t.-_~+/=\",\"expires_in\":\"3599\"}",
         "t.-_~+/=", NULL, 3599},
        {"{\"access_token\":\"t\"}", "t", NULL, 0},
        {"{\"access_token\":\"t\",\"expires_in\":null}", "t", NULL, 0},
        {"{\"access_token\":\"t\",\"expires_in\":0}", "t", NULL, 0},
        {"{\"access_token\":\"t\",\"expires_in\":-5}", "t", NULL, 0},
        {"{\"access_token\":\"t\",\"expires_in\":\"soon\"}", "t", NULL, 0},
        {"{\"access_token\":\"t\",\"expires_in\":99999999999999}", "t", NULL, ANSWER_LIFE_MAX_S},
        {"{\"access_token\":\"t\",\"refresh_token\":\"r\",\"scope\":\"a b\"}", "t", "r", 0},
        {"{\"access_token\":\"t\",\"refresh_token\":\"\"}", "t", NULL, 0},
        {"{\"access_token\":\"t\",\"refresh_token\":5}", "t", NULL, 0},
        {"{\"access_token\":\"t\",\"refresh_token\":\"a\\u0000b\"}", "t", NULL, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct answer answer = answer_of(200, cases[i].body);

        assert_string_equal(answer.access_token, cases[i].access_token);
        assert_int_equal(answer.expires_s, cases[i].expires_s);
        if (cases[i].refresh_token)
            assert_string_equal(answer.refresh_token, cases[i].refresh_token);
        else
            assert_null(answer.refresh_token);
        answer_clear(&answer);
    }
}

static void test_what_is_no_token_is_said_in_one_line(void **state)
{
    static const struct {
        long status;
        const char *body, *why;
        bool permanent;
    } cases[] = {
        /* Google, Microsoft Entra ID, Keycloak. */
        {400,
         "{\"error\":\"invalid_grant\",\"error_description\":\"Token has been expired or "
         "revoked.\"}",
         "answered 400 invalid_grant: Token has been expired or revoked.", true},
        {401,
         "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000215: Invalid client "
         "secret provided.\\r\\nTrace ID: 1\",\"error_codes\":[7000215]}",
         "answered 401 invalid_client: AADSTS7000215: Invalid client secret provided.  Trace ID: 1",
         true},
        {401, "{\"error\":\"unauthorized_client\"}", "answered 401 unauthorized_client", true},
        {404, "<html>not here</html>", "answered 404", true},
        {403, NULL, "answered 403", true},
        {429, "{\"error\":\"slow_down\"}", "answered 429 slow_down", false},
        {408, NULL, "answered 408", false},
        {503, "{\"error\":{\"code\":503}}", "answered 503", false},
        {500, "[1]", "answered 500", false},
        {302, "", "answered 302", false},
        {201, "{\"access_token\":\"t\"}", "answered 201", false},
        {200, NULL, "answered 200 without a JSON object", false},
        {200, "\"text\"", "answered 200 without a JSON object", false},
        {200, "{", "answered 200 without a JSON object", false},
        {200, "{}", "answered 200 without an access_token", false},
        {200, "{\"access_token\":\"\"}", "answered 200 without an access_token", false},
        {200, "{\"access_token\":7}", "answered 200 without an access_token", false},
        {200, "{\"access_token\":\"a b\"}", "answered 200 without a usable access_token", false},
        {200, "{\"access_token\":\"a\\u0001b\"}", "answered 200 without a usable access_token",
         false},
        {200, "{\"access_token\":\"\xc3\xa4\"}", "answered 200 without a usable access_token",
         false},
        {200, "{\"access_token\":\"t\",\"token_type\":\"mac\"}",
         "gave a token that is no bearer token", true},
        {400, "{\"error\":\"a\\u0000b\\u007f\"}", "answered 400 a  b ", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct answer answer = answer_of(cases[i].status, cases[i].body);

        assert_null(answer.access_token);
        assert_string_equal(answer.why, cases[i].why);
        assert_int_equal(answer.permanent, cases[i].permanent);
        answer_clear(&answer);
    }
}

static void test_a_long_description_is_cut_between_characters(void **state)
{
    char body[2000] = "{\"error\":\"e\",\"error_description\":\"";
    struct answer answer;

    (void)state;
    for (int i = 0; i < 500; i++)
        strncat(body, "\xe2\x82\xac", 4);
    strncat(body, "\"}", 3);
    answer = answer_of(400, body);
    assert_true(strlen(answer.why) > ANSWER_WHY_OCTETS - 5);
    assert_null(utf8_check(answer.why));
    answer_clear(&answer);
}

static void test_what_the_endpoint_was_sent_is_not_quoted(void **state)
{
    static const char *const secrets[] = {"", "hush", "a-refresh-token", NULL};
    const char *body = "{\"error\":\"no hush\",\"error_description\":\"hushhush and "
                       "a-refresh-token, a-refresh\"}";
    struct answer answer = {0};

    (void)state;
    assert_int_equal(answer_read(400, body, strlen(body), secrets, &answer, NULL), ERR_OK);
    assert_string_equal(answer.why,
                        "answered 400 no ****: ******** and ***************, a-refresh");
    answer_clear(&answer);
}

static void test_a_relays_challenge_gives_its_status(void **state)
{
    static const struct {
        const char *base64, *words;
    } cases[] = {
        /* {"status":"401","schemes":"bearer","scope":"https://mail.google.com/"} */
        {"eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIiwic2NvcGUiOiJodHRwczovL21haWwuZ29vZ2xlLmNv"
         "bS8ifQ==",
         "status 401"},
        {"eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=", "status invalid_token"},
        {"", ""},
        {"VXNlcm5hbWU6", ""},
        {"not base64!", ""},
        {"e30=", ""},
        {"WzFd", ""},
    };
    char words[32];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        answer_read_challenge(cases[i].base64, words, sizeof(words));
        assert_string_equal(words, cases[i].words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_token_is_read_with_its_life_and_its_refresh_token),
        cmocka_unit_test(test_what_is_no_token_is_said_in_one_line),
        cmocka_unit_test(test_a_long_description_is_cut_between_characters),
        cmocka_unit_test(test_what_the_endpoint_was_sent_is_not_quoted),
        cmocka_unit_test(test_a_relays_challenge_gives_its_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
