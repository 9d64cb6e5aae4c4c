#include "common/address.h"

#include <gmime/gmime.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/address_spec.h"
#include "common/utf8.h"

enum { ADDRESS_NAME_OCTETS_MAX = 2000 }; /* as it comes in; one header line is at most 998 octets */

/* Where the parts of one entry of a list are; borrowed from the text. */
struct address_entry {
    const char *name;
    size_t name_len; /* 0: none */
    const char *spec;
    size_t spec_len;
};

void address_clear(struct address *a)
{
    free(a->display_name);
    free(a->local_part);
    free(a->domain);
    *a = (struct address){0};
}

void address_list_clear(struct address_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        address_clear(&list->items[i]);
    free(list->items);
    *list = (struct address_list){0};
}

/* NULL when the text is UTF-8 without control characters, C1 (U+0080 to U+009F) included; else why
 * not. */
static const char *address_check_text(const char *text)
{
    const char *why = utf8_check(text);

    if (why)
        return why;
    if (strpbrk(text, "\r\n"))
        return "contains CR or LF";
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (*p < ' ' || *p == 0x7F || (*p == 0xC2 && p[1] < 0xA0))
            return "contains a control character";
    return NULL;
}

/* What ends a token of more than one octet; NUL: `open` begins none. */
static char address_closing(char open)
{
    switch (open) {
    case '"': /* quoted-string */
        return '"';
    case '(': /* comment */
        return ')';
    case '[': /* address literal */
        return ']';
    default:
        return '\0';
    }
}

/* The octet behind the token at `p`; NULL: it does not end. Comments nest. */
static const char *address_skip_token(const char *p)
{
    const char open = *p, close = address_closing(open);
    size_t depth = close ? 1 : 0;

    while (depth > 0) {
        p++;
        if (*p == '\\' && p[1])
            p++;
        else if (*p == close)
            depth--;
        else if (*p == open)
            depth++;
        else if (!*p)
            return NULL;
    }
    return p + 1;
}

/* Spaces and comments (CFWS of RFC 5322 3.2.2); what does not end is left for address_entry_take()
 * to refuse. */
static const char *address_skip_blanks(const char *p)
{
    while (*p == ' ' || *p == '(') {
        const char *next = address_skip_token(p);

        if (!next)
            break;
        p = next;
    }
    return p;
}

/* "<spec>" at `p`, up to the comma or the end of the text, where *cursor is left. */
static enum err address_entry_take_angle(const char *p, const char **cursor,
                                         struct address_entry *ret, struct error *err)
{
    const char *start = p + 1 + strspn(p + 1, " ");
    const char *end;

    for (p = start; *p != '>'; p++) {
        if (*p == '"') {
            p = address_skip_token(p);
            if (!p)
                return error_set(err, ERR_INPUT, "has an unclosed quote");
            p--;
        } else if (!*p || *p == '<') {
            return error_set(err, ERR_INPUT, "has a '<' without '>'");
        }
    }
    end = p;
    while (end > start && end[-1] == ' ')
        end--;
    p = address_skip_blanks(p + 1);
    if (*p && *p != ',')
        return error_set(err, ERR_INPUT, "has text behind '>'");
    ret->spec = start;
    ret->spec_len = (size_t)(end - start);
    *cursor = p;
    return ERR_OK;
}

/*
 * One entry, which begins at *cursor with something that is not blank; *cursor is left at the comma
 * behind it or at the end of the text. Display names may hold what RFC 5322 wants quoted, where it
 * can only be meant as text: people write "ann@example.com <ann@example.com>".
 */
static enum err address_entry_take(const char **cursor, struct address_entry *ret,
                                   struct error *err)
{
    const char *start = *cursor, *p = start;
    const char *end = start; /* behind the last octet that is neither space nor comment */

    while (*p && *p != ',' && *p != '<') {
        const char *next = address_skip_token(p);

        if (*p == ':' || *p == ';')
            return error_set(err, ERR_INPUT, "is a group");
        if (*p == '>')
            return error_set(err, ERR_INPUT, "has a '>' without '<'");
        if (!next)
            return error_set(err, ERR_INPUT, "has an unclosed %s",
                             *p == '"'   ? "quote"
                             : *p == '(' ? "comment"
                                         : "bracket");
        if (*p != ' ' && *p != '(')
            end = next;
        p = next;
    }
    if (*p == '<') {
        *ret = (struct address_entry){.name = start, .name_len = (size_t)(p - start)};
        return address_entry_take_angle(p, cursor, ret, err);
    }
    *ret = (struct address_entry){.name = start, .spec = start, .spec_len = (size_t)(end - start)};
    *cursor = p;
    return ERR_OK;
}

/*
 * The words of a display name with one space between them, without quotes and comments. Its tokens
 * are those that address_entry_take() has walked over, so all of them end.
 */
static void address_unquote_name(const char *p, const char *end, char *out)
{
    size_t len = 0;
    bool blank = false;

    while (p < end) {
        const char *next = address_skip_token(p);

        if (*p == ' ' || *p == '(') {
            blank = len > 0;
            p = next;
            continue;
        }
        if (blank)
            out[len++] = ' ';
        blank = false;
        if (*p == '"') {
            for (p++; p < next - 1; p++) {
                if (*p == '\\')
                    p++;
                out[len++] = *p;
            }
        } else {
            memcpy(out + len, p, (size_t)(next - p));
            len += (size_t)(next - p);
        }
        p = next;
    }
    out[len] = '\0';
}

/* Encoded words (RFC 2047) decoded; inside quotes too, where they are not allowed but meant. */
static char *address_decode_words(const char *name)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    char *decoded, *copy;

    if (!strstr(name, "=?"))
        return strdup(name);
    pthread_once(&once, g_mime_init);
    decoded = g_mime_utils_header_decode_phrase(NULL, name);
    copy = strdup(decoded);
    g_free(decoded);
    return copy;
}

/* *ret is NULL when nothing is left of the name. */
static enum err address_read_name(const struct address_entry *entry, char **ret, struct error *err)
{
    char phrase[ADDRESS_NAME_OCTETS_MAX + 1];
    const char *why;
    char *name;

    if (entry->name_len > ADDRESS_NAME_OCTETS_MAX)
        return error_set(err, ERR_INPUT, "display name is longer than %d octets",
                         ADDRESS_NAME_OCTETS_MAX);
    address_unquote_name(entry->name, entry->name + entry->name_len, phrase);
    if (!*phrase)
        return ERR_OK;
    name = address_decode_words(phrase);
    if (!name)
        return error_set(err, ERR_NOMEM, "out of memory for an address");
    why = address_check_text(name); /* an encoded word can hide anything */
    if (why) {
        free(name);
        return error_set(err, ERR_INPUT, "display name %s", why);
    }
    *ret = name;
    return ERR_OK;
}

static enum err address_take(const char **cursor, struct address *ret, struct error *err)
{
    struct address_entry entry = {0};
    struct address a = {0};
    enum err rc = address_entry_take(cursor, &entry, err);

    if (rc)
        return rc;
    rc = address_spec_parse(entry.spec, entry.spec_len, &a, err);
    if (rc)
        return rc;
    rc = address_read_name(&entry, &a.display_name, err);
    if (rc) {
        address_clear(&a);
        return rc;
    }
    *ret = a;
    return ERR_OK;
}

enum err address_parse(const char *text, struct address *ret, struct error *err)
{
    const char *why = address_check_text(text), *p = address_skip_blanks(text);
    struct address a;
    enum err rc;

    if (why)
        return error_set(err, ERR_INPUT, "%s", why);
    if (!*p)
        return error_set(err, ERR_INPUT, "is empty");
    if (*p == ',')
        return error_set(err, ERR_INPUT, "is not an address");
    rc = address_take(&p, &a, err);
    if (rc)
        return rc;
    if (*p) {
        address_clear(&a);
        return error_set(err, ERR_INPUT, "is more than one address");
    }
    *ret = a;
    return ERR_OK;
}

/* Room for one more; the sizes are powers of two, so `count` alone tells when the room is used up.
 */
static enum err address_list_grow(struct address_list *list, struct error *err)
{
    struct address *items;

    if (list->count == ADDRESS_LIST_MAX)
        return error_set(err, ERR_INPUT, "is more than %d addresses", ADDRESS_LIST_MAX);
    if ((list->count & (list->count - 1)) != 0)
        return ERR_OK;
    items = realloc(list->items, (list->count ? 2 * list->count : 1) * sizeof(*items));
    if (!items)
        return error_set(err, ERR_NOMEM, "out of memory for addresses");
    list->items = items;
    return ERR_OK;
}

enum err address_list_parse(const char *text, struct address_list *list, struct error *err)
{
    const char *why = address_check_text(text), *p = text;
    size_t count_before = list->count;
    enum err rc = ERR_OK;

    if (why)
        return error_set(err, ERR_INPUT, "%s", why);
    for (;;) {
        p = address_skip_blanks(p);
        if (!*p)
            return ERR_OK;
        if (*p == ',') {
            p++;
            continue;
        }
        rc = address_list_grow(list, err);
        if (rc == ERR_OK)
            rc = address_take(&p, &list->items[list->count], err);
        if (rc)
            break;
        list->count++;
    }
    while (list->count > count_before)
        address_clear(&list->items[--list->count]);
    return rc;
}

char *address_to_path(const struct address *a)
{
    size_t local_n = strlen(a->local_part), domain_n = strlen(a->domain);
    char *path = malloc(local_n + 1 + domain_n + 1);

    if (!path)
        return NULL;
    memcpy(path, a->local_part, local_n);
    path[local_n] = '@';
    memcpy(path + local_n + 1, a->domain, domain_n + 1);
    return path;
}

enum err address_parse_path(const char *text, char **ret, bool *ret_ascii, struct error *err)
{
    const char *p = text + strspn(text, " ");
    struct address a = {.local_is_ascii = true};
    char *path;
    enum err rc;

    if (strncmp(p, "<>", 2) == 0)
        p += 2;
    if (p[strspn(p, " ")] == '\0') {
        path = strdup("");
    } else {
        rc = address_parse(text, &a, err);
        if (rc)
            return rc;
        path = address_to_path(&a);
    }
    if (path) {
        *ret = path;
        *ret_ascii = a.local_is_ascii;
    }
    address_clear(&a);
    return path ? ERR_OK : error_set(err, ERR_NOMEM, "out of memory for an address");
}
