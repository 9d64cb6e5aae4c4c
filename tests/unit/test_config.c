/* test_config.c - common/config.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config.h"

/* Begin each test without any setting. */
static int clear_settings(void **state)
{
    (void)state;
    return clearenv();
}

static struct config *load(void)
{
    struct config *config = NULL;
    struct error err = {0};

    if (config_load(&config, &err))
        fail_msg("%s", err.text);
    return config;
}

/* The error's text; the settings must not load. */
static const char *refusal(void)
{
    static struct error err;
    struct config *config = NULL;

    assert_int_equal(config_load(&config, &err), ERR_CONFIG);
    assert_null(config);
    return err.text;
}

static void assert_holds(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" does not hold \"%s\"", text, part);
}

/* A file with these octets; its name lives until the next call. */
static const char *new_file(const void *octets, size_t n)
{
    static char name[64];
    FILE *out;
    int fd;

    snprintf(name, sizeof(name), "/tmp/mailproxy-test-config-XXXXXX");
    fd = mkstemp(name);
    assert_true(fd >= 0);
    out = fdopen(fd, "w");
    assert_non_null(out);
    assert_int_equal(fwrite(octets, 1, n, out), n);
    assert_int_equal(fclose(out), 0);
    return name;
}

/* What a function prints; owned. */
static char *printed(const struct config *config)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);

    assert_non_null(out);
    config_print(config, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void test_defaults_without_any_setting(void **state)
{
    static const int32_t delays[] = {60, 300, 900, 3600, 7200};
    struct config *config = load();

    (void)state;
    assert_null(config->database_url);
    assert_null(config->api_token);
    assert_string_equal(config->host, "127.0.0.1");
    assert_int_equal(config->port, 8000);
    assert_int_equal(config->log_level, LOG_INFO);
    assert_int_equal(config->max_body_bytes, 128 * 1024 * 1024);
    assert_false(config->require_tls_for_auth);
    assert_int_equal(config->retry_delays.count, 5);
    assert_memory_equal(config->retry_delays.seconds, delays, sizeof(delays));
    config_free(config);
}

static void test_every_setting_has_the_default_that_operators_rely_on(void **state)
{
    static const char *const lines[] = {
        "GMP_DATABASE_URL=",
        "GMP_DATABASE_POOLER_URL=",
        "GMP_ROLE_PREFIX=mailproxy",
        "GMP_HOST=127.0.0.1",
        "GMP_PORT=8000",
        "GMP_API_TOKEN=",
        "GMP_ALLOW_OPEN_LISTEN=false",
        "MAIL_PROXY_ENCRYPTION_KEY=",
        "GMP_LOG_LEVEL=info",
        "GMP_RETRY_DELAYS=60,300,900,3600,7200",
        "GMP_RETRY_MAX_AGE=432000",
        "GMP_BATCH_SIZE_PER_ACCOUNT=50",
        "GMP_MAX_CONNECTIONS_PER_ACCOUNT=10",
        "GMP_DEFAULT_PRIORITY=2",
        "GMP_SYNC_INTERVAL=300",
        "GMP_TIMEZONE=Europe/Rome",
        "GMP_CLIENT_SYNC_URL=",
        "GMP_CLIENT_SYNC_USER=",
        "GMP_CLIENT_SYNC_PASSWORD=",
        "GMP_CLIENT_SYNC_TOKEN=",
        "GMP_DELIVERY_REPORT_RETENTION_SECONDS=604800",
        "GMP_CONTENT_RETENTION_SECONDS=1209600",
        "GMP_HISTORY_RETENTION_SECONDS=2592000",
        "GMP_MAX_BODY_BYTES=134217728",
        "GMP_MAX_BODIES_IN_FLIGHT_BYTES=268435456",
        "GMP_MAX_MESSAGE_BYTES=26214400",
        "GMP_MAX_ATTACHMENT_BYTES=26214400",
        "GMP_ATTACHMENT_BASE_DIR=",
        "GMP_ATTACHMENT_TIMEOUT=30",
        "GMP_CACHE_MEMORY_MAX_MB=50",
        "GMP_CACHE_MEMORY_TTL_SECONDS=300",
        "GMP_CACHE_DISK_DIR=",
        "GMP_CACHE_DISK_MAX_MB=500",
        "GMP_CACHE_DISK_TTL_SECONDS=3600",
        "GMP_CACHE_DISK_THRESHOLD_KB=100",
        "GMP_ALLOW_PRIVATE_HOSTS=",
        "GMP_METRICS_TOKEN=",
        "GMP_REQUIRE_TLS_FOR_AUTH=false",
        "GMP_CA_FILE=",
        "GMP_LEASE_SECONDS=60",
        "GMP_STATE_DIR=",
        "GMP_WORKER_CONNECTIONS=200",
        "GMP_SYNC_CONNECT_TIMEOUT=10",
        "GMP_SYNC_TIMEOUT=60",
    };
    struct config *config = load();
    char *text = printed(config);

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char line[128];
        snprintf(line, sizeof(line), "%s\n", lines[i]);
        const char *found = strstr(text, line);
        if (!found || (found > text && found[-1] != '\n'))
            fail_msg("%s is not among\n%s", lines[i], text);
    }
    free(text);
    config_free(config);
}

static void test_booleans_are_said_in_many_ways(void **state)
{
    static const struct {
        const char *text;
        bool value;
    } cases[] = {
        {"true", true},   {"T", true},  {"yes", true}, {"Y", true},  {"on", true},   {"1", true},
        {"False", false}, {"f", false}, {"NO", false}, {"n", false}, {"Off", false}, {"0", false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        clear_settings(state);
        setenv("GMP_REQUIRE_TLS_FOR_AUTH", cases[i].text, 1);
        struct config *config = load();
        assert_int_equal(config->require_tls_for_auth, cases[i].value);
        config_free(config);
    }
}

static void test_values_of_each_kind_are_read(void **state)
{
    struct config *config;

    (void)state;
    setenv("GMP_PORT", " 8080\n", 1);
    setenv("GMP_HELO_NAME", "\tmail.example.com ", 1);
    setenv("GMP_API_TOKEN", "token", 1);
    setenv("GMP_REQUIRE_TLS_FOR_AUTH", "Yes", 1);
    setenv("GMP_ALLOW_OPEN_LISTEN", "off", 1);
    setenv("GMP_LOG_LEVEL", "DEBUG", 1);
    setenv("GMP_RETRY_DELAYS", "0,31536000", 1);
    config = load();
    assert_int_equal(config->port, 8080);
    assert_string_equal(config->helo_name, "mail.example.com");
    assert_string_equal(config->api_token, "token");
    assert_true(config->require_tls_for_auth);
    assert_false(config->allow_open_listen);
    assert_int_equal(config->log_level, LOG_DEBUG);
    assert_int_equal(config->retry_delays.count, 2);
    assert_int_equal(config->retry_delays.seconds[1], 31536000);
    config_free(config);
}

static void test_an_empty_value_is_no_value_but_an_empty_list_is_a_list(void **state)
{
    struct config *config;

    (void)state;
    setenv("GMP_PORT", "", 1);
    setenv("GMP_API_TOKEN", "", 1);
    setenv("GMP_RETRY_DELAYS", "", 1);
    config = load();
    assert_int_equal(config->port, 8000);
    assert_null(config->api_token);
    assert_int_equal(config->retry_delays.count, 0);
    config_free(config);
}

static void test_with_an_admin_token_the_server_listens_to_all(void **state)
{
    struct config *config;

    (void)state;
    setenv("GMP_API_TOKEN", "token", 1);
    config = load();
    assert_string_equal(config->host, "0.0.0.0");
    config_free(config);
}

static void test_a_bad_value_is_named_with_its_setting_and_its_bounds(void **state)
{
    static const struct {
        const char *name, *value, *bounds;
    } cases[] = {
        {"GMP_PORT", "0", "from 1 to 65535"},
        {"GMP_PORT", "65536", "from 1 to 65535"},
        {"GMP_PORT", "80a", "from 1 to 65535"},
        {"GMP_PORT", "8e3", "from 1 to 65535"},
        {"GMP_PORT", "99999999999999999999", "from 1 to 65535"},
        {"GMP_DEFAULT_PRIORITY", "-1", "from 0 to 3"},
        {"GMP_MAX_MESSAGE_BYTES", "1023", "from 1024 to 536870912"},
        {"GMP_WORKER_MEMORY_BYTES", "1", "from 1048576 to 68719476736"},
        {"GMP_REQUIRE_TLS_FOR_AUTH", "2", "true or false"},
        {"GMP_LOG_LEVEL", "verbose", "error, warn, info or debug"},
        {"GMP_RETRY_DELAYS", "60,", "from 0 to 31536000"},
        {"GMP_RETRY_DELAYS", "60,,60", "from 0 to 31536000"},
        {"GMP_RETRY_DELAYS", "-1", "from 0 to 31536000"},
        {"GMP_RETRY_DELAYS", "31536001", "from 0 to 31536000"},
        {"GMP_RETRY_DELAYS", "60 s", "from 0 to 31536000"},
        {"GMP_RETRY_DELAYS", "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1",
         "at most 32"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *text;

        clear_settings(state);
        setenv(cases[i].name, cases[i].value, 1);
        text = refusal();
        assert_holds(text, cases[i].name);
        assert_holds(text, cases[i].value);
        assert_holds(text, cases[i].bounds);
    }
}

static void test_a_value_may_come_from_a_file(void **state)
{
    struct config *config;
    const char *name = new_file("from a file \r\n", 14);

    (void)state;
    setenv("GMP_API_TOKEN_FILE", name, 1);
    config = load();
    unlink(name);
    assert_string_equal(config->api_token, "from a file");
    config_free(config);
}

static void test_a_bad_value_from_a_file_is_named_as_its_setting(void **state)
{
    const char *name = new_file("http", 4);
    const char *text;

    (void)state;
    setenv("GMP_PORT_FILE", name, 1);
    text = refusal();
    unlink(name);
    assert_holds(text, "GMP_PORT=http");
    assert_holds(text, "65535");
}

static void test_value_and_file_at_once_are_refused(void **state)
{
    const char *text;

    (void)state;
    setenv("GMP_API_TOKEN", "hidden-word", 1);
    setenv("GMP_API_TOKEN_FILE", "/dev/null", 1);
    text = refusal();
    assert_holds(text, "GMP_API_TOKEN and GMP_API_TOKEN_FILE");
    assert_null(strstr(text, "hidden-word"));
}

static void test_a_file_that_cannot_be_read_is_named_with_the_reason(void **state)
{
    const char *text;

    (void)state;
    setenv("GMP_API_TOKEN_FILE", "/nonexistent/token", 1);
    text = refusal();
    assert_holds(text, "GMP_API_TOKEN_FILE: cannot read /nonexistent/token");
    assert_holds(text, "No such file");
}

static void test_a_file_that_is_no_setting_is_refused_and_not_shown(void **state)
{
    static char large[70000];
    static const struct {
        const char *octets;
        size_t n;
    } cases[] = {{large, sizeof(large)}, {"hidden\0word", 11}};

    memset(large, 'x', sizeof(large));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *name = new_file(cases[i].octets, cases[i].n);
        const char *text;

        clear_settings(state);
        setenv("GMP_API_TOKEN_FILE", name, 1);
        text = refusal();
        unlink(name);
        assert_holds(text, name);
        assert_null(strstr(text, "hidden"));
        assert_null(strstr(text, "xxxx"));
    }
}

static void test_what_is_printed_masks_secrets_and_can_be_read_again(void **state)
{
    static const char *const secrets[] = {
        "GMP_DATABASE_URL",         "GMP_DATABASE_POOLER_URL", "GMP_API_TOKEN",
        "GMP_CLIENT_SYNC_PASSWORD", "GMP_CLIENT_SYNC_TOKEN",   "GMP_METRICS_TOKEN",
        "MAIL_PROXY_ENCRYPTION_KEY"};
    struct config *config;
    char line[64];
    char *text;

    (void)state;
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
        setenv(secrets[i], "hidden-word", 1);
    setenv("GMP_RETRY_DELAYS", "5,10", 1);
    setenv("GMP_CLIENT_SYNC_USER", "someone", 1);
    config = load();
    text = printed(config);
    assert_null(strstr(text, "hidden-word"));
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        snprintf(line, sizeof(line), "%s=***\n", secrets[i]);
        assert_holds(text, line);
    }
    assert_holds(text, "GMP_RETRY_DELAYS=5,10\n");
    assert_holds(text, "GMP_CLIENT_SYNC_USER=someone\n");
    assert_holds(text, "GMP_HELO_NAME=\n"); /* not set: nothing behind the sign */
    free(text);
    config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_defaults_without_any_setting, clear_settings),
        cmocka_unit_test_setup(test_every_setting_has_the_default_that_operators_rely_on,
                               clear_settings),
        cmocka_unit_test_setup(test_booleans_are_said_in_many_ways, clear_settings),
        cmocka_unit_test_setup(test_values_of_each_kind_are_read, clear_settings),
        cmocka_unit_test_setup(test_an_empty_value_is_no_value_but_an_empty_list_is_a_list,
                               clear_settings),
        cmocka_unit_test_setup(test_with_an_admin_token_the_server_listens_to_all, clear_settings),
        cmocka_unit_test_setup(test_a_bad_value_is_named_with_its_setting_and_its_bounds,
                               clear_settings),
        cmocka_unit_test_setup(test_a_value_may_come_from_a_file, clear_settings),
        cmocka_unit_test_setup(test_a_bad_value_from_a_file_is_named_as_its_setting,
                               clear_settings),
        cmocka_unit_test_setup(test_value_and_file_at_once_are_refused, clear_settings),
        cmocka_unit_test_setup(test_a_file_that_cannot_be_read_is_named_with_the_reason,
                               clear_settings),
        cmocka_unit_test_setup(test_a_file_that_is_no_setting_is_refused_and_not_shown,
                               clear_settings),
        cmocka_unit_test_setup(test_what_is_printed_masks_secrets_and_can_be_read_again,
                               clear_settings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
