/*
 * http_guard.c - blocks of addresses, and whether one is in them. See http_guard.h.
 */
#include "worker/http_guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { GUARD_ADDRESS_OCTETS = 16, GUARD_ENTRIES_MAX = 1000, GUARD_V4_BITS = 96 };

/* Every address is looked at as IPv6; an IPv4 one is mapped (::ffff:0:0/96). */
struct http_block {
    unsigned char octets[GUARD_ADDRESS_OCTETS];
    unsigned bits;
};

struct http_guard {
    struct http_block *blocks; /* owned */
    size_t block_count;
    char **hosts; /* owned */
    size_t host_count;
};

/* The IANA special-purpose registries (RFC 6890 and its updates): whatever is not globally
 * reachable unicast. */
static const char *const http_guard_special_v4[] = {
    "0.0.0.0/8",       /* this network */
    "10.0.0.0/8",      /* private */
    "100.64.0.0/10",   /* carrier-grade NAT */
    "127.0.0.0/8",     /* loopback */
    "169.254.0.0/16",  /* link-local, cloud metadata */
    "172.16.0.0/12",   /* private */
    "192.0.0.0/24",    /* protocol assignments */
    "192.0.2.0/24",    /* documentation */
    "192.88.99.0/24",  /* 6to4 relays, deprecated */
    "192.168.0.0/16",  /* private */
    "198.18.0.0/15",   /* benchmarks */
    "198.51.100.0/24", /* documentation */
    "203.0.113.0/24",  /* documentation */
    "224.0.0.0/4",     /* multicast */
    "240.0.0.0/4",     /* reserved, broadcast */
};

/* Only 2000::/3 is global unicast; these are the special blocks within it. */
static const char *const http_guard_special_v6[] = {
    "2001::/23",     /* protocol assignments, Teredo */
    "2001:db8::/32", /* documentation */
    "3fff::/20",     /* documentation */
};

/* "address" or "address/bits". */
static bool http_guard_parse_block(const char *text, struct http_block *ret)
{
    char address[INET6_ADDRSTRLEN];
    struct http_block block = {.bits = 128};
    const char *slash = strchr(text, '/');
    size_t n = slash ? (size_t)(slash - text) : strlen(text);
    unsigned char v4[4];
    unsigned offset = 0;

    if (n >= sizeof(address))
        return false;
    memcpy(address, text, n);
    address[n] = '\0';
    if (inet_pton(AF_INET, address, v4) == 1) {
        block.octets[10] = block.octets[11] = 0xff;
        memcpy(block.octets + 12, v4, sizeof(v4));
        offset = GUARD_V4_BITS;
    } else if (inet_pton(AF_INET6, address, block.octets) != 1) {
        return false;
    }
    if (slash) {
        char *end = NULL;
        unsigned long bits = strtoul(slash + 1, &end, 10);
        if (slash[1] < '0' || slash[1] > '9' || *end || bits > 128 - offset)
            return false;
        block.bits = offset + (unsigned)bits;
    }
    *ret = block;
    return true;
}

static bool http_guard_block_holds(const struct http_block *block, const unsigned char *octets)
{
    unsigned whole = block->bits / 8, rest = block->bits % 8;

    if (memcmp(block->octets, octets, whole) != 0)
        return false;
    return rest == 0 || (block->octets[whole] ^ octets[whole]) >> (8 - rest) == 0;
}

static bool http_guard_is_in(const char *const *texts, size_t count, const unsigned char *octets)
{
    for (size_t i = 0; i < count; i++) {
        struct http_block block;
        if (http_guard_parse_block(texts[i], &block) && http_guard_block_holds(&block, octets))
            return true;
    }
    return false;
}

static bool http_guard_is_special_v4(const unsigned char *v4)
{
    unsigned char mapped[GUARD_ADDRESS_OCTETS] = {[10] = 0xff, [11] = 0xff};

    memcpy(mapped + 12, v4, 4);
    return http_guard_is_in(http_guard_special_v4,
                            sizeof(http_guard_special_v4) / sizeof(http_guard_special_v4[0]),
                            mapped);
}

static bool http_guard_is_special(const unsigned char *octets)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    static const unsigned char nat64[12] = {0x00, 0x64, 0xff, 0x9b}; /* RFC 6052: 64:ff9b::/96 */

    if (!memcmp(octets, mapped, sizeof(mapped)) || !memcmp(octets, nat64, sizeof(nat64)))
        return http_guard_is_special_v4(octets + 12);
    if (octets[0] == 0x20 && octets[1] == 0x02) /* 6to4, RFC 3056: the IPv4 address follows */
        return http_guard_is_special_v4(octets + 2);
    if (octets[0] >> 5 != 1)
        return true;
    return http_guard_is_in(http_guard_special_v6,
                            sizeof(http_guard_special_v6) / sizeof(http_guard_special_v6[0]),
                            octets);
}

/* Letters, digits, dot, hyphen and underscore: a slip in an address must not pass for a host name.
 */
static bool http_guard_is_host_name(const char *text)
{
    bool letter = false;

    for (; *text; text++) {
        bool is_letter = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z');
        if (!is_letter && !strchr("0123456789.-_", *text))
            return false;
        letter = letter || is_letter;
    }
    return letter;
}

static enum err http_guard_add(struct http_guard *guard, const char *entry, struct error *err)
{
    struct http_block block;

    if (guard->block_count + guard->host_count >= GUARD_ENTRIES_MAX)
        return error_set(err, ERR_CONFIG, "GMP_ALLOW_PRIVATE_HOSTS has more than %d entries",
                         GUARD_ENTRIES_MAX);
    if (http_guard_parse_block(entry, &block)) {
        guard->blocks[guard->block_count++] = block;
        return ERR_OK;
    }
    if (!http_guard_is_host_name(entry))
        return error_set(
            err, ERR_CONFIG,
            "GMP_ALLOW_PRIVATE_HOSTS: \"%s\" is neither an address, a CIDR block nor a host name",
            entry);
    guard->hosts[guard->host_count] = strdup(entry);
    if (!guard->hosts[guard->host_count])
        return error_set(err, ERR_NOMEM, "out of memory for the address guard");
    guard->host_count++;
    return ERR_OK;
}

static enum err http_guard_add_list(struct http_guard *guard, const char *list, struct error *err)
{
    for (const char *p = list; *p;) {
        char entry[256];
        p += strspn(p, ", \t");
        size_t n = strcspn(p, ", \t");
        if (n >= sizeof(entry))
            return error_set(err, ERR_CONFIG, "GMP_ALLOW_PRIVATE_HOSTS: an entry is too long");
        memcpy(entry, p, n);
        entry[n] = '\0';
        enum err rc = n ? http_guard_add(guard, entry, err) : ERR_OK;
        if (rc)
            return rc;
        p += n;
    }
    return ERR_OK;
}

enum err http_guard_new(const char *allow_private_hosts, struct http_guard **ret, struct error *err)
{
    struct http_guard *guard = calloc(1, sizeof(*guard));
    enum err rc = ERR_OK;

    if (guard) {
        guard->blocks = calloc(GUARD_ENTRIES_MAX, sizeof(*guard->blocks));
        guard->hosts = calloc(GUARD_ENTRIES_MAX, sizeof(*guard->hosts));
    }
    if (!guard || !guard->blocks || !guard->hosts)
        rc = error_set(err, ERR_NOMEM, "out of memory for the address guard");
    else if (allow_private_hosts)
        rc = http_guard_add_list(guard, allow_private_hosts, err);
    if (rc) {
        http_guard_free(guard);
        return rc;
    }
    *ret = guard;
    return ERR_OK;
}

void http_guard_free(struct http_guard *guard)
{
    if (!guard)
        return;
    for (size_t i = 0; i < guard->host_count; i++)
        free(guard->hosts[i]);
    free(guard->hosts);
    free(guard->blocks);
    free(guard);
}

bool http_guard_allows_address(const struct http_guard *guard, const struct sockaddr *address)
{
    unsigned char octets[GUARD_ADDRESS_OCTETS] = {0};

    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof(in));
        octets[10] = octets[11] = 0xff;
        memcpy(octets + 12, &in.sin_addr, 4);
    } else if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof(in6));
        memcpy(octets, &in6.sin6_addr, sizeof(octets));
    } else {
        return false;
    }
    for (size_t i = 0; i < guard->block_count; i++)
        if (http_guard_block_holds(&guard->blocks[i], octets))
            return true;
    return !http_guard_is_special(octets);
}

bool http_guard_allows_host(const struct http_guard *guard, const char *host)
{
    for (size_t i = 0; i < guard->host_count; i++)
        if (!strcasecmp(guard->hosts[i], host))
            return true;
    return false;
}
