/*
 * fuzz_address.c - an address that is taken is safe on the wire, within its limits, and reads as
 * itself again.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/address.h"
#include "common/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n);

static void fuzz_address_assert_plain(const char *text)
{
    assert(!utf8_check(text));
    for (const char *p = text; *p; p++)
        assert((unsigned char)*p >= ' ' && *p != 0x7F);
}

static void fuzz_address_assert_safe(const struct address *a)
{
    struct address again;
    char *path = address_to_path(a), *path_again;

    assert(path && strlen(path) <= ADDRESS_OCTETS_MAX);
    assert(*a->local_part && strlen(a->local_part) <= ADDRESS_LOCAL_OCTETS_MAX);
    assert(*a->domain && !strpbrk(a->domain, " <>@\""));
    fuzz_address_assert_plain(path);
    if (a->display_name)
        fuzz_address_assert_plain(a->display_name);
    if (address_parse(path, &again, NULL))
        abort();
    assert(!again.display_name && again.local_is_ascii == a->local_is_ascii);
    path_again = address_to_path(&again);
    assert(path_again && strcmp(path, path_again) == 0);
    free(path_again);
    free(path);
    address_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
    struct address_list list = {0};
    struct address a;
    char *text = malloc(n + 1), *path = NULL;
    bool ascii;

    assert(text);
    if (n > 0)
        memcpy(text, octets, n);
    text[n] = '\0';
    if (address_parse(text, &a, NULL) == ERR_OK) {
        fuzz_address_assert_safe(&a);
        address_clear(&a);
    }
    if (address_list_parse(text, &list, NULL) == ERR_OK)
        for (size_t i = 0; i < list.count; i++)
            fuzz_address_assert_safe(&list.items[i]);
    else
        assert(list.count == 0);
    address_list_clear(&list);
    if (address_parse_path(text, &path, &ascii, NULL) == ERR_OK)
        fuzz_address_assert_plain(path);
    free(path);
    free(text);
    return 0;
}
