/* Which addresses tenant-supplied URLs may reach. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker/http_guard.h"

static bool allows(const struct http_guard *guard, const char *text)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

    if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
        memcpy(&storage, &in, sizeof(in));
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
        memcpy(&storage, &in6, sizeof(in6));
    }
    return http_guard_allows_address(guard, (const struct sockaddr *)&storage);
}

static void test_special_addresses_are_refused_in_every_dress(void **state)
{
    static const struct {
        const char *address;
        bool allowed;
    } cases[] = {
        {"127.0.0.1", false},
        {"127.255.255.255", false},
        {"0.0.0.0", false},
        {"10.1.2.3", false},
        {"172.15.255.255", true},
        {"172.16.0.0", false},
        {"172.31.255.255", false},
        {"172.32.0.0", true},
        {"192.168.1.1", false},
        {"169.254.169.254", false},
        {"100.63.255.255", true},
        {"100.64.0.1", false},
        {"100.127.255.255", false},
        {"100.128.0.0", true},
        {"192.0.2.1", false},
        {"198.19.0.1", false},
        {"224.0.0.1", false},
        {"255.255.255.255", false},
        {"8.8.8.8", true},
        {"::", false},
        {"::1", false},
        {"::ffff:127.0.0.1", false},
        {"::ffff:8.8.8.8", true},
        {"::10.0.0.1", false},
        {"64:ff9b::10.0.0.1", false},
        {"64:ff9b::8.8.8.8", true},
        {"64:ff9b:1::8.8.8.8", false},
        {"2002:0a00:0001::1", false},
        {"2002:0808:0808::1", true},
        {"2001:0:1::1", false},
        {"2001:db8::1", false},
        {"2606:4700::1111", true},
        {"fe80::1", false},
        {"fec0::1", false},
        {"fc00::1", false},
        {"fd12::1", false},
        {"ff02::1", false},
        {"100::1", false},
    };
    struct http_guard *guard = NULL;

    (void)state;
    assert_int_equal(http_guard_new(NULL, &guard, NULL), ERR_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (allows(guard, cases[i].address) != cases[i].allowed)
            fail_msg("%s should be %s", cases[i].address, cases[i].allowed ? "allowed" : "refused");
    http_guard_free(guard);
}

static void test_a_local_socket_is_refused(void **state)
{
    struct sockaddr address = {.sa_family = AF_UNIX};
    struct http_guard *guard = NULL;

    (void)state;
    assert_int_equal(http_guard_new("", &guard, NULL), ERR_OK);
    assert_false(http_guard_allows_address(guard, &address));
    http_guard_free(guard);
}

static void test_the_operator_opens_blocks_and_host_names(void **state)
{
    struct http_guard *guard = NULL;

    (void)state;
    assert_int_equal(
        http_guard_new(" 10.1.0.0/16, 127.0.0.1,fd00::/8 ,Files.Example.lan,", &guard, NULL),
        ERR_OK);
    assert_true(allows(guard, "10.1.2.3"));
    assert_true(allows(guard, "::ffff:10.1.2.3"));
    assert_false(allows(guard, "10.2.0.1"));
    assert_true(allows(guard, "127.0.0.1"));
    assert_false(allows(guard, "127.0.0.2"));
    assert_true(allows(guard, "fd12::1"));
    assert_false(allows(guard, "fc12::1"));
    assert_true(http_guard_allows_host(guard, "files.example.LAN"));
    assert_false(http_guard_allows_host(guard, "example.lan"));
    http_guard_free(guard);
}

static void test_a_wrong_entry_is_named(void **state)
{
    static const char *const cases[] = {"10.0.0.0/33", "10.0.0.0/", "10.0.0/8",    "fd00::/129",
                                        "::/x",        "a b/c",     "10.0.0.0/ 8", "10.0.0.256"};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http_guard *guard = NULL;
        struct error err = {0};
        if (http_guard_new(cases[i], &guard, &err) != ERR_CONFIG)
            fail_msg("%s should be refused", cases[i]);
        assert_non_null(strstr(err.text, "GMP_ALLOW_PRIVATE_HOSTS"));
        assert_null(guard);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_special_addresses_are_refused_in_every_dress),
        cmocka_unit_test(test_a_local_socket_is_refused),
        cmocka_unit_test(test_the_operator_opens_blocks_and_host_names),
        cmocka_unit_test(test_a_wrong_entry_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
