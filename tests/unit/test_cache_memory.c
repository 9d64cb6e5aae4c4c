#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/compose/cache_memory.h"

enum { TTL_MS = 1000, OCTETS_MAX = 100 };

static const unsigned char octets[OCTETS_MAX + 1] = "what was fetched";

static bool is_there(struct cache_memory *cache, const char *key, int64_t now_ms, size_t n)
{
    unsigned char *got = NULL;
    size_t len = 0;
    bool found = cache_memory_get(cache, key, now_ms, &got, &len);

    if (found) {
        assert_int_equal(len, n);
        assert_memory_equal(got, octets, n);
    }
    free(got);
    return found;
}

static void test_what_was_put_is_there_until_its_time_is_over(void **state)
{
    struct cache_memory *cache = cache_memory_new(OCTETS_MAX, TTL_MS);

    (void)state;
    assert_false(is_there(cache, "a", 0, 16));
    cache_memory_put(cache, "a", 0, octets, 16);
    assert_true(is_there(cache, "a", TTL_MS, 16));
    assert_false(is_there(cache, "b", TTL_MS, 16));
    assert_false(is_there(cache, "a", TTL_MS + 1, 16));
    assert_int_equal(cache_memory_held(cache), 0);
    cache_memory_free(cache);
}

static void test_the_least_recently_used_go_first(void **state)
{
    struct cache_memory *cache = cache_memory_new(OCTETS_MAX, TTL_MS);

    (void)state;
    cache_memory_put(cache, "a", 0, octets, 40);
    cache_memory_put(cache, "b", 0, octets, 40);
    assert_true(is_there(cache, "a", 0, 40)); /* used: b is the older one now */
    cache_memory_put(cache, "c", 0, octets, 60);
    assert_true(is_there(cache, "a", 0, 40));
    assert_false(is_there(cache, "b", 0, 40));
    assert_true(is_there(cache, "c", 0, 60));
    assert_int_equal(cache_memory_held(cache), OCTETS_MAX);
    cache_memory_free(cache);
}

static void test_what_is_larger_than_all_of_it_is_not_kept(void **state)
{
    struct cache_memory *cache = cache_memory_new(OCTETS_MAX, TTL_MS);

    (void)state;
    cache_memory_put(cache, "a", 0, octets, 40);
    cache_memory_put(cache, "b", 0, octets, OCTETS_MAX + 1);
    assert_true(is_there(cache, "a", 0, 40));
    assert_false(is_there(cache, "b", 0, OCTETS_MAX + 1));
    cache_memory_free(cache);
}

static void test_the_same_key_again_replaces(void **state)
{
    struct cache_memory *cache = cache_memory_new(OCTETS_MAX, TTL_MS);

    (void)state;
    cache_memory_put(cache, "a", 0, octets, 40);
    cache_memory_put(cache, "a", 10, octets, 20);
    assert_true(is_there(cache, "a", TTL_MS + 5, 20));
    assert_int_equal(cache_memory_held(cache), 20);
    cache_memory_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_put_is_there_until_its_time_is_over),
        cmocka_unit_test(test_the_least_recently_used_go_first),
        cmocka_unit_test(test_what_is_larger_than_all_of_it_is_not_kept),
        cmocka_unit_test(test_the_same_key_again_replaces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
