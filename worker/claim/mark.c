/*
 * mark.c - what a worker has seen of the database. See mark.h.
 */
#include "worker/claim/mark.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MARK_NAME_OCTETS = 32 }; /* of a file in the directory */

#define MARK_HEAD   "mailproxy-mark 1"
#define MARK_FORMAT MARK_HEAD " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n"

void mark_print(const struct mark *mark, char ret[MARK_TEXT_OCTETS])
{
    snprintf(ret, MARK_TEXT_OCTETS, MARK_FORMAT, mark->instance_epoch, mark->epoch,
             mark->started_us, mark->heartbeat_us);
}

enum err mark_parse(const char *text, struct mark *ret, struct error *err)
{
    struct mark mark = {0};
    int64_t *const fields[] = {&mark.instance_epoch, &mark.epoch, &mark.started_us,
                               &mark.heartbeat_us};
    const char *at = text + strlen(MARK_HEAD);
    char again[MARK_TEXT_OCTETS];

    if (!strncmp(text, MARK_HEAD, strlen(MARK_HEAD))) {
        for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
            char *end;

            *fields[i] = strtoll(at, &end, 10);
            at = end;
        }
        /* What reads as a mark and would be written in the same way is one. */
        mark_print(&mark, again);
        if (!strcmp(text, again)) {
            *ret = mark;
            return ERR_OK;
        }
    }
    return error_set(err, ERR_INPUT, "it is not what a worker has written");
}

static enum err mark_fail(const char *directory, const char *why, struct error *err)
{
    return error_set(err, ERR_CONFIG, "GMP_STATE_DIR=%s: %s", directory, why);
}

enum err mark_load(const char *directory, struct mark *ret, struct error *err)
{
    char path[PATH_MAX], text[MARK_TEXT_OCTETS] = "";
    struct error why;
    FILE *in;
    size_t n;

    if (!directory)
        return ERR_OK;
    if (snprintf(path, sizeof(path), "%s/.", directory) >= (int)sizeof(path) - MARK_NAME_OCTETS)
        return mark_fail(directory, strerror(ENAMETOOLONG), err);
    if ((mkdir(directory, 0700) && errno != EEXIST) || access(path, W_OK | X_OK))
        return mark_fail(directory, strerror(errno), err);
    snprintf(path, sizeof(path), "%s/mark", directory);
    in = fopen(path, "re");
    if (!in)
        return errno == ENOENT ? ERR_OK : mark_fail(directory, strerror(errno), err);
    n = fread(text, 1, sizeof(text) - 1, in);
    fclose(in);
    text[n] = '\0';
    if (mark_parse(text, ret, &why))
        return error_set(err, ERR_CONFIG,
                         "GMP_STATE_DIR=%s: its file `mark` cannot be read: %s; without it a "
                         "restore of the database before now goes unnoticed",
                         directory, why.text);
    return ERR_OK;
}

enum err mark_save(const char *directory, const struct mark *mark, struct error *err)
{
    char path[PATH_MAX], fresh[PATH_MAX], text[MARK_TEXT_OCTETS];
    FILE *out;
    bool written;

    if (!directory)
        return ERR_OK;
    snprintf(path, sizeof(path), "%s/mark", directory);
    snprintf(fresh, sizeof(fresh), "%s/mark.%ld", directory, (long)getpid());
    mark_print(mark, text);
    out = fopen(fresh, "we");
    if (!out)
        return mark_fail(directory, strerror(errno), err);
    written = fputs(text, out) >= 0;
    if (fclose(out) || !written || rename(fresh, path)) {
        enum err rc = mark_fail(directory, strerror(errno), err);

        unlink(fresh);
        return rc;
    }
    return ERR_OK;
}
