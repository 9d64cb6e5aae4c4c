/*
 * file.c - which form of a file, and whether at all. See file.h.
 */
#include "server/http/file.h"

#include <civetweb.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define FILE_BLANKS " \t"

/* A quality of nothing but zeros: "0", "0.0", "0.000". */
static bool file_is_zero(const char *quality, size_t len)
{
    return len && strspn(quality, "0.") >= len;
}

/* "gzip;q=0.5": is it this coding, and not refused? */
static bool file_allows(const char *item, size_t len, const char *coding)
{
    size_t name_len = strcspn(item, ",;" FILE_BLANKS);
    const char *quality = item + name_len;

    if (name_len != strlen(coding) || strncasecmp(item, coding, name_len) != 0)
        return false;
    quality += strspn(quality, ";" FILE_BLANKS);
    if (quality >= item + len || strncasecmp(quality, "q=", 2) != 0)
        return true;
    return !file_is_zero(quality + 2, strcspn(quality + 2, "," FILE_BLANKS));
}

/* Does an Accept-Encoding (NULL: none) allow gzip? RFC 9110 12.5.3. */
static bool file_takes_gzip(const char *accept_encoding)
{
    for (const char *p = accept_encoding; p && *p;) {
        size_t len;

        p += strspn(p, "," FILE_BLANKS);
        len = strcspn(p, ",");
        if (file_allows(p, len, "gzip"))
            return true;
        p += len;
    }
    return false;
}

/* Does an If-None-Match (NULL: none) name this tag? Compared weakly, as RFC 9110 13.1.2 wants. */
static bool file_is_named(const char *if_none_match, const char *etag)
{
    size_t wanted = strlen(etag);

    for (const char *p = if_none_match; p && *p;) {
        size_t len;

        p += strspn(p, "," FILE_BLANKS);
        if (*p == '*')
            return true;
        if (!strncmp(p, "W/", 2)) /* a proxy that compresses makes a tag weak */
            p += 2;
        len = strcspn(p, "," FILE_BLANKS);
        if (len == wanted && !memcmp(p, etag, len))
            return true;
        p += len;
    }
    return false;
}

void file_answer(const struct file *file, struct reply *reply)
{
    bool gzip = file->gzip && file_takes_gzip(mg_get_header(reply->conn, "Accept-Encoding"));
    const char *etag = gzip ? file->gzip_etag : file->etag;

    reply->cache_control = "no-cache"; /* keep it, and ask each time */
    reply_header(reply, "ETag", etag);
    if (file->gzip)
        reply_header(reply, "Vary", "Accept-Encoding");
    if (file_is_named(mg_get_header(reply->conn, "If-None-Match"), etag)) {
        reply_text(reply, 304, NULL);
        return;
    }
    if (gzip)
        reply_header(reply, "Content-Encoding", "gzip");
    buf_append(reply_text(reply, 200, file->media_type), gzip ? file->gzip : file->octets,
               gzip ? file->gzip_len : file->len);
}
