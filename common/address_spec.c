#include "common/address_spec.h"

#include <arpa/inet.h>
#include <idn2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    ADDRESS_SPEC_LABEL_OCTETS_MAX = 63, /* RFC 1035 section 2.3.4 */
    ADDRESS_SPEC_DOMAIN_OCTETS_MAX =
        253, /* of text; 255 in RFC 1035's form with its length octets */
    ADDRESS_SPEC_DOMAIN_INPUT_MAX = 1023, /* of UTF-8, which may be longer than its A-labels */
};

static bool address_spec_is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool address_spec_is_atext(char c)
{
    return address_spec_is_alnum(c) || (unsigned char)c >= 0x80 ||
           (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* Dot-string: atoms with single dots between them. NULL: it is one; else why not. */
static const char *address_spec_check_atoms(const char *text, size_t n)
{
    if (n == 0)
        return "local part is empty";
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '.') {
            if (i == 0 || i == n - 1 || text[i - 1] == '.')
                return "local part has a dot at an end, or two in a row";
        } else if (!address_spec_is_atext(text[i])) {
            return "local part has a character that needs quotes";
        }
    }
    return NULL;
}

/* What a local part stands for, without the quotes that may be around it. */
struct address_spec_local {
    size_t len;
    char text[ADDRESS_LOCAL_OCTETS_MAX + 1];
};

static enum err address_spec_local_add(struct address_spec_local *local, char c, struct error *err)
{
    if (local->len == ADDRESS_LOCAL_OCTETS_MAX)
        return error_set(err, ERR_INPUT, "local part is longer than %d octets",
                         ADDRESS_LOCAL_OCTETS_MAX);
    local->text[local->len++] = c;
    local->text[local->len] = '\0';
    return ERR_OK;
}

/* The quoted-string at `text`; *ret_n are its octets, quotes included. */
static enum err address_spec_read_quoted(const char *text, size_t n,
                                         struct address_spec_local *local, size_t *ret_n,
                                         struct error *err)
{
    size_t i = 1;

    for (; i < n && text[i] != '"'; i++) {
        enum err rc;

        if (text[i] == '\\' && (++i == n || (unsigned char)text[i] >= 0x80))
            return error_set(err, ERR_INPUT, "local part has a misplaced backslash");
        rc = address_spec_local_add(local, text[i], err);
        if (rc)
            return rc;
    }
    if (i >= n)
        return error_set(err, ERR_INPUT, "local part has an unclosed quote");
    *ret_n = i + 1;
    return ERR_OK;
}

static enum err address_spec_read_atoms(const char *text, size_t n,
                                        struct address_spec_local *local, size_t *ret_n,
                                        struct error *err)
{
    const char *at = memchr(text, '@', n);
    size_t len = at ? (size_t)(at - text) : 0;
    const char *why;

    if (!at)
        return error_set(err, ERR_INPUT, "is not an address");
    why = address_spec_check_atoms(text, len);
    if (why)
        return error_set(err, ERR_INPUT, "%s", why);
    for (size_t i = 0; i < len; i++) {
        enum err rc = address_spec_local_add(local, text[i], err);

        if (rc)
            return rc;
    }
    *ret_n = len;
    return ERR_OK;
}

/* With quotes only where it must have them: RFC 5321 4.1.2 wants the form that is not quoted. */
static enum err address_spec_write_local(const struct address_spec_local *local, char **ret,
                                         struct error *err)
{
    struct address_spec_local wire = {0};
    const char *text = local->text;
    enum err rc;

    if (address_spec_check_atoms(text, local->len)) {
        rc = address_spec_local_add(&wire, '"', err);
        for (size_t i = 0; rc == ERR_OK && i < local->len; i++) {
            if (text[i] == '"' || text[i] == '\\')
                rc = address_spec_local_add(&wire, '\\', err);
            if (rc == ERR_OK)
                rc = address_spec_local_add(&wire, text[i], err);
        }
        if (rc == ERR_OK)
            rc = address_spec_local_add(&wire, '"', err);
        if (rc)
            return rc;
        text = wire.text;
    }
    *ret = strdup(text);
    return *ret ? ERR_OK : error_set(err, ERR_NOMEM, "out of memory for an address");
}

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]", in the canonical spelling of RFC 5952. */
static enum err address_spec_parse_literal(const char *text, char **ret, struct error *err)
{
    char inner[INET6_ADDRSTRLEN + sizeof("IPv6:")], digits[INET6_ADDRSTRLEN];
    char literal[sizeof(inner) + sizeof("[]")];
    struct in6_addr octets;
    size_t n = strlen(text);
    bool v6;

    if (n < 2 || text[n - 1] != ']' || n - 2 >= sizeof(inner))
        return error_set(err, ERR_INPUT, "domain is not an address literal");
    memcpy(inner, text + 1, n - 2);
    inner[n - 2] = '\0';
    v6 = strncasecmp(inner, "IPv6:", 5) == 0;
    if (inet_pton(v6 ? AF_INET6 : AF_INET, v6 ? inner + 5 : inner, &octets) != 1 ||
        !inet_ntop(v6 ? AF_INET6 : AF_INET, &octets, digits, sizeof(digits)))
        return error_set(err, ERR_INPUT, "domain is not an address literal");
    snprintf(literal, sizeof(literal), "[%s%s]", v6 ? "IPv6:" : "", digits);
    *ret = strdup(literal);
    return *ret ? ERR_OK : error_set(err, ERR_NOMEM, "out of memory for an address");
}

/* Letters, digits and inner hyphens in labels of 1 to 63 (RFC 5321 4.1.2; RFC 1035 2.3.4).
 * Lower-cases. */
static enum err address_spec_check_domain(char *domain, struct error *err)
{
    char *label = domain;

    if (strlen(domain) > ADDRESS_SPEC_DOMAIN_OCTETS_MAX)
        return error_set(err, ERR_INPUT, "domain is longer than %d octets",
                         ADDRESS_SPEC_DOMAIN_OCTETS_MAX);
    for (;;) {
        size_t n = strcspn(label, ".");

        if (n == 0)
            return error_set(err, ERR_INPUT, "domain has an empty label");
        if (n > ADDRESS_SPEC_LABEL_OCTETS_MAX)
            return error_set(err, ERR_INPUT, "domain has a label longer than %d octets",
                             ADDRESS_SPEC_LABEL_OCTETS_MAX);
        if (label[0] == '-' || label[n - 1] == '-')
            return error_set(err, ERR_INPUT, "domain has a label with a hyphen at an end");
        for (size_t i = 0; i < n; i++) {
            if (!address_spec_is_alnum(label[i]) && label[i] != '-')
                return error_set(err, ERR_INPUT, "domain has a character that is not allowed");
            if (label[i] >= 'A' && label[i] <= 'Z')
                label[i] = (char)(label[i] | 0x20);
        }
        label += n;
        if (!*label)
            return ERR_OK;
        label++;
    }
}

static bool address_spec_is_ascii(const char *text)
{
    while (*text && (unsigned char)*text < 0x80)
        text++;
    return !*text;
}

static enum err address_spec_parse_domain(const char *text, char **ret, struct error *err)
{
    char *a_labels = NULL, *domain = NULL;
    enum err rc = ERR_OK;

    if (!*text)
        return error_set(err, ERR_INPUT, "domain is empty");
    if (*text == '[')
        return address_spec_parse_literal(text, ret, err);
    if (!address_spec_is_ascii(text)) {
        /* Not with IDN2_USE_STD3_ASCII_RULES, which drops "_" and "@" from a name instead of
         * refusing it. A-labels keep ASCII as it is, so address_spec_check_domain() sees it. */
        int why = idn2_to_ascii_8z(text, &a_labels, IDN2_NONTRANSITIONAL);

        if (why == IDN2_MALLOC)
            return error_set(err, ERR_NOMEM, "out of memory for an address");
        if (why != IDN2_OK)
            return error_set(err, ERR_INPUT, "domain is not an internationalised name: %s",
                             idn2_strerror(why));
        text = a_labels;
    }
    domain = strdup(text);
    if (!domain) {
        rc = error_set(err, ERR_NOMEM, "out of memory for an address");
        goto out;
    }
    rc = address_spec_check_domain(domain, err);
    if (rc)
        goto out;
    *ret = domain;
    domain = NULL;
out:
    free(domain);
    idn2_free(a_labels);
    return rc;
}

enum err address_spec_parse(const char *text, size_t n, struct address *ret, struct error *err)
{
    struct address_spec_local local = {0};
    char domain[ADDRESS_SPEC_DOMAIN_INPUT_MAX + 1];
    struct address a = {0};
    size_t local_n = 0, domain_n;
    enum err rc;

    if (n > 0 && text[0] == '"')
        rc = address_spec_read_quoted(text, n, &local, &local_n, err);
    else
        rc = address_spec_read_atoms(text, n, &local, &local_n, err);
    if (rc)
        return rc;
    if (local_n == n || text[local_n] != '@')
        return error_set(err, ERR_INPUT, "is not an address");
    domain_n = n - local_n - 1;
    if (domain_n > ADDRESS_SPEC_DOMAIN_INPUT_MAX)
        return error_set(err, ERR_INPUT, "is longer than %d octets", ADDRESS_OCTETS_MAX);
    memcpy(domain, text + local_n + 1, domain_n);
    domain[domain_n] = '\0';
    rc = address_spec_write_local(&local, &a.local_part, err);
    if (rc)
        goto out;
    rc = address_spec_parse_domain(domain, &a.domain, err);
    if (rc)
        goto out;
    if (strlen(a.local_part) + 1 + strlen(a.domain) > ADDRESS_OCTETS_MAX) {
        rc = error_set(err, ERR_INPUT, "is longer than %d octets", ADDRESS_OCTETS_MAX);
        goto out;
    }
    ret->local_part = a.local_part;
    ret->domain = a.domain;
    ret->local_is_ascii = address_spec_is_ascii(a.local_part);
    a = (struct address){0};
out:
    address_clear(&a);
    return rc;
}
