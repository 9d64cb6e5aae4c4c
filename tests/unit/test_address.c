/* test_address.c - common/address.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/address.h"

#define X10 "xxxxxxxxxx"
#define X60 X10 X10 X10 X10 X10 X10
#define X64 X60 "xxxx"

struct good_case {
    const char *text;
    const char *path;
    const char *name; /* NULL: none */
};

static void assert_good(const struct good_case *c)
{
    struct address a;
    struct error err;
    char *path;

    if (address_parse(c->text, &a, &err))
        fail_msg("%s: %s", c->text, err.text);
    path = address_to_path(&a);
    assert_string_equal(path, c->path);
    if (c->name)
        assert_string_equal(a.display_name ? a.display_name : "(none)", c->name);
    else
        assert_null(a.display_name);
    free(path);
    address_clear(&a);
}

static void test_mailboxes_are_read(void **state)
{
    static const struct good_case cases[] = {
        {"ann@example.com", "ann@example.com", NULL},
        {"  ann@example.com ", "ann@example.com", NULL},
        {"<ann@example.com>", "ann@example.com", NULL},
        {"< ann@example.com >", "ann@example.com", NULL},
        {"Ann <ann@example.com>", "ann@example.com", "Ann"},
        {"Ann<ann@example.com>", "ann@example.com", "Ann"},
        {"Ann  B.  Smith <ann@example.com>", "ann@example.com", "Ann B. Smith"},
        {"\"Smith, Ann\" <ann@example.com>", "ann@example.com", "Smith, Ann"},
        {"\"Ann \\\"B\\\" \\\\\" <ann@example.com>", "ann@example.com", "Ann \"B\" \\"},
        {"\"two  spaces\" <ann@example.com>", "ann@example.com", "two  spaces"},
        {"\"\" <ann@example.com>", "ann@example.com", NULL},
        {"\"a <b> c\" <ann@example.com>", "ann@example.com", "a <b> c"},
        {"Jos\xc3\xa9 <jose@example.com>", "jose@example.com", "Jos\xc3\xa9"},
        {"Studio Rossi & C. s.r.l. <x@example.com>", "x@example.com", "Studio Rossi & C. s.r.l."},
        /* people write these, and mean them */
        {"ann@example.com <ann@example.com>", "ann@example.com", "ann@example.com"},
        {"Ann [Acme] <ann@example.com>", "ann@example.com", "Ann [Acme]"},
        /* comments */
        {"ann@example.com (Ann)", "ann@example.com", NULL},
        {"(one (two \\) ) three) ann@example.com", "ann@example.com", NULL},
        {"Ann (of Acme) Smith <ann@example.com> (work)", "ann@example.com", "Ann Smith"},
        /* local parts */
        {"a.b-c+d_e@example.com", "a.b-c+d_e@example.com", NULL},
        {"!#$%&'*+-/=?^_`{|}~@example.com", "!#$%&'*+-/=?^_`{|}~@example.com", NULL},
        {"Ann@EXAMPLE.Com", "Ann@example.com", NULL},
        {"\"ann\"@example.com", "ann@example.com", NULL}, /* quotes that it does not need */
        {"\"ann smith\"@example.com", "\"ann smith\"@example.com", NULL},
        {"\"a@b\"@example.com", "\"a@b\"@example.com", NULL},
        {"\"a\\\"\\\\\\b\"@example.com", "\"a\\\"\\\\b\"@example.com", NULL},
        {"\"a..b\"@example.com", "\"a..b\"@example.com", NULL},
        {"<\"a>b\"@example.com>", "\"a>b\"@example.com", NULL},
        {"\"\"@example.com", "\"\"@example.com", NULL},
        {"\"a,b\"@example.com", "\"a,b\"@example.com", NULL},
        {X64 "@example.com", X64 "@example.com", NULL},
        /* domains */
        {"root@localhost", "root@localhost", NULL},
        {"a@1.2.3.4", "a@1.2.3.4", NULL},
        {"a@3com.com", "a@3com.com", NULL},
        {"a@xn--mnchen-3ya.de", "a@xn--mnchen-3ya.de", NULL},
        {"a@x--y.de", "a@x--y.de", NULL},
        {"a@[192.0.2.1]", "a@[192.0.2.1]", NULL},
        {"a@[IPv6:2001:DB8:0::1]", "a@[IPv6:2001:db8::1]", NULL},
        {"a@[ipv6:::ffff:192.0.2.1]", "a@[IPv6:::ffff:192.0.2.1]", NULL},
        {"Ann <a@[IPv6:::1]>", "a@[IPv6:::1]", "Ann"},
        {"a@" X60 "." X60 "." X60, "a@" X60 "." X60 "." X60, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_good(&cases[i]);
}

static void test_international_domains_become_a_labels(void **state)
{
    static const struct good_case cases[] = {
        {"a@m\xc3\xbcnchen.de", "a@xn--mnchen-3ya.de", NULL},
        {"a@M\xc3\x9cNCHEN.de", "a@xn--mnchen-3ya.de", NULL},
        {"a@stra\xc3\x9f"
         "e.de",
         "a@xn--strae-oqa.de", NULL},                          /* non-transitional: not strasse */
        {"a@mu\xcc\x88nchen.de", "a@xn--mnchen-3ya.de", NULL}, /* u and a combining diaeresis */
        {"a@\xe4\xbe\x8b\xe3\x81\x88\xe3\x80\x82jp", "a@xn--r8jz45g.jp",
         NULL},                                /* U+3002 is a dot */
        {"a@\xef\xbd\x81.de", "a@a.de", NULL}, /* full-width a */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_good(&cases[i]);
}

static void test_international_local_part_asks_for_smtputf8(void **state)
{
    struct address a;
    struct error err;

    (void)state;
    assert_int_equal(address_parse("jos\xc3\xa9@m\xc3\xbcnchen.de", &a, &err), ERR_OK);
    assert_string_equal(a.local_part, "jos\xc3\xa9");
    assert_string_equal(a.domain, "xn--mnchen-3ya.de");
    assert_false(a.local_is_ascii);
    address_clear(&a);
    assert_int_equal(address_parse("\"jos\xc3\xa9 b\"@example.com", &a, &err), ERR_OK);
    assert_string_equal(a.local_part, "\"jos\xc3\xa9 b\"");
    assert_false(a.local_is_ascii);
    address_clear(&a);
    assert_int_equal(address_parse("jose@m\xc3\xbcnchen.de", &a, &err), ERR_OK);
    assert_true(a.local_is_ascii);
    address_clear(&a);
}

static void test_encoded_words_in_names_are_decoded(void **state)
{
    static const struct good_case cases[] = {
        {"=?utf-8?q?Jos=C3=A9?= <j@example.com>", "j@example.com", "Jos\xc3\xa9"},
        {"=?UTF-8?B?Sm9zw6k=?= <j@example.com>", "j@example.com", "Jos\xc3\xa9"},
        {"=?iso-8859-1?Q?Jos=E9_P?= <j@example.com>", "j@example.com", "Jos\xc3\xa9 P"},
        {"=?utf-8?q?Jos=C3=A9?= Rossi <j@example.com>", "j@example.com", "Jos\xc3\xa9 Rossi"},
        {"=?utf-8?q?Jos?= =?utf-8?q?=C3=A9?= <j@example.com>", "j@example.com", "Jos\xc3\xa9"},
        {"\"=?utf-8?q?Jos=C3=A9?=\" <j@example.com>", "j@example.com", "Jos\xc3\xa9"},
        {"a =? b <j@example.com>", "j@example.com", "a =? b"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_good(&cases[i]);
}

struct bad_case {
    const char *text;
    const char *why;
};

static void assert_bad(const struct bad_case *c)
{
    struct address a = {.display_name = NULL};
    struct error err;
    enum err rc = address_parse(c->text, &a, &err);

    if (rc != ERR_INPUT)
        fail_msg("accepted: %s", c->text);
    assert_string_equal(err.text, c->why);
    assert_null(a.local_part);
}

static void test_what_is_no_mailbox_is_refused_with_the_reason(void **state)
{
    static const struct bad_case cases[] = {
        {"", "is empty"},
        {"   ", "is empty"},
        {"(comment)", "is empty"},
        {"ann", "is not an address"},
        {",", "is not an address"},
        {"Ann Smith", "is not an address"},
        {"Ann <>", "is not an address"},
        {"<>", "is not an address"},
        {"\"ann\"", "is not an address"},
        {"\"ann\"x@example.com", "is not an address"},
        {"a@example.com, b@example.com", "is more than one address"},
        {"a@example.com,", "is more than one address"},
        {"Smith, Ann <ann@example.com>", "is not an address"},
        {"friends: a@example.com, b@example.com;", "is a group"},
        {"undisclosed-recipients:;", "is a group"},
        {"a@example.com;b@example.com", "is a group"},
        {"mailto:a@example.com", "is a group"},
        {"Ann <a@example.com", "has a '<' without '>'"},
        {"Ann <<a@example.com>>", "has a '<' without '>'"},
        {"a@example.com>", "has a '>' without '<'"},
        {"<a@example.com> x", "has text behind '>'"},
        {"<a@example.com> <b@example.com>", "has text behind '>'"},
        {"\"Ann <a@example.com>", "has an unclosed quote"},
        {"<\"a@example.com>", "has an unclosed quote"},
        {"(Ann a@example.com", "has an unclosed comment"},
        {"Ann (x <a@example.com>", "has an unclosed comment"},
        {"a@[192.0.2.1", "has an unclosed bracket"},
        {"<@a.example,@b.example:a@example.com>", "local part is empty"}, /* a source route */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_bad(&cases[i]);
}

static void test_bad_local_parts_are_refused(void **state)
{
    static const struct bad_case cases[] = {
        {"@example.com", "local part is empty"},
        {".a@example.com", "local part has a dot at an end, or two in a row"},
        {"a.@example.com", "local part has a dot at an end, or two in a row"},
        {"a..b@example.com", "local part has a dot at an end, or two in a row"},
        {"a b@example.com", "local part has a character that needs quotes"},
        {"a(x)@example.com", "local part has a character that needs quotes"},
        {"a\\b@example.com", "local part has a character that needs quotes"},
        {"a\"b\"@example.com", "local part has a character that needs quotes"},
        {"\"a\\\xc3\xa9\"@example.com", "local part has a misplaced backslash"},
        {X64 "x@example.com", "local part is longer than 64 octets"},
        {"\"" X64 "x\"@example.com", "local part is longer than 64 octets"},
        {"\"" X60 " xx\"@example.com", "local part is longer than 64 octets"}, /* with its quotes */
        {X60 "xxx\xc3\xa9@example.com", "local part is longer than 64 octets"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_bad(&cases[i]);
}

static void test_bad_domains_are_refused(void **state)
{
    static const struct bad_case cases[] = {
        {"a@", "domain is empty"},
        {"a@.", "domain has an empty label"},
        {"a@.com", "domain has an empty label"},
        {"a@example..com", "domain has an empty label"},
        {"a@example.com.", "domain has an empty label"},
        {"a@b@example.com", "domain has a character that is not allowed"},
        {"a@exa mple.com", "domain has a character that is not allowed"},
        {"a@exa_mple.com", "domain has a character that is not allowed"},
        {"a@example.com/x", "domain has a character that is not allowed"},
        {"a@exam(x)ple.com", "domain has a character that is not allowed"},
        {"a@-example.com", "domain has a label with a hyphen at an end"},
        {"a@example-.com", "domain has a label with a hyphen at an end"},
        {"a@" X60 "xxxx.com", "domain has a label longer than 63 octets"},
        {"a@" X60 "." X60 "." X60 "." X60 "." X60, "domain is longer than 253 octets"},
        {"abcdefgh@" X60 "." X60 "." X60 "." X60 ".cd", "is longer than 254 octets"},
        {"a@[192.0.2]", "domain is not an address literal"},
        {"a@[192.0.2.256]", "domain is not an address literal"},
        {"a@[192.0.2.1]x", "domain is not an address literal"},
        {"a@[]", "domain is not an address literal"},
        {"a@[::1]", "domain is not an address literal"},
        {"a@[IPv6:]", "domain is not an address literal"},
        {"a@[IPv6:12345::]", "domain is not an address literal"},
        {"a@[x-tag:abc]", "domain is not an address literal"},
        {"a@[" X60 X60 "]", "domain is not an address literal"},
        /* compatibility characters that are mapped to ASCII: U+FF20 "@", U+2100 "a/c", U+FF3B "["
         */
        {"a@b\xef\xbc\xa0"
         "c.de",
         "domain has a character that is not allowed"},
        {"a@\xe2\x84\x80.de", "domain has a character that is not allowed"},
        {"a@\xef\xbc\xbb"
         "1.2.3.4]",
         "domain has a character that is not allowed"},
        {"a@m\xc3\xbc_x.de", "domain has a character that is not allowed"},
        {"a@\xe2\x80\x8b", "domain has an empty label"}, /* mapped to nothing */
        {"a@\xe2\x9d\xa4.ws", "domain is not an internationalised name: string contains a "
                              "disallowed character"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_bad(&cases[i]);
}

static void test_nothing_hides_in_an_address(void **state)
{
    static const struct bad_case cases[] = {
        {"a@example.com\r\nRCPT TO:<x@y>", "contains CR or LF"},
        {"a@example.com\n", "contains CR or LF"},
        {"\"a\rb\"@example.com", "contains CR or LF"},
        {"Ann\n <a@example.com>", "contains CR or LF"},
        {"a\t@example.com", "contains a control character"},
        {"\"a\x01\"@example.com", "contains a control character"},
        {"a@example.com\x7f", "contains a control character"},
        {"a\xc2\x85@example.com", "contains a control character"}, /* U+0085, next line */
        {"a\xc0\x80@example.com", "contains a NUL character"},
        {"a\xe9@example.com", "is not valid UTF-8"},
        {"a\xed\xa0\x80@example.com", "is not valid UTF-8"},
        {"=?utf-8?q?a=0D=0ABcc=3A_x=40y?= <a@example.com>", "display name contains CR or LF"},
        {"=?utf-8?b?YQ1i?= <a@example.com>", "display name contains CR or LF"},
        {"=?iso-8859-1?q?a=1Bb?= <a@example.com>", "display name contains a control character"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_bad(&cases[i]);
}

static void test_name_over_its_cap_is_refused(void **state)
{
    struct bad_case c = {.why = "display name is longer than 2000 octets"};
    char text[3000];

    (void)state;
    memset(text, 'x', 2001);
    memcpy(text + 2001, "<a@example.com>", sizeof("<a@example.com>"));
    c.text = text;
    assert_bad(&c);
}

static void test_lists_are_read_entry_by_entry(void **state)
{
    struct address_list list = {0};
    struct error err;

    (void)state;
    assert_int_equal(
        address_list_parse(" a@x.it,, \"B, C\" <b@x.it> , (x), c@[IPv6:::1] ,", &list, &err),
        ERR_OK);
    assert_int_equal(list.count, 3);
    assert_string_equal(list.items[0].local_part, "a");
    assert_string_equal(list.items[1].display_name, "B, C");
    assert_string_equal(list.items[2].domain, "[IPv6:::1]");
    assert_int_equal(address_list_parse("d@x.it", &list, &err), ERR_OK);
    assert_int_equal(list.count, 4);
    assert_string_equal(list.items[3].local_part, "d");
    assert_int_equal(address_list_parse("  ", &list, &err), ERR_OK);
    assert_int_equal(address_list_parse("", &list, &err), ERR_OK);
    assert_int_equal(list.count, 4);
    address_list_clear(&list);
    assert_int_equal(list.count, 0);
    address_list_clear(&list);
}

static void test_one_bad_entry_leaves_the_list_as_it_was(void **state)
{
    static const char *const cases[] = {
        "b@x.it, c@x.it, nobody",
        "b@x.it, c@x.it d@x.it",
        "b@x.it, f: c@x.it;",
        "b@x.it, (c@x.it",
        "b@x.it\n",
    };
    struct address_list list = {0};
    struct error err;

    (void)state;
    assert_int_equal(address_list_parse("a@x.it", &list, &err), ERR_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(address_list_parse(cases[i], &list, &err), ERR_INPUT);
        assert_int_equal(list.count, 1);
        assert_string_equal(list.items[0].local_part, "a");
    }
    assert_int_equal(address_list_parse("b@x.it,c@x.it", &list, &err), ERR_OK);
    assert_int_equal(list.count, 3);
    address_list_clear(&list);
}

static void test_list_ends_at_its_limit(void **state)
{
    struct address_list list = {0};
    struct error err;

    (void)state;
    for (size_t i = 0; i < ADDRESS_LIST_MAX; i++)
        assert_int_equal(address_list_parse("a@x.it", &list, &err), ERR_OK);
    assert_int_equal(address_list_parse("a@x.it", &list, &err), ERR_INPUT);
    assert_string_equal(err.text, "is more than 10000 addresses");
    assert_int_equal(list.count, ADDRESS_LIST_MAX);
    address_list_clear(&list);
}

static void test_reverse_path_may_be_null(void **state)
{
    static const struct {
        const char *text;
        const char *path; /* NULL: refused */
        bool ascii;
    } cases[] = {
        {"", "", true},
        {"  ", "", true},
        {"<>", "", true},
        {" <> ", "", true},
        {"a@x.it", "a@x.it", true},
        {"<a@x.it>", "a@x.it", true},
        {"Ann <a@x.it>", "a@x.it", true},
        {"\xc3\xa9@x.it", "\xc3\xa9@x.it", false},
        {"<> x", NULL, true},
        {"<>\n", NULL, true},
        {"\n", NULL, true},
        {"a", NULL, true},
        {"a@x.it,b@x.it", NULL, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool ascii = false;
        char *path = NULL;
        struct error err;
        enum err rc = address_parse_path(cases[i].text, &path, &ascii, &err);

        assert_int_equal(rc, cases[i].path ? ERR_OK : ERR_INPUT);
        if (rc == ERR_OK) {
            assert_string_equal(path, cases[i].path);
            assert_int_equal(ascii, cases[i].ascii);
        } else {
            assert_null(path);
        }
        free(path);
    }
}

static void *parse_many(void *arg)
{
    size_t *bad = arg;

    for (int i = 0; i < 200; i++) {
        struct address a;

        if (address_parse("=?iso-8859-1?Q?Jos=E9?= <j@m\xc3\xbcnchen.de>", &a, NULL)) {
            ++*bad;
            continue;
        }
        *bad += strcmp(a.display_name, "Jos\xc3\xa9") != 0;
        address_clear(&a);
    }
    return NULL;
}

static void test_threads_may_parse_at_the_same_time(void **state)
{
    pthread_t threads[4];
    size_t bad[4] = {0};

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, parse_many, &bad[i]), 0);
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(bad[i], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_may_parse_at_the_same_time), /* first: it initialises too */
        cmocka_unit_test(test_mailboxes_are_read),
        cmocka_unit_test(test_international_domains_become_a_labels),
        cmocka_unit_test(test_international_local_part_asks_for_smtputf8),
        cmocka_unit_test(test_encoded_words_in_names_are_decoded),
        cmocka_unit_test(test_what_is_no_mailbox_is_refused_with_the_reason),
        cmocka_unit_test(test_bad_local_parts_are_refused),
        cmocka_unit_test(test_bad_domains_are_refused),
        cmocka_unit_test(test_nothing_hides_in_an_address),
        cmocka_unit_test(test_name_over_its_cap_is_refused),
        cmocka_unit_test(test_lists_are_read_entry_by_entry),
        cmocka_unit_test(test_one_bad_entry_leaves_the_list_as_it_was),
        cmocka_unit_test(test_list_ends_at_its_limit),
        cmocka_unit_test(test_reverse_path_may_be_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
