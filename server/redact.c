/*
 * redact.c - which names may be seen, and how the rest is told. See redact.h.
 */
#include "server/redact.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/json.h"

/* A text with its URLs stripped, before it is cut: one blank or mark beyond the limit ends it. */
enum { REDACT_PLAIN_OCTETS = 2 * REDACT_TEXT_OCTETS_MAX };

struct redact_name {
    const char *name;
    enum redact_as as;
};

/* Sorted by strcmp(), for bsearch(); a unit test checks it. */
static const struct redact_name redact_names[] = {
    {"account_id", REDACT_KEEP},
    {"action", REDACT_KEEP},
    {"active", REDACT_KEEP},
    {"attachments", REDACT_OBJECTS},
    {"auth", REDACT_AUTH},
    {"batch_code", REDACT_KEEP},
    {"batch_size", REDACT_KEEP},
    {"bcc", REDACT_KEEP},
    {"body", REDACT_SIZE},
    {"bounce_enabled", REDACT_KEEP},
    {"bounce_imap_folder", REDACT_KEEP},
    {"bounce_imap_host", REDACT_KEEP},
    {"bounce_imap_port", REDACT_KEEP},
    {"bounce_imap_ssl", REDACT_KEEP},
    {"bounce_imap_user", REDACT_KEEP},
    {"bounce_poll_interval", REDACT_KEEP},
    {"bounce_return_path", REDACT_KEEP},
    {"cc", REDACT_KEEP},
    {"client_attachment_path", REDACT_URL},
    {"client_auth", REDACT_AUTH},
    {"client_base_url", REDACT_URL},
    {"client_sync_path", REDACT_URL},
    {"content", REDACT_SIZE},
    {"content_md5", REDACT_KEEP},
    {"content_type", REDACT_KEEP},
    {"cross_midnight", REDACT_KEEP},
    {"daily", REDACT_KEEP},
    {"days", REDACT_KEEP},
    {"default_priority", REDACT_KEEP},
    {"deferred_ts", REDACT_KEEP},
    {"dry_run", REDACT_KEEP},
    {"enabled", REDACT_KEEP},
    {"end_hour", REDACT_KEEP},
    {"expires_at", REDACT_KEEP},
    {"fetch_mode", REDACT_KEEP},
    {"file_ttl_days", REDACT_KEEP},
    {"filename", REDACT_KEEP},
    {"from", REDACT_KEEP},
    {"from_", REDACT_KEEP},
    {"from_addr", REDACT_KEEP},
    {"headers", REDACT_HEADERS},
    {"host", REDACT_KEEP},
    {"hourly", REDACT_KEEP},
    {"id", REDACT_KEEP},
    {"ids", REDACT_KEEP},
    {"imap_host", REDACT_KEEP},
    {"imap_port", REDACT_KEEP},
    {"imap_ssl", REDACT_KEEP},
    {"imap_user", REDACT_KEEP},
    {"interval_minutes", REDACT_KEEP},
    {"is_pec_account", REDACT_KEEP},
    {"large_file_config", REDACT_KEEP},
    {"lifespan_after_download_days", REDACT_KEEP},
    {"limit_behavior", REDACT_KEEP},
    {"limit_per_day", REDACT_KEEP},
    {"limit_per_hour", REDACT_KEEP},
    {"limit_per_minute", REDACT_KEEP},
    {"max_connections", REDACT_KEEP},
    {"max_size_mb", REDACT_KEEP},
    {"message_id", REDACT_KEEP},
    {"messages", REDACT_OBJECTS},
    {"mime_type", REDACT_KEEP},
    {"name", REDACT_KEEP},
    {"oauth_client_auth", REDACT_KEEP},
    {"oauth_client_id", REDACT_KEEP},
    {"oauth_grant", REDACT_KEEP},
    {"oauth_scope", REDACT_KEEP},
    {"oauth_token_url", REDACT_URL},
    {"older_than_seconds", REDACT_KEEP},
    {"port", REDACT_KEEP},
    {"priority", REDACT_KEEP},
    {"public_base_url", REDACT_URL},
    {"rate_limits", REDACT_KEEP},
    {"reply_to", REDACT_KEEP},
    {"report_format", REDACT_KEEP},
    {"retry_delays", REDACT_KEEP},
    {"retry_max_age", REDACT_KEEP},
    {"return_path", REDACT_KEEP},
    {"rule_id", REDACT_KEEP},
    {"s3", REDACT_S3},
    {"start_hour", REDACT_KEEP},
    {"status", REDACT_KEEP},
    {"storage_path", REDACT_STORAGE},
    {"storage_url", REDACT_URL},
    {"subject", REDACT_KEEP},
    {"tenant_id", REDACT_KEEP},
    {"timeout", REDACT_KEEP},
    {"tls_ca", REDACT_SIZE},
    {"tls_client_cert", REDACT_SIZE},
    {"tls_pin", REDACT_KEEP},
    {"tls_verify", REDACT_KEEP},
    {"to", REDACT_KEEP},
    {"ttl", REDACT_KEEP},
    {"url", REDACT_URL},
    {"use_tls", REDACT_KEEP},
    {"user", REDACT_KEEP},
};

/* Of a name that is not in the table: one of these within it, and not even the size is told. */
static const char *const redact_secret_words[] = {"pass", "pwd",        "secret", "token",
                                                  "key",  "credential", "auth"};

static int redact_compare(const void *name, const void *entry)
{
    return strcmp(name, ((const struct redact_name *)entry)->name);
}

static enum redact_as redact_find(const char *name)
{
    const struct redact_name *found =
        bsearch(name, redact_names, sizeof(redact_names) / sizeof(redact_names[0]),
                sizeof(redact_names[0]), redact_compare);

    if (found)
        return found->as;
    for (size_t i = 0; i < sizeof(redact_secret_words) / sizeof(redact_secret_words[0]); i++)
        if (strcasestr(name, redact_secret_words[i]))
            return REDACT_SECRET;
    return REDACT_UNKNOWN;
}

/* Octets of `text`, at most `max`, that hold whole characters. */
static size_t redact_fit(const char *text, size_t max)
{
    size_t len = strnlen(text, max + 1), fitting = max;

    if (len <= max)
        return len;
    while (fitting && ((unsigned char)text[fitting] & 0xC0) == 0x80)
        fitting--;
    return fitting ? fitting : max;
}

/* The first octets of a text as a JSON string, an ellipsis where there were more. */
static void redact_append_cut(struct buf *out, const char *text, size_t max)
{
    static const char ellipsis[] = "\xE2\x80\xA6";
    char cut[REDACT_TEXT_OCTETS_MAX + sizeof(ellipsis)];
    size_t len = redact_fit(text, max);

    if (!text[len]) {
        json_append_string(out, text);
        return;
    }
    memcpy(cut, text, len);
    memcpy(cut + len, ellipsis, sizeof(ellipsis));
    json_append_string(out, cut);
}

/* Octets of `text`, up to n, before one of `set`. */
static size_t redact_until(const char *text, size_t n, const char *set)
{
    size_t i = 0;

    while (i < n && !strchr(set, text[i]))
        i++;
    return i;
}

/*
 * The n octets of a word, in which URLs lose userinfo, query and fragment. `is_url`: it is one, or
 * a part of one, from its first octet on.
 */
static void redact_append_word(struct buf *plain, const char *word, size_t n, bool is_url)
{
    for (size_t i = 0; i < n && plain->len <= REDACT_TEXT_OCTETS_MAX; i++) {
        if (n - i >= 3 && !memcmp(word + i, "://", 3)) {
            size_t from = i + 3, to = from + redact_until(word + from, n - from, "/?#");
            const char *at = memrchr(word + from, '@', to - from);

            is_url = true;
            buf_append_str(plain, at ? "://***" : "://");
            i = at ? (size_t)(at - word) - 1 : from - 1;
        } else if (is_url && (word[i] == '?' || word[i] == '#')) {
            buf_append_char(plain, word[i]);
            buf_append_str(plain, i + 1 < n ? "***" : "");
            return;
        } else {
            buf_append_char(plain, word[i]);
        }
    }
}

/* A text in which URLs lose what may be secret; `is_url`: it is one as a whole. */
static void redact_append_text(struct buf *out, const char *text, bool is_url)
{
    static const char blanks[] = " \t\r\n\"<>";
    struct buf plain = BUF_INIT(REDACT_PLAIN_OCTETS);

    if (!is_url && !strstr(text, "://")) {
        redact_append_cut(out, text, REDACT_TEXT_OCTETS_MAX);
        return;
    }
    while (*text && plain.len <= REDACT_TEXT_OCTETS_MAX) {
        size_t n = is_url ? strlen(text) : strcspn(text, blanks);

        redact_append_word(&plain, text, n, is_url);
        text += n;
        if (*text) /* a blank */
            buf_append_char(&plain, *text++);
    }
    redact_append_cut(out, plain.len ? plain.data : "", REDACT_TEXT_OCTETS_MAX);
    buf_clear(&plain);
}

static void redact_append_size(struct buf *out, const cJSON *value)
{
    if (cJSON_IsNull(value) || cJSON_IsBool(value))
        json_append_value(out, value);
    else if (cJSON_IsString(value))
        buf_printf(out, "\"[%zu octets]\"", strlen(value->valuestring));
    else
        buf_append_str(out, cJSON_IsArray(value)    ? "\"[array]\""
                            : cJSON_IsObject(value) ? "\"[object]\""
                                                    : "\"[number]\"");
}

/* As redact_find(), for a member of an object that is itself treated as `as`. */
static enum redact_as redact_find_within(enum redact_as as, const char *name)
{
    if (as == REDACT_HEADERS)
        return REDACT_SIZE;
    if (as == REDACT_AUTH)
        return strcmp(name, "method") && strcmp(name, "user") ? REDACT_SECRET : REDACT_KEEP;
    if (as == REDACT_S3)
        return strcmp(name, "bucket") && strcmp(name, "key") ? redact_find(name) : REDACT_KEEP;
    return redact_find(name);
}

/* Is the storage_path of this attachment one? It may be the content itself, in base64. */
static bool redact_is_path(const cJSON *attachment, const char *path)
{
    static const char *const modes[] = {"endpoint", "http_url", "filesystem"};
    const cJSON *mode = json_get_value(attachment, "fetch_mode");

    if (!strncasecmp(path, "base64:", 7))
        return false;
    for (size_t i = 0; mode && i < sizeof(modes) / sizeof(modes[0]); i++)
        if (cJSON_IsString(mode) && !strcmp(mode->valuestring, modes[i]))
            return true;
    return !mode;
}

static struct redact_list redact_open_at(struct buf *out, bool is_object, size_t limit)
{
    buf_append_char(out, is_object ? '{' : '[');
    return (struct redact_list){.out = out, .limit = limit, .is_object = is_object};
}

static void redact_put(struct redact_list *list, const cJSON *item, enum redact_as as,
                       const cJSON *parent);

static void redact_append_container(struct buf *out, const cJSON *value, enum redact_as as,
                                    size_t limit)
{
    struct redact_list list = redact_open_at(out, cJSON_IsObject(value), limit);
    const cJSON *child;

    cJSON_ArrayForEach(child, value)
    {
        redact_put(&list, child, list.is_object ? redact_find_within(as, child->string) : as,
                   value);
    }
    redact_close(&list);
}

/* Recursion is bounded by the parser's own depth. */
static void redact_append_value(struct buf *out, const cJSON *value, enum redact_as as,
                                const cJSON *parent, size_t limit)
{
    if (as == REDACT_STORAGE)
        as = cJSON_IsString(value) && redact_is_path(parent, value->valuestring) ? REDACT_URL
                                                                                 : REDACT_SIZE;
    if (cJSON_IsNull(value))
        buf_append_str(out, "null");
    else if (as == REDACT_SECRET || (as == REDACT_AUTH && !cJSON_IsObject(value)))
        buf_append_str(out, "\"***\"");
    else if (as == REDACT_SIZE || as == REDACT_UNKNOWN ||
             (as == REDACT_HEADERS && !cJSON_IsObject(value)) ||
             (as == REDACT_OBJECTS && !cJSON_IsObject(value) && !cJSON_IsArray(value)))
        redact_append_size(out, value);
    else if (cJSON_IsString(value))
        redact_append_text(out, value->valuestring, as == REDACT_URL);
    else if (cJSON_IsObject(value) || cJSON_IsArray(value))
        redact_append_container(out, value, as, limit);
    else
        json_append_value(out, value);
}

static void redact_append_name(struct redact_list *list, const char *name)
{
    if (list->any)
        buf_append_char(list->out, ',');
    list->any = true;
    if (list->is_object) {
        redact_append_cut(list->out, name ? name : "", REDACT_TEXT_OCTETS_MAX);
        buf_append_char(list->out, ':');
    }
}

/* Is there room for one more? What there is none for is counted. */
static bool redact_has_room(struct redact_list *list)
{
    if (list->out->len < list->limit)
        return true;
    list->dropped++;
    return false;
}

static void redact_put(struct redact_list *list, const cJSON *item, enum redact_as as,
                       const cJSON *parent)
{
    size_t limit = list->limit;

    if (!redact_has_room(list))
        return;
    redact_append_name(list, item->string);
    if (!list->is_object && cJSON_IsObject(item) && list->out->len + REDACT_ITEM_OCTETS < limit)
        limit = list->out->len + REDACT_ITEM_OCTETS;
    redact_append_value(list->out, item, as, parent, limit);
}

struct redact_list redact_open(struct buf *out)
{
    return redact_open_at(out, true, out->len + REDACT_LIST_OCTETS);
}

void redact_add(struct redact_list *list, const cJSON *item)
{
    redact_put(list, item, list->is_object ? redact_find(item->string) : list->as, NULL);
}

void redact_add_part(struct redact_list *list, const cJSON *object, const char *name)
{
    const cJSON *member = json_get_value(object, name);
    struct redact_list part;

    if (!member) {
        redact_add(list, object);
    } else if (redact_has_room(list)) {
        redact_append_name(list, NULL);
        part = redact_open_at(list->out, true, list->limit);
        redact_add(&part, member);
        redact_close(&part);
    }
}

void redact_add_members(struct redact_list *list, const cJSON *object)
{
    const cJSON *item;

    if (!cJSON_IsObject(object))
        return;
    cJSON_ArrayForEach(item, object)
    {
        redact_put(list, item, redact_find(item->string), object);
    }
}

void redact_add_text(struct redact_list *list, const char *text)
{
    if (!redact_has_room(list))
        return;
    redact_append_name(list, NULL);
    redact_append_text(list->out, text, false);
}

struct redact_list redact_open_array(struct redact_list *list, const char *name)
{
    struct redact_list array;

    redact_append_name(list, name);
    array = redact_open_at(list->out, false, list->limit);
    array.as = redact_find(name);
    return array;
}

void redact_close(struct redact_list *list)
{
    if (list->dropped) {
        if (list->any)
            buf_append_char(list->out, ',');
        if (list->is_object)
            buf_append_str(list->out, "\"\xE2\x80\xA6\":");
        buf_printf(list->out, "\"[%zu more]\"", list->dropped);
    }
    buf_append_char(list->out, list->is_object ? '}' : ']');
}
