/*
 * mime.c - encodings, boundaries and parts; the encoders are GMime's. See mime.h.
 */
#include "worker/compose/mime.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "worker/compose/header.h"
#include "worker/compose/media_type.h"

enum { MIME_LINE_MAX = 998, MIME_CHUNK_OCTETS = 4096 };
/* Short enough for one line even if each octet has to be escaped or percent-encoded. */
enum { MIME_PLAIN_NAME_MAX = 255, MIME_TYPE_MAX = 255 };

void mime_body_clear(struct mime_body *body)
{
    buf_clear(&body->text);
}

/* CRLF, CR and LF all end a line, and the last line has an end as well. */
static void mime_normalise_text(const char *text, struct buf *out)
{
    for (;;) {
        size_t n = strcspn(text, "\r\n");
        buf_append(out, text, n);
        text += n;
        if (!*text)
            break;
        text += text[0] == '\r' && text[1] == '\n' ? 2 : 1;
        buf_append(out, "\r\n", 2);
    }
    if (!out->len || out->data[out->len - 1] != '\n')
        buf_append(out, "\r\n", 2);
}

static bool mime_text_is_7bit(const struct buf *text)
{
    size_t column = 0;

    for (size_t i = 0; i < text->len; i++) {
        unsigned char c = (unsigned char)text->data[i];
        column = c == '\n' ? 0 : column + 1;
        if (c > 0x7f || column > MIME_LINE_MAX + 1) /* + 1: the CR */
            return false;
    }
    return true;
}

static GMimeContentEncoding mime_choose_encoding(const struct buf *text)
{
    if (mime_text_is_7bit(text))
        return GMIME_CONTENT_ENCODING_7BIT;
    if (g_mime_utils_best_encoding((const unsigned char *)text->data, text->len) ==
        GMIME_CONTENT_ENCODING_BASE64)
        return GMIME_CONTENT_ENCODING_BASE64;
    return GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE;
}

/*
 * "=_" cannot occur in quoted-printable or base64 (RFC 2045 section 6.7 recommends it for that); a
 * 7-bit text is searched for the boundary, and another one is made if it is there.
 */
static void mime_make_boundary(const char *seed, const struct buf *text, char *ret)
{
    for (unsigned turn = 0;; turn++) {
        char *named = g_strdup_printf("%s#%u", seed, turn);
        char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, named, -1);
        g_snprintf(ret, MIME_BOUNDARY_OCTETS, "=_%.32s", hash);
        g_free(hash);
        g_free(named);
        if (!strstr(text->data, ret))
            return;
    }
}

enum err mime_body_plan(const char *text, bool html, const struct compose_attachment *attachments,
                        size_t attachment_count, const char *seed, struct mime_body *ret,
                        struct error *err)
{
    struct mime_body body = {
        .text = BUF_INIT(SIZE_MAX /
                         2), /* at most twice the input; the composed message has the limit */
        .html = html,
        .attachments = attachments,
        .attachment_count = attachment_count,
    };

    mime_normalise_text(text, &body.text);
    enum err rc = buf_check(&body.text, "the body", err);
    if (rc) {
        mime_body_clear(&body);
        return rc;
    }
    body.encoding = mime_choose_encoding(&body.text);
    if (attachment_count)
        mime_make_boundary(seed, &body.text, body.boundary);
    *ret = body;
    return ERR_OK;
}

/* What GMime writes ends its lines in LF alone. */
static void mime_append_crlf(struct buf *out, const char *octets, size_t n)
{
    while (n) {
        const char *lf = memchr(octets, '\n', n);
        size_t line = lf ? (size_t)(lf - octets) : n;
        buf_append(out, octets, line);
        if (!lf)
            return;
        buf_append(out, "\r\n", 2);
        octets += line + 1;
        n -= line + 1;
    }
}

static void mime_encode(GMimeEncoding *encoder, const char *octets, size_t n, struct buf *out)
{
    char encoded[4 *
                 MIME_CHUNK_OCTETS]; /* quoted-printable: "=XX" an octet, "=\n" every 70 of them */

    while (n) {
        size_t chunk = n < MIME_CHUNK_OCTETS ? n : MIME_CHUNK_OCTETS;
        mime_append_crlf(out, encoded, g_mime_encoding_step(encoder, octets, chunk, encoded));
        octets += chunk;
        n -= chunk;
    }
}

static void mime_encode_end(GMimeEncoding *encoder, struct buf *out)
{
    char encoded[64];

    mime_append_crlf(out, encoded, g_mime_encoding_flush(encoder, "", 0, encoded));
}

static void mime_append_base64(struct buf *out, const char *octets, size_t n)
{
    GMimeEncoding encoder;

    g_mime_encoding_init_encode(&encoder, GMIME_CONTENT_ENCODING_BASE64);
    mime_encode(&encoder, octets, n, out);
    mime_encode_end(&encoder, out);
}

/* Line by line, because the encoder wants LF alone as the line end that stays one. */
static void mime_append_quoted(struct buf *out, const struct buf *text)
{
    const char *at = text->data, *end = text->data + text->len;
    GMimeEncoding encoder;

    g_mime_encoding_init_encode(&encoder, GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE);
    while (at < end) {
        size_t line = (size_t)((const char *)memchr(at, '\r', (size_t)(end - at)) - at);
        mime_encode(&encoder, at, line, out);
        mime_encode(&encoder, "\n", 1, out);
        at += line + 2;
    }
    mime_encode_end(&encoder, out);
}

static void mime_append_text_fields(const struct mime_body *body, struct buf *out)
{
    buf_printf(out,
               "Content-Type: text/%s; charset=\"utf-8\"\r\n"
               "Content-Transfer-Encoding: %s\r\n",
               body->html ? "html" : "plain", g_mime_content_encoding_to_string(body->encoding));
}

static void mime_append_text(const struct mime_body *body, struct buf *out)
{
    if (body->encoding == GMIME_CONTENT_ENCODING_BASE64)
        mime_append_base64(out, body->text.data, body->text.len);
    else if (body->encoding == GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE)
        mime_append_quoted(out, &body->text);
    else
        buf_append(out, body->text.data, body->text.len);
}

static bool mime_is_token(const char *text)
{
    if (!text || !*text)
        return false;
    for (; *text; text++)
        if (*text < 0x21 || *text > 0x7e || strchr("()<>@,;:\\\"/[]?=", *text))
            return false;
    return true;
}

/* Is it a type that base64 may carry (RFC 2045 section 6.4), with parameters that can be written
 * down again? */
static bool mime_type_is_usable(GMimeContentType *type)
{
    const char *major = g_mime_content_type_get_media_type(type);
    GMimeParamList *params = g_mime_content_type_get_parameters(type);

    if (!mime_is_token(major) || !mime_is_token(g_mime_content_type_get_media_subtype(type)) ||
        !strcasecmp(major, "multipart") || !strcasecmp(major, "message"))
        return false;
    for (int i = 0; i < g_mime_param_list_length(params); i++) {
        GMimeParam *param = g_mime_param_list_get_parameter_at(params, i);
        if (!mime_is_token(g_mime_param_get_name(param)))
            return false;
        for (const char *p = g_mime_param_get_value(param); *p; p++)
            if ((unsigned char)*p < 0x20 || *p == 0x7f)
                return false;
    }
    return true;
}

/* The type as a header value, " type/subtype; name=value\n"; NULL when it cannot be used. Free with
 * g_free(). */
static char *mime_format_type(const char *text)
{
    GMimeContentType *type =
        strlen(text) <= MIME_TYPE_MAX ? g_mime_content_type_parse(NULL, text) : NULL;
    char *formatted = NULL;

    if (type && mime_type_is_usable(type))
        formatted = g_mime_content_type_encode(type, NULL);
    if (type)
        g_object_unref(type);
    if (formatted && g_str_is_ascii(formatted))
        return formatted;
    g_free(formatted); /* a value that claims a character set it is not in */
    return NULL;
}

static void mime_append_type(const struct compose_attachment *a, struct buf *out)
{
    bool given = a->mime_type && strchr(a->mime_type, '/');
    char *type = mime_format_type(given ? a->mime_type : media_type_guess(a->filename));

    if (type) {
        buf_append_str(out, "Content-Type:");
        mime_append_crlf(out, type, strlen(type));
    } else {
        buf_append_str(out, "Content-Type: " MEDIA_TYPE_UNKNOWN "\r\n");
    }
    g_free(type);
}

/* Printable ASCII of a length that leaves room in a line even if each octet has to be escaped. */
static bool mime_name_is_plain(const char *name)
{
    size_t n = 0;

    for (; name[n]; n++)
        if (name[n] < 0x20 || name[n] > 0x7e || n >= MIME_PLAIN_NAME_MAX)
            return false;
    return true;
}

static void mime_append_plain_disposition(const char *name, struct buf *out)
{
    struct header_line line;
    char value[2 * MIME_PLAIN_NAME_MAX + 32];
    size_t n = (size_t)g_snprintf(value, sizeof(value), "attachment; filename=\"");

    for (; *name; name++) {
        if (*name == '"' || *name == '\\')
            value[n++] = '\\';
        value[n++] = *name;
    }
    value[n++] = '"';
    value[n] = '\0';
    header_begin(&line, out, "Content-Disposition");
    header_put_text(&line, value);
    header_end(&line);
}

/* RFC 2231 by GMime, which breaks long names into pieces as well. */
static void mime_append_coded_disposition(const char *name, struct buf *out)
{
    GMimeContentDisposition *disposition = g_mime_content_disposition_new();
    GMimeParamList *params = g_mime_content_disposition_get_parameters(disposition);

    g_mime_content_disposition_set_disposition(disposition, "attachment");
    g_mime_content_disposition_set_parameter(disposition, "filename", name);
    g_mime_param_set_charset(g_mime_param_list_get_parameter(params, "filename"), "utf-8");
    char *text = g_mime_content_disposition_encode(disposition, NULL); /* " attachment; ...\n" */
    buf_append_str(out, "Content-Disposition:");
    mime_append_crlf(out, text, strlen(text));
    g_free(text);
    g_object_unref(disposition);
}

static void mime_append_attachment(const struct compose_attachment *a, struct buf *out)
{
    mime_append_type(a, out);
    buf_append_str(out, "Content-Transfer-Encoding: base64\r\n");
    if (mime_name_is_plain(a->filename))
        mime_append_plain_disposition(a->filename, out);
    else
        mime_append_coded_disposition(a->filename, out);
    buf_append_str(out, "\r\n");
    mime_append_base64(out, (const char *)a->octets, a->len);
}

void mime_append_fields(const struct mime_body *body, struct buf *out)
{
    buf_append_str(out, "MIME-Version: 1.0\r\n");
    if (body->attachment_count)
        buf_printf(out, "Content-Type: multipart/mixed; boundary=\"%s\"\r\n", body->boundary);
    else
        mime_append_text_fields(body, out);
}

void mime_append_content(const struct mime_body *body, struct buf *out)
{
    if (!body->attachment_count) {
        mime_append_text(body, out);
        return;
    }
    buf_printf(out, "--%s\r\n", body->boundary);
    mime_append_text_fields(body, out);
    buf_append_str(out, "\r\n");
    mime_append_text(body, out);
    for (size_t i = 0; i < body->attachment_count; i++) {
        buf_printf(out, "\r\n--%s\r\n", body->boundary);
        mime_append_attachment(&body->attachments[i], out);
    }
    buf_printf(out, "\r\n--%s--\r\n", body->boundary);
}
