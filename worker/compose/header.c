/*
 * header.c - words, encoded-words and folds. See header.h.
 */
#include "worker/compose/header.h"

#include <gmime/gmime.h>
#include <stdlib.h>
#include <string.h>

/*
 * 76: a line that holds an encoded-word may not be longer (RFC 2047 section 2), and all others do
 * well with it too. 998: the hard limit of RFC 5322 2.1.1. A run of white space is cut to 16, so
 * that a folded line always has room.
 */
enum { HEADER_COLUMNS = 76, HEADER_LINE_MAX = 998, HEADER_SPACE_MAX = 16 };
enum { HEADER_WORD_MAX = HEADER_LINE_MAX - HEADER_SPACE_MAX };
/* "=?utf-8?q?" and "?=" around the octets of an encoded-word, which ends at 75; less than 30 free
 * are not worth it. */
enum { HEADER_ENCODED_FRAME = 12, HEADER_ENCODED_MAX = 75, HEADER_ENCODED_MIN = 30 };

enum header_kind { HEADER_TEXT, HEADER_PHRASE };

static bool header_is_space(char c)
{
    return c == ' ' || c == '\t';
}

static bool header_is_alnum(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* atext of RFC 5322 3.2.3. */
static bool header_is_atext(unsigned char c)
{
    return header_is_alnum(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* What may stand for itself in a "Q" encoded-word wherever it is used (RFC 2047 section 5 (3)). */
static bool header_is_q_safe(unsigned char c)
{
    return header_is_alnum(c) || (c && strchr("!*+-/", c));
}

static bool header_word_needs_code(const char *word, size_t n, enum header_kind kind)
{
    if (n > HEADER_WORD_MAX)
        return true;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)word[i];
        if (c < 0x21 || c > 0x7e || (kind == HEADER_PHRASE && !header_is_atext(c)))
            return true;
    }
    return false;
}

void header_begin(struct header_line *line, struct buf *out, const char *name)
{
    *line = (struct header_line){.out = out, .column = strlen(name) + 1, .fresh = true};
    buf_append_str(out, name);
    buf_append_char(out, ':');
}

void header_end(struct header_line *line)
{
    buf_append_str(line->out, line->fresh ? " \r\n" : "\r\n");
}

static void header_fold(struct header_line *line)
{
    buf_append_str(line->out, "\r\n");
    line->column = 0;
}

static void header_put_octets(struct header_line *line, const char *octets, size_t n)
{
    buf_append(line->out, octets, n);
    line->column += n;
    line->fresh = false;
}

/* A word as it is, after the white space that separates it from what came before. */
static void header_put_word(struct header_line *line, const char *space, size_t nspace,
                            const char *word, size_t n)
{
    size_t limit = line->fresh ? HEADER_LINE_MAX : HEADER_COLUMNS;

    if (line->column + nspace + n > limit)
        header_fold(line);
    header_put_octets(line, space, nspace);
    header_put_octets(line, word, n);
}

/* Octets of the UTF-8 character at the start of `text`; a stray octet counts as one. */
static size_t header_char_octets(const char *text, size_t n)
{
    size_t i = 1;

    while (i < n && i < 4 && ((unsigned char)text[i] & 0xc0) == 0x80)
        i++;
    return i;
}

static size_t header_q_octets(const char *text, size_t n)
{
    size_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += header_is_q_safe((unsigned char)text[i]) || text[i] == ' ' ? 1 : 3;
    return sum;
}

static size_t header_b_octets(size_t n)
{
    return (n + 2) / 3 * 4;
}

/* How much of `text` one encoded-word of at most `room` octets holds: whole characters, at least
 * one. */
static size_t header_measure_code(const char *text, size_t n, bool q, size_t room)
{
    size_t taken = header_char_octets(text, n);

    while (taken < n) {
        size_t next = taken + header_char_octets(text + taken, n - taken);
        size_t len = q ? header_q_octets(text, next) : header_b_octets(next);
        if (len + HEADER_ENCODED_FRAME > room)
            break;
        taken = next;
    }
    return taken;
}

static void header_put_code(struct header_line *line, const char *text, size_t n, bool q)
{
    char word[HEADER_ENCODED_MAX + 1];
    size_t len = 0;

    if (q) {
        for (size_t i = 0; i < n; i++) {
            unsigned char c = (unsigned char)text[i];
            if (header_is_q_safe(c) || c == ' ') {
                word[len++] = c == ' ' ? '_' : (char)c;
            } else {
                word[len++] = '=';
                word[len++] = "0123456789ABCDEF"[c >> 4];
                word[len++] = "0123456789ABCDEF"[c & 15];
            }
        }
    } else {
        gint state = 0, save = 0;
        len = g_base64_encode_step((const guchar *)text, n, FALSE, word, &state, &save);
        len += g_base64_encode_close(FALSE, word + len, &state, &save);
    }
    header_put_octets(line, q ? "=?utf-8?q?" : "=?utf-8?b?", 10);
    header_put_octets(line, word, len);
    header_put_octets(line, "?=", 2);
}

/* Words that need it, with the white space between them: readers drop the space between two
 * encoded-words. */
static void header_put_coded(struct header_line *line, const char *space, size_t nspace,
                             const char *text, size_t n)
{
    bool q = header_q_octets(text, n) <= header_b_octets(n);

    while (n) {
        if (line->column + nspace + HEADER_ENCODED_MIN > HEADER_COLUMNS)
            header_fold(line);
        header_put_octets(line, space, nspace);
        size_t room = HEADER_COLUMNS - line->column;
        size_t taken =
            header_measure_code(text, n, q, room < HEADER_ENCODED_MAX ? room : HEADER_ENCODED_MAX);
        header_put_code(line, text, taken, q);
        text += taken;
        n -= taken;
        space = " ";
        nspace = 1;
    }
}

static const char *header_skip_space(const char *p)
{
    while (header_is_space(*p))
        p++;
    return p;
}

static const char *header_skip_word(const char *p)
{
    while (*p && !header_is_space(*p))
        p++;
    return p;
}

/* From `word`, which needs encoding, to the end of the last word in a row that does. */
static const char *header_find_code_end(const char *word, enum header_kind kind)
{
    const char *end = header_skip_word(word);

    for (;;) {
        const char *next = header_skip_space(end);
        const char *next_end = header_skip_word(next);
        if (next == next_end || !header_word_needs_code(next, (size_t)(next_end - next), kind))
            return end;
        end = next_end;
    }
}

static void header_put_words(struct header_line *line, const char *text, enum header_kind kind)
{
    bool first = true; /* white space in front is not the value's */

    for (const char *p = text;;) {
        const char *space = first ? " " : p;
        const char *word = header_skip_space(p);
        size_t nspace = first ? 1 : (size_t)(word - p);
        const char *end = header_skip_word(word);
        if (word == end)
            return;
        if (nspace > HEADER_SPACE_MAX)
            nspace = HEADER_SPACE_MAX;
        if (header_word_needs_code(word, (size_t)(end - word), kind)) {
            end = header_find_code_end(word, kind);
            header_put_coded(line, space, nspace, word, (size_t)(end - word));
        } else {
            header_put_word(line, space, nspace, word, (size_t)(end - word));
        }
        p = end;
        first = false;
    }
}

void header_put_text(struct header_line *line, const char *text)
{
    header_put_words(line, text, HEADER_TEXT);
}

/* A display name: atoms as they are, other ASCII in quotes, the rest as encoded-words. */
static void header_put_phrase(struct header_line *line, const char *name)
{
    bool atoms = true;
    struct buf quoted = BUF_INIT(2 * strlen(name) + 2);

    for (const char *p = header_skip_space(name); *p; p = header_skip_space(p)) {
        const char *end = header_skip_word(p);
        /* Twice its length: quoting may put a backslash before each of its octets. */
        if (2 * (size_t)(end - p) + 2 > HEADER_WORD_MAX ||
            header_word_needs_code(p, (size_t)(end - p), HEADER_TEXT)) {
            header_put_words(line, name, HEADER_PHRASE);
            return;
        }
        atoms = atoms && !header_word_needs_code(p, (size_t)(end - p), HEADER_PHRASE);
        p = end;
    }
    if (atoms) {
        header_put_words(line, name, HEADER_TEXT);
        return;
    }
    buf_append_char(&quoted, '"');
    for (const char *p = header_skip_space(name); *p; p++) {
        if (*p == '"' || *p == '\\')
            buf_append_char(&quoted, '\\');
        buf_append_char(&quoted, *p);
    }
    buf_append_char(&quoted, '"');
    if (quoted.failed)
        line->out->failed = quoted.failed;
    else
        header_put_words(line, quoted.data, HEADER_TEXT);
    buf_clear(&quoted);
}

void header_put_addresses(struct header_line *line, const struct address_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct address *a = &list->items[i];
        char *path = address_to_path(a);
        struct buf spec = BUF_INIT(2 * ADDRESS_OCTETS_MAX + 16);

        if (!path) {
            line->out->failed = ERR_NOMEM;
            return;
        }
        bool named = a->display_name && *header_skip_space(a->display_name);
        if (named)
            header_put_phrase(line, a->display_name);
        buf_printf(&spec, named ? "<%s>%s" : "%s%s", path, i + 1 < list->count ? "," : "");
        if (spec.failed)
            line->out->failed = spec.failed;
        else
            header_put_word(line, " ", 1, spec.data, spec.len);
        buf_clear(&spec);
        free(path);
    }
}
