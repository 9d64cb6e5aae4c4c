/*
 * attachment.c - read, check and store one attachment. See attachment.h.
 */
#include "server/intake/attachment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/json.h"
#include "common/token.h"
#include "common/utf8.h"
#include "server/http/object.h"
#include "server/intake/credentials.h"

enum {
    ATTACHMENT_NAME_CHARACTERS_MAX = 255,
    ATTACHMENT_PATH_OCTETS_MAX = 8192,
    ATTACHMENT_AUTH_CAP_OCTETS = 2 * SECRET_PLAIN_CAP_OCTETS, /* sealed, in base64 */
    ATTACHMENT_MD5_DIGITS = 32
};

struct attachment {
    const cJSON *source;  /* borrowed */
    const char *mode;     /* static: how it is fetched */
    const char *encoded;  /* borrowed; base64 that came with the message; NULL: fetched later */
    const char *filename; /* borrowed */
    size_t filename_octets;
};

static const char *const attachment_modes[] = {"endpoint", "http_url", "base64", "filesystem"};

/* NULL where it is absent, null, or (why set) not a text that can be stored. */
static const char *attachment_text(const cJSON *object, const char *name, const char **why)
{
    const cJSON *item = json_get_value(object, name);

    if (!item)
        return NULL;
    if (!cJSON_IsString(item)) {
        *why = "is not a string";
        return NULL;
    }
    *why = json_check_text(item->valuestring);
    return *why ? NULL : item->valuestring;
}

/* As attachment_text(), for what becomes part of a header field or of a request: no control
 * characters. */
static const char *attachment_line(const cJSON *object, const char *name, const char **why)
{
    const char *text = attachment_text(object, name, why);

    for (const unsigned char *p = (const unsigned char *)text; p && *p; p++) {
        if (*p < ' ' || *p == 0x7f) {
            *why = *p == '\r' || *p == '\n' ? "contains CR or LF" : "contains a control character";
            return NULL;
        }
    }
    if (text && strlen(text) > ATTACHMENT_PATH_OCTETS_MAX) {
        *why = "is longer than 8192 octets";
        return NULL;
    }
    return text;
}

static bool attachment_is_http(const char *path)
{
    return !strncasecmp(path, "http://", 7) || !strncasecmp(path, "https://", 8);
}

/* How a storage_path is fetched when nobody says it. */
static const char *attachment_infer_mode(const char *path)
{
    if (!strncmp(path, "base64:", 7))
        return "base64";
    if (attachment_is_http(path))
        return "http_url";
    return *path == '/' ? "filesystem" : "endpoint";
}

static const char *attachment_read_mode(const struct attachment *a, const char *path,
                                        const char **why)
{
    const char *given = attachment_text(a->source, "fetch_mode", why);

    if (!given)
        return *why ? NULL : attachment_infer_mode(path);
    for (size_t i = 0; i < sizeof(attachment_modes) / sizeof(attachment_modes[0]); i++)
        if (!strcmp(given, attachment_modes[i]))
            return attachment_modes[i];
    *why = "is not endpoint, http_url, base64 or filesystem";
    return NULL;
}

/* The last segment of a path, URL or key: what stands behind the last slash or colon, without query
 * and fragment. */
static void attachment_infer_name(struct attachment *a, const char *path)
{
    size_t end = attachment_is_http(path) ? strcspn(path, "?#") : strlen(path);
    size_t start = end;

    while (start && !strchr("/:\\", path[start - 1]))
        start--;
    a->filename = path + start;
    a->filename_octets = end - start;
}

static bool attachment_refuse(struct draft *d, int32_t ordinal, const char *name, const char *why)
{
    draft_reject(d, "invalid attachments: %s of attachment %d %s", name, (int)ordinal + 1, why);
    return false;
}

/* storage_path and fetch_mode. */
static bool attachment_read_path(struct attachment *a, struct draft *d, int32_t ordinal)
{
    const char *why = NULL;
    const char *path = attachment_text(a->source, "storage_path", &why);

    if (!path || !*path)
        return attachment_refuse(d, ordinal, "storage_path", why ? why : "is empty");
    a->mode = attachment_read_mode(a, path, &why);
    if (!a->mode)
        return attachment_refuse(d, ordinal, "fetch_mode", why);
    if (!strcmp(a->mode, "base64")) {
        a->encoded = strncmp(path, "base64:", 7) ? path : path + 7;
        return true;
    }
    if (!attachment_line(a->source, "storage_path", &why))
        return attachment_refuse(d, ordinal, "storage_path", why);
    if (!strcmp(a->mode, "http_url") && !attachment_is_http(path))
        return attachment_refuse(d, ordinal, "storage_path", "is not an http or https URL");
    attachment_infer_name(a, path);
    return true;
}

static bool attachment_read_s3(struct attachment *a, struct draft *d, int32_t ordinal)
{
    const cJSON *s3 = json_get_value(a->source, "s3");
    const char *why = NULL;
    const char *bucket = attachment_line(s3, "bucket", &why);
    const char *key = why ? NULL : attachment_line(s3, "key", &why);

    if (why || !bucket || !*bucket || !key || !*key)
        return attachment_refuse(d, ordinal, "s3", why ? why : "needs a bucket and a key");
    a->mode = "endpoint"; /* as s3://bucket/key */
    attachment_infer_name(a, key);
    return true;
}

static bool attachment_read_url(struct attachment *a, struct draft *d, int32_t ordinal)
{
    const char *why = NULL;
    const char *url = attachment_line(a->source, "url", &why);

    if (!url || !attachment_is_http(url))
        return attachment_refuse(d, ordinal, "url", why ? why : "is not an http or https URL");
    a->mode = "http_url";
    attachment_infer_name(a, url);
    return true;
}

static bool attachment_read_content(struct attachment *a, struct draft *d, int32_t ordinal)
{
    const char *why = NULL;

    a->encoded = attachment_text(a->source, "content", &why);
    if (!a->encoded)
        return attachment_refuse(d, ordinal, "content", why);
    a->mode = "base64";
    return true;
}

/* Where the octets are. false: the draft is rejected. */
static bool attachment_read_source(struct attachment *a, struct draft *d, int32_t ordinal)
{
    if (json_get_value(a->source, "storage_path"))
        return attachment_read_path(a, d, ordinal);
    if (json_get_value(a->source, "s3"))
        return attachment_read_s3(a, d, ordinal);
    if (json_get_value(a->source, "url"))
        return attachment_read_url(a, d, ordinal);
    if (json_get_value(a->source, "content"))
        return attachment_read_content(a, d, ordinal);
    draft_reject(d, "invalid attachments: attachment %d has no storage_path, content, url or s3",
                 (int)ordinal + 1);
    return false;
}

static bool attachment_read_name(struct attachment *a, struct draft *d, int32_t ordinal)
{
    const char *why = NULL;
    const char *given = attachment_line(a->source, "filename", &why);
    size_t characters = 0;

    if (why)
        return attachment_refuse(d, ordinal, "filename", why);
    if (given && *given) {
        a->filename = given;
        a->filename_octets = strlen(given);
    } else if (!a->filename_octets) {
        a->filename = "file.bin";
        a->filename_octets = strlen(a->filename);
    }
    for (size_t i = 0; i < a->filename_octets; i += utf8_octets(a->filename + i))
        characters++;
    if (characters > ATTACHMENT_NAME_CHARACTERS_MAX)
        return attachment_refuse(d, ordinal, "filename", "is longer than 255 characters");
    return true;
}

/* mime_type, content_md5 and auth. */
static bool attachment_check_rest(const struct attachment *a, struct draft *d, int32_t ordinal)
{
    static const char *const auth_names[] = {"method", "user", "password", "token"};
    const cJSON *auth = json_get_value(a->source, "auth");
    const char *why = NULL;
    const char *md5;

    attachment_line(a->source, "mime_type", &why);
    if (why)
        return attachment_refuse(d, ordinal, "mime_type", why);
    md5 = attachment_text(a->source, "content_md5", &why);
    if (why || (md5 && *md5 &&
                (strlen(md5) != ATTACHMENT_MD5_DIGITS ||
                 strspn(md5, "0123456789abcdefABCDEF") != ATTACHMENT_MD5_DIGITS)))
        return attachment_refuse(d, ordinal, "content_md5", "is not 32 hexadecimal digits");
    if (auth && !cJSON_IsObject(auth))
        return attachment_refuse(d, ordinal, "auth", "is not an object");
    for (size_t i = 0; i < sizeof(auth_names) / sizeof(auth_names[0]); i++) {
        attachment_line(auth, auth_names[i], &why);
        if (why)
            return attachment_refuse(d, ordinal, "auth", why);
    }
    return true;
}

/* Decode what came along and keep it. */
static enum err attachment_keep(const struct attachment *a, struct draft *d, int32_t ordinal,
                                const struct validate_limits *limits, size_t *ret_len,
                                struct error *err)
{
    size_t n = strlen(a->encoded);
    struct draft_attachment *grown;
    unsigned char *octets = NULL;
    size_t len = 0;
    enum err rc = ERR_OK;

    rc = token_base64_decode(a->encoded, n, &octets, &len, err);
    if (rc == ERR_INPUT) {
        attachment_refuse(d, ordinal, "content", "is not base64");
        return ERR_OK;
    }
    if (rc)
        return rc;
    if ((int64_t)len > limits->max_attachment_octets) {
        free(octets);
        draft_reject(d, "invalid attachments: attachment %d is over the limit of %lld octets",
                     (int)ordinal + 1, (long long)limits->max_attachment_octets);
        return ERR_OK;
    }
    grown = realloc(d->attachments, (d->attachment_count + 1) * sizeof(*grown));
    if (!grown) {
        free(octets);
        return error_set(err, ERR_NOMEM, "out of memory for an attachment");
    }
    d->attachments = grown;
    grown[d->attachment_count++] =
        (struct draft_attachment){.ordinal = ordinal, .octets = octets, .len = len};
    *ret_len = len;
    return ERR_OK;
}

static void attachment_append_given(struct object *o, const cJSON *source, const char *name)
{
    const cJSON *item = json_get_value(source, name);

    if (item) {
        object_key(o, name);
        json_append_value(o->out, item);
    }
}

static void attachment_append_s3(struct object *o, const cJSON *s3)
{
    struct object inner;

    object_key(o, "s3");
    inner = object_open(o->out);
    attachment_append_given(&inner, s3, "bucket");
    attachment_append_given(&inner, s3, "key");
    object_close(&inner);
}

/* What goes in as `auth`: owned, *ret is left empty where there is none. May reject the draft. */
static enum err attachment_seal_auth(const struct attachment *a, struct draft *d, int32_t ordinal,
                                     const struct validate_limits *limits, struct buf *ret,
                                     struct error *err)
{
    const cJSON *auth = json_get_value(a->source, "auth");
    enum err rc = auth ? credentials_append(d, auth, limits->keys, ret, err) : ERR_OK;

    if (!rc || rc == ERR_NOMEM)
        return rc;
    draft_reject(d, "invalid attachments: auth of attachment %d: %s", (int)ordinal + 1, err->text);
    return ERR_OK;
}

static void attachment_append(const struct attachment *a, const struct buf *auth, struct buf *out,
                              size_t kept)
{
    char filename[4 * ATTACHMENT_NAME_CHARACTERS_MAX + 1];
    struct object o = object_open(out);

    snprintf(filename, sizeof(filename), "%.*s", (int)a->filename_octets, a->filename);
    object_text(&o, "filename", filename);
    if (a->encoded)
        object_int(&o, json_get_value(a->source, "storage_path") ? "storage_path" : "content",
                   (int64_t)kept);
    else if (json_get_value(a->source, "storage_path"))
        attachment_append_given(&o, a->source, "storage_path");
    else if (json_get_value(a->source, "s3"))
        attachment_append_s3(&o, json_get_value(a->source, "s3"));
    else
        attachment_append_given(&o, a->source, "url");
    object_text(&o, "fetch_mode", a->mode);
    attachment_append_given(&o, a->source, "mime_type");
    attachment_append_given(&o, a->source, "content_md5");
    object_raw(&o, "auth", auth->len ? auth->data : NULL);
    object_close(&o);
}

enum err attachment_take(struct draft *d, const cJSON *item, int32_t ordinal,
                         const struct validate_limits *limits, struct error *err)
{
    struct attachment a = {.source = item};
    struct buf auth = BUF_INIT(ATTACHMENT_AUTH_CAP_OCTETS);
    size_t kept = 0;
    enum err rc = ERR_OK;

    if (!cJSON_IsObject(item)) {
        draft_reject(d, "invalid attachments: attachment %d is not an object", (int)ordinal + 1);
        return ERR_OK;
    }
    if (!attachment_read_source(&a, d, ordinal) || !attachment_read_name(&a, d, ordinal) ||
        !attachment_check_rest(&a, d, ordinal))
        return ERR_OK;
    if (a.encoded)
        rc = attachment_keep(&a, d, ordinal, limits, &kept, err);
    if (!rc && d->fate == DRAFT_OPEN)
        rc = attachment_seal_auth(&a, d, ordinal, limits, &auth, err);
    if (!rc && d->fate == DRAFT_OPEN)
        attachment_append(&a, &auth, &d->content, kept);
    buf_clear(&auth);
    return rc;
}
