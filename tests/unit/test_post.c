/* Signatures of reports, and what answers mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker/report/post.h"

/* The example of the Standard Webhooks specification. */
static void test_signature_is_that_of_standard_webhooks(void **state)
{
    const char *body = "{\"test\": 2432232314}";
    char signature[POST_SIGNATURE_OCTETS];

    (void)state;
    assert_int_equal(post_sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                               "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body, strlen(body),
                               signature, NULL),
                     ERR_OK);
    assert_string_equal(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

static void test_a_secret_without_prefix_is_the_key_itself(void **state)
{
    char signature[POST_SIGNATURE_OCTETS], other[POST_SIGNATURE_OCTETS];

    (void)state;
    assert_int_equal(post_sign("key", "msg_1", 1, "b", 1, signature, NULL), ERR_OK);
    assert_int_equal(post_sign("whsec_a2V5", "msg_1", 1, "b", 1, other, NULL), ERR_OK);
    assert_string_equal(signature, other);
    assert_int_equal(post_sign("whsec_!!", "msg_1", 1, "b", 1, other, NULL), ERR_INPUT);
}

static void test_the_same_report_has_the_same_id_but_polls_differ(void **state)
{
    char tenant_id[] = "acme", body[] = "{\"delivery_report\":[]}";
    struct outbox_tenant tenant = {.tenant_id = tenant_id, .lease_token = 1};
    struct outbox_batch batch = {.body = {.data = body, .len = strlen(body)}, .entries = 1};
    char one[POST_ID_OCTETS], two[POST_ID_OCTETS];

    (void)state;
    assert_int_equal(post_make_id(&tenant, &batch, one, NULL), ERR_OK);
    tenant.lease_token = 2;
    assert_int_equal(post_make_id(&tenant, &batch, two, NULL), ERR_OK);
    assert_string_equal(one, two);
    assert_int_equal(strncmp(one, "msg_", 4), 0);
    assert_int_equal(strlen(one), 4 + 32);
    batch.entries = 0;
    assert_int_equal(post_make_id(&tenant, &batch, one, NULL), ERR_OK);
    tenant.lease_token = 3;
    assert_int_equal(post_make_id(&tenant, &batch, two, NULL), ERR_OK);
    assert_string_not_equal(one, two);
}

static void test_any_2xx_acknowledges_and_nothing_else_does(void **state)
{
    static const struct {
        long status;
        enum err rc;
        int64_t retry_after_s;
        const char *body;
        bool acknowledged;
        int64_t queued, next_sync_s, wait_s;
    } cases[] = {
        {200, ERR_OK, -1, "{\"ok\":true,\"queued\":3}", true, 3, 0, -1},
        {200, ERR_OK, -1, "{\"next_sync_after\":1999999999.5}", true, 0, 1999999999, -1},
        {200, ERR_OK, -1, "{\"queued\":\"x\",\"next_sync_after\":-1}", true, 0, 0, -1},
        {200, ERR_OK, -1, "{\"queued\":1e300,\"next_sync_after\":1e300}", true, 0, 0, -1},
        {200, ERR_OK, -1, "<html>", true, 0, 0, -1},
        {204, ERR_OK, -1, NULL, true, 0, 0, -1},
        {200, ERR_LIMIT, -1, NULL, true, 0, 0, -1},
        {200, ERR_NET, -1, NULL, false, 0, 0, -1},
        {302, ERR_OK, -1, "{\"queued\":3}", false, 0, 0, -1},
        {401, ERR_OK, -1, NULL, false, 0, 0, -1},
        {503, ERR_OK, 120, NULL, false, 0, 0, 120},
        {500, ERR_OK, 120, NULL, false, 0, 0, -1},
        {0, ERR_NET, -1, NULL, false, 0, 0, -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http_answer answer = {
            .status = cases[i].status, .rc = cases[i].rc, .retry_after_s = cases[i].retry_after_s};
        char body[128] = "";
        struct post_verdict v;
        if (cases[i].body) {
            strncpy(body, cases[i].body, sizeof(body) - 1);
            answer.body = body;
            answer.body_octets = strlen(body);
        }
        post_judge(&answer, &v);
        assert_int_equal(v.acknowledged, cases[i].acknowledged);
        assert_int_equal(v.queued, cases[i].queued);
        assert_int_equal(v.next_sync_s, cases[i].next_sync_s);
        assert_int_equal(v.retry_after_s, cases[i].wait_s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signature_is_that_of_standard_webhooks),
        cmocka_unit_test(test_a_secret_without_prefix_is_the_key_itself),
        cmocka_unit_test(test_the_same_report_has_the_same_id_but_polls_differ),
        cmocka_unit_test(test_any_2xx_acknowledges_and_nothing_else_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
