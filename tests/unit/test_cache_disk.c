#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "worker/compose/cache_disk.h"

enum { PATH_OCTETS = 128, TTL_S = 100, OCTETS_MAX = 1000, READ_MAX = 1000 };

static char directory[PATH_OCTETS];
static unsigned char octets[OCTETS_MAX + 1];

static int set_up(void **state)
{
    (void)state;
    snprintf(directory, sizeof(directory), "/tmp/test_cache_disk.XXXXXX");
    memset(octets, 'x', sizeof(octets));
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info, (void)type, (void)walk;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    return nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static struct cache_disk *open_cache(void)
{
    struct cache_disk *cache = NULL;
    struct error err;

    assert_int_equal(cache_disk_new(directory, OCTETS_MAX, TTL_S, &cache, &err), ERR_OK);
    return cache;
}

static bool is_there(struct cache_disk *cache, const char *key)
{
    unsigned char *got = NULL;
    size_t n;
    bool found = cache_disk_get(cache, key, READ_MAX, &got, &n);

    free(got);
    return found;
}

static void set_age(const char *key, int64_t seconds)
{
    char path[2 * PATH_OCTETS];
    struct timespec times[2] = {{.tv_sec = time(NULL) - seconds}, {.tv_sec = time(NULL) - seconds}};

    snprintf(path, sizeof(path), "%s/%.2s/%s", directory, key, key);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void test_another_worker_finds_what_one_has_put(void **state)
{
    struct cache_disk *one = open_cache(), *other = open_cache();
    unsigned char *got = NULL;
    size_t n = 0;

    (void)state;
    assert_false(is_there(other, "abcd"));
    cache_disk_put(one, "abcd", octets, 300);
    assert_true(cache_disk_get(other, "abcd", READ_MAX, &got, &n));
    assert_int_equal(n, 300);
    assert_memory_equal(got, octets, 300);
    free(got);
    cache_disk_free(one);
    cache_disk_free(other);
}

static void test_what_is_too_old_is_not_given_and_goes(void **state)
{
    struct cache_disk *cache = open_cache();
    char path[2 * PATH_OCTETS];

    (void)state;
    cache_disk_put(cache, "abcd", octets, 300);
    set_age("abcd", TTL_S + 1);
    assert_false(is_there(cache, "abcd"));
    cache_disk_trim(cache);
    snprintf(path, sizeof(path), "%s/ab/abcd", directory);
    assert_int_equal(access(path, F_OK), -1);
    cache_disk_free(cache);
}

static void test_the_oldest_go_when_there_are_too_many(void **state)
{
    struct cache_disk *cache = open_cache();

    (void)state;
    cache_disk_put(cache, "aa11", octets, 400);
    cache_disk_put(cache, "bb22", octets, 400);
    set_age("aa11", 10);
    set_age("bb22", 20);
    cache_disk_put(cache, "cc33", octets, 400);
    assert_true(is_there(cache, "aa11"));
    assert_false(is_there(cache, "bb22"));
    assert_true(is_there(cache, "cc33"));
    cache_disk_free(cache);
}

static void test_what_is_larger_than_asked_for_is_not_read(void **state)
{
    struct cache_disk *cache = open_cache();
    unsigned char *got = NULL;
    size_t n;

    (void)state;
    cache_disk_put(cache, "abcd", octets, 300);
    assert_false(cache_disk_get(cache, "abcd", 299, &got, &n));
    cache_disk_put(cache, "ffff", octets, OCTETS_MAX + 1);
    assert_false(is_there(cache, "ffff"));
    cache_disk_free(cache);
}

static void test_a_link_or_a_folder_in_its_place_is_no_entry(void **state)
{
    struct cache_disk *cache = open_cache();
    char path[2 * PATH_OCTETS];

    (void)state;
    snprintf(path, sizeof(path), "%s/ab", directory);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/ab/abcd", directory);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_false(is_there(cache, "abcd"));
    snprintf(path, sizeof(path), "%s/ab/abce", directory);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_false(is_there(cache, "abce"));
    cache_disk_free(cache);
}

static void test_a_directory_that_cannot_be_used_is_told(void **state)
{
    struct cache_disk *cache = NULL;
    struct error err;

    (void)state;
    assert_int_equal(cache_disk_new("/proc/nowhere/cache", OCTETS_MAX, TTL_S, &cache, &err),
                     ERR_CONFIG);
    assert_non_null(strstr(err.text, "GMP_CACHE_DISK_DIR"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_another_worker_finds_what_one_has_put, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_too_old_is_not_given_and_goes, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_the_oldest_go_when_there_are_too_many, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_larger_than_asked_for_is_not_read, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_link_or_a_folder_in_its_place_is_no_entry, set_up,
                                        tear_down),
        cmocka_unit_test(test_a_directory_that_cannot_be_used_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
