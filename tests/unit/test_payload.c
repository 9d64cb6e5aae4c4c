/* Events become one entry per message, in either format. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "worker/report/payload.h"

static struct payload_event event(const char *id, const char *type, int64_t at_s,
                                  const char *description, const char *metadata)
{
    return (struct payload_event){.message_id = id,
                                  .account_id = "a1",
                                  .priority = 2,
                                  .event_type = type,
                                  .event_at_s = at_s,
                                  .description = description,
                                  .metadata = metadata};
}

static void assert_report(const struct payload_event *events, size_t count,
                          enum payload_format format, size_t entries, const char *expected)
{
    struct buf out = BUF_INIT(65536);
    size_t got = 99;

    assert_int_equal(payload_write(events, count, format, &out, &got, NULL), ERR_OK);
    assert_string_equal(out.data, expected);
    assert_int_equal(got, entries);
    buf_clear(&out);
}

static void test_no_events_make_an_empty_report(void **state)
{
    (void)state;
    assert_report(NULL, 0, PAYLOAD_EVENT, 0, "{\"delivery_report\":[]}");
    assert_report(NULL, 0, PAYLOAD_SEED, 0, "{\"delivery_report\":[]}");
}

static void test_each_kind_of_event_has_only_its_own_keys(void **state)
{
    const struct {
        struct payload_event event;
        const char *entry;
    } cases[] = {
        {event("m1", "sent", 10, NULL, NULL), "{\"id\":\"m1\",\"sent_ts\":10}"},
        {event("m1", "sent", 10, NULL,
               "{\"refused\":[{\"address\":\"a@x\",\"code\":550,\"reason\":\"no\"}]}"),
         "{\"id\":\"m1\",\"sent_ts\":10,\"refused\":[{\"address\":\"a@x\",\"code\":550,\"reason\":"
         "\"no\"}]}"},
        {event("m:\"1\"", "error", 10, "550 no", NULL),
         "{\"id\":\"m:\\\"1\\\"\",\"error_ts\":10,\"error\":\"550 no\"}"},
        {event("m1", "deferred", 10, "450 busy", NULL),
         "{\"id\":\"m1\",\"deferred_ts\":10,\"deferred_reason\":\"450 busy\"}"},
        {event("m1", "deferred", 10, NULL, NULL), "{\"id\":\"m1\",\"deferred_ts\":10}"},
        {event("m1", "bounce", 10, "gone", "{\"bounce_type\":\"hard\",\"bounce_code\":\"511\"}"),
         "{\"id\":\"m1\",\"bounce_ts\":10,\"bounce_type\":\"hard\",\"bounce_code\":\"511\","
         "\"bounce_reason\":\"gone\"}"},
        {event("m1", "pec_delivery", 10, NULL, NULL),
         "{\"id\":\"m1\",\"pec_event\":\"pec_delivery\",\"pec_ts\":10}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char expected[512];
        snprintf(expected, sizeof(expected), "{\"delivery_report\":[%s]}", cases[i].entry);
        assert_report(&cases[i].event, 1, PAYLOAD_EVENT, 1, expected);
    }
}

static void test_the_final_state_hides_deferrals_and_later_events_join_it(void **state)
{
    const struct payload_event events[] = {
        event("m1", "deferred", 5, "450 busy", NULL),
        event("m1", "sent", 10, NULL, NULL),
        event("m1", "bounce", 20, NULL, "{\"bounce_type\":\"soft\"}"),
        event("m2", "error", 11, "550 no", NULL),
        event("m2", "sent", 12, NULL, NULL),
        event("m3", "deferred", 5, "first", NULL),
        event("m3", "deferred", 6, "second", NULL),
    };

    (void)state;
    assert_report(events, 7, PAYLOAD_EVENT, 3,
                  "{\"delivery_report\":["
                  "{\"id\":\"m1\",\"sent_ts\":10,\"bounce_ts\":20,\"bounce_type\":\"soft\"},"
                  "{\"id\":\"m2\",\"sent_ts\":12},"
                  "{\"id\":\"m3\",\"deferred_ts\":6,\"deferred_reason\":\"second\"}]}");
}

static void test_the_format_of_2025_has_all_keys_in_its_order(void **state)
{
    const struct payload_event events[] = {
        event("m1", "deferred", 5, "450 busy", NULL),
        event("m1", "sent", 10, NULL, NULL),
        event("m2", "error", 11, "550 no", NULL),
        event("m3", "deferred", 6, "450 busy", NULL),
    };

    (void)state;
    assert_report(
        events, 4, PAYLOAD_SEED, 3,
        "{\"delivery_report\":["
        "{\"id\":\"m1\",\"account_id\":\"a1\",\"priority\":2,\"sent_ts\":10,"
        "\"error_ts\":null,\"error\":null,\"deferred_ts\":null},"
        "{\"id\":\"m2\",\"account_id\":\"a1\",\"priority\":2,\"sent_ts\":null,"
        "\"error_ts\":11,\"error\":\"550 no\",\"deferred_ts\":null},"
        "{\"id\":\"m3\",\"account_id\":\"a1\",\"priority\":2,\"sent_ts\":null,"
        "\"error_ts\":null,\"error\":null,\"deferred_ts\":6,\"deferred_reason\":\"450 busy\"}]}");
}

static void test_deleted_messages_are_passed_over(void **state)
{
    const struct payload_event events[] = {
        event(NULL, "sent", 5, NULL, NULL),
        event("m1", "sent", 10, NULL, NULL),
        event(NULL, "sent", 11, NULL, NULL),
    };

    (void)state;
    assert_report(events, 3, PAYLOAD_EVENT, 1,
                  "{\"delivery_report\":[{\"id\":\"m1\",\"sent_ts\":10}]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_events_make_an_empty_report),
        cmocka_unit_test(test_each_kind_of_event_has_only_its_own_keys),
        cmocka_unit_test(test_the_final_state_hides_deferrals_and_later_events_join_it),
        cmocka_unit_test(test_the_format_of_2025_has_all_keys_in_its_order),
        cmocka_unit_test(test_deleted_messages_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
