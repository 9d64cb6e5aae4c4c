/*
 * attachment.c - the two dialects of attachments, and the marker in file names. See attachment.h.
 */
#include "worker/compose/attachment.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/json.h"

#define ATTACHMENT_NAMELESS "file.bin"
#define ATTACHMENT_MARKER   "{MD5:"

void attachment_clear(struct attachment *a)
{
    free(a->filename);
    free(a->location);
    free(a->octets);
    *a = (struct attachment){0};
}

/* Octets of the marker at the start of `text`: "{MD5:", hexadecimal digits, "}"; 0: there is none.
 */
static size_t attachment_measure_marker(const char *text)
{
    size_t n = sizeof(ATTACHMENT_MARKER) - 1;

    if (strncasecmp(text, ATTACHMENT_MARKER, n) != 0)
        return 0;
    size_t digits = strspn(text + n, "0123456789abcdefABCDEF");
    return digits && text[n + digits] == '}' ? n + digits + 1 : 0;
}

/* What is left around a marker: underscores in a row become one, none at the ends or before a dot.
 */
static void attachment_tidy_name(char *name)
{
    char *out = name;

    for (const char *p = name; *p; p++) {
        bool dropped = *p == '_' && (out == name || p[1] == '_' || p[1] == '.' || !p[1]);
        if (!dropped)
            *out++ = *p;
    }
    *out = '\0';
}

char *attachment_clean_name(const char *filename)
{
    size_t size = strlen(filename) + sizeof(ATTACHMENT_NAMELESS);
    char *name = malloc(size);
    size_t len = 0;
    bool marked = false;

    if (!name)
        return NULL;
    for (const char *p = filename; *p;) {
        size_t marker = attachment_measure_marker(p);
        if (marker)
            p += marker;
        else
            name[len++] = *p++;
        marked = marked || marker;
    }
    name[len] = '\0';
    if (marked)
        attachment_tidy_name(name);
    if (!*name)
        memcpy(name, ATTACHMENT_NAMELESS, sizeof(ATTACHMENT_NAMELESS));
    return name;
}

/* "rep_{MD5:...}.txt", or content_md5, which goes before it. What is no MD5 names nothing. */
static void attachment_read_md5(const char *content_md5, const char *filename,
                                char ret[CACHE_MD5_OCTETS])
{
    const char *digits = content_md5;

    for (const char *p = filename; !digits && p && *p; p++)
        if (attachment_measure_marker(p))
            digits = p + sizeof(ATTACHMENT_MARKER) - 1;
    if (!digits || strspn(digits, "0123456789abcdefABCDEF") != CACHE_MD5_OCTETS - 1)
        return;
    for (size_t i = 0; i < CACHE_MD5_OCTETS - 1; i++)
        ret[i] = (char)tolower((unsigned char)digits[i]);
    ret[CACHE_MD5_OCTETS - 1] = '\0';
}

static const char *attachment_text(const cJSON *object, const char *field)
{
    const cJSON *value = json_get_value(object, field);

    return cJSON_IsString(value) && value->valuestring[0] ? value->valuestring : NULL;
}

static bool attachment_begins(const char *text, const char *prefix)
{
    return !strncasecmp(text, prefix, strlen(prefix));
}

static enum attachment_source attachment_infer_source(const char *path)
{
    if (attachment_begins(path, "base64:"))
        return ATTACHMENT_STORED;
    if (attachment_begins(path, "http://") || attachment_begins(path, "https://"))
        return ATTACHMENT_HTTP_URL;
    return path[0] == '/' ? ATTACHMENT_FILESYSTEM : ATTACHMENT_ENDPOINT;
}

static bool attachment_read_mode(const char *mode, enum attachment_source *ret)
{
    static const struct {
        const char *mode;
        enum attachment_source source;
    } modes[] = {
        {"endpoint", ATTACHMENT_ENDPOINT},
        {"http_url", ATTACHMENT_HTTP_URL},
        {"base64", ATTACHMENT_STORED},
        {"filesystem", ATTACHMENT_FILESYSTEM},
    };

    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (!strcmp(mode, modes[i].mode)) {
            *ret = modes[i].source;
            return true;
        }
    }
    return false;
}

/* "s3://bucket/key", which the tenant's endpoint understands; NULL: not whole, or out of memory. */
static char *attachment_s3_path(const cJSON *s3)
{
    const char *bucket = attachment_text(s3, "bucket"), *key = attachment_text(s3, "key");
    struct buf path = BUF_INIT(SIZE_MAX / 2);

    if (bucket && key)
        buf_printf(&path, "s3://%s/%s", bucket, key);
    return buf_take(&path, NULL);
}

/* False: it names no source, or memory is out. */
static bool attachment_read_source(const cJSON *item, struct attachment *a)
{
    const char *path = attachment_text(item, "storage_path"), *url = attachment_text(item, "url");
    const char *mode = attachment_text(item, "fetch_mode");

    if (path) {
        a->source = attachment_infer_source(path);
        if (mode && !attachment_read_mode(mode, &a->source))
            return false;
        a->location = strdup(path);
    } else if (json_get_value(item, "s3")) {
        a->source = ATTACHMENT_ENDPOINT;
        a->location = attachment_s3_path(json_get_value(item, "s3"));
    } else if (url) {
        a->source = ATTACHMENT_HTTP_URL;
        a->location = strdup(url);
    }
    /* ATTACHMENT_STORED here: its octets should be in the database, and are not. */
    return a->location && a->source != ATTACHMENT_STORED;
}

enum err attachment_read(const cJSON *item, bool stored, struct attachment *ret, struct error *err)
{
    struct attachment a = {.source = ATTACHMENT_STORED};
    const char *filename =
        attachment_text(item, "filename"); /* the server made one up where none came */
    bool known = stored || attachment_read_source(item, &a);

    a.mime_type = attachment_text(item, "mime_type");
    attachment_read_md5(attachment_text(item, "content_md5"), filename, a.md5);
    a.auth = json_get_value(item, "auth");
    a.filename = attachment_clean_name(filename ? filename : ATTACHMENT_NAMELESS);
    if (!a.filename) {
        attachment_clear(&a);
        return error_set(err, ERR_NOMEM, "out of memory for an attachment");
    }
    const char *flaw = json_check_text(a.filename);
    if (flaw)
        a.filename[0] = '\0'; /* nothing to show to anybody */
    *ret = a;
    if (flaw)
        return error_set(err, ERR_INPUT, "its filename %s", flaw);
    return known
               ? ERR_OK
               : error_set(err, ERR_INPUT, "it has no content and names no place to fetch it from");
}
