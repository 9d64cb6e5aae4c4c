/* test_grant.c - worker/authorize/grant.h, as far as it needs no database */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "worker/authorize/grant.h"

static char *grant_text(const char *text)
{
    return (char *)(uintptr_t)text; /* grant_write_form() only reads */
}

static void test_a_form_holds_what_the_grant_has_and_nothing_is_misread(void **state)
{
    static const struct {
        const char *client_id, *client_secret, *refresh_token, *scope, *form;
    } cases[] = {
        {"id", "secret", NULL, "a b",
         "grant_type=client_credentials&client_id=id&client_secret=secret&scope=a%20b"},
        {"id", "s&e=c+r%t", NULL, NULL,
         "grant_type=client_credentials&client_id=id&client_secret=s%26e%3Dc%2Br%25t"},
        {"id", NULL, "1//0-_.~", NULL,
         "grant_type=refresh_token&client_id=id&refresh_token=1%2F%2F0-_.%7E"},
        {"\xc3\xa4", "s", "r", "https://outlook.office365.com/.default",
         "grant_type=refresh_token&client_id=%C3%A4&client_secret=s&refresh_token=r"
         "&scope=https%3A%2F%2Foutlook.office365.com%2F.default"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct grant grant = {.client_id = grant_text(cases[i].client_id),
                                    .client_secret = grant_text(cases[i].client_secret),
                                    .refresh_token = grant_text(cases[i].refresh_token),
                                    .scope = grant_text(cases[i].scope)};
        struct buf form = BUF_INIT(4096);

        grant_write_form(&grant, &form);
        buf_append_char(&form, '\0');
        assert_int_equal(form.failed, ERR_OK);
        assert_string_equal(form.data, cases[i].form);
        buf_wipe(&form);
    }
}

static void test_a_client_by_basic_is_encoded_and_not_in_the_form(void **state)
{
    const struct grant grant = {.client_id = grant_text("id:\xc3\xa4"),
                                .client_secret = grant_text("s:e c+r%t"),
                                .basic = true};
    struct buf form = BUF_INIT(4096), id = BUF_INIT(4096), secret = BUF_INIT(4096);

    (void)state;
    grant_write_form(&grant, &form);
    buf_append_char(&form, '\0');
    grant_write_client(&grant, &id, &secret);
    assert_string_equal(form.data, "grant_type=client_credentials");
    assert_string_equal(id.data, "id%3A%C3%A4");
    assert_string_equal(secret.data, "s%3Ae%20c%2Br%25t");
    buf_wipe(&form);
    buf_clear(&id);
    buf_wipe(&secret);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_form_holds_what_the_grant_has_and_nothing_is_misread),
        cmocka_unit_test(test_a_client_by_basic_is_encoded_and_not_in_the_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
