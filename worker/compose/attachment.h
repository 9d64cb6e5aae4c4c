/*
 * attachment.h - where an attachment's octets come from, and what it is called; read from the
 * client's JSON.
 *
 * Two dialects: {storage_path, fetch_mode?, auth?} of today, and {url}, {s3: {bucket, key}} or
 * {content} of 2025. The octets of base64 ones were stored apart when the message was accepted.
 */
#ifndef WORKER_COMPOSE_ATTACHMENT_H
#define WORKER_COMPOSE_ATTACHMENT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"
#include "worker/compose/cache.h"

enum attachment_source {
    ATTACHMENT_STORED,     /* in the database */
    ATTACHMENT_ENDPOINT,   /* POST to the tenant's attachment URL */
    ATTACHMENT_HTTP_URL,   /* GET */
    ATTACHMENT_FILESYSTEM, /* below GMP_ATTACHMENT_BASE_DIR */
};

struct attachment {
    enum attachment_source source;
    char *filename;             /* owned; as the recipient sees it: without MD5 marker */
    char *location;             /* owned; storage path or URL; NULL: stored */
    const char *mime_type;      /* borrowed from the JSON; NULL: not given */
    const cJSON *auth;          /* borrowed from the JSON; NULL: the tenant's own */
    char md5[CACHE_MD5_OCTETS]; /* of content_md5 or the name's marker, lower case; empty: none */
    unsigned char *octets;      /* owned; NULL: not there yet */
    size_t len;
};

void attachment_clear(struct attachment *a); /* a zeroed one is fine */

/*
 * Read one entry of `attachments`. `stored`: the database has its octets, whatever else it says.
 * ERR_INPUT when it names no source; ret->filename is set even then, so that the failure can name
 * the attachment.
 */
enum err attachment_read(const cJSON *item, bool stored, struct attachment *ret,
                         struct error *err) MUST_CHECK;

/* "rep_{MD5:abcd}.txt" -> "rep.txt": the marker is between client and proxy; owned; NULL: out of
 * memory. */
char *attachment_clean_name(const char *filename);

#endif
