/*
 * mark.h - what a worker has seen of the database, kept outside of it.
 *
 * A database that was restored from a backup does not know that it was. Who remembers a row that
 * was stored in it, and does not find it, knows: the row is that of a worker, and its heartbeat.
 * All workers of a host may share one directory (GMP_STATE_DIR); the last heartbeat of any of them
 * is as good as another.
 */
#ifndef WORKER_CLAIM_MARK_H
#define WORKER_CLAIM_MARK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

enum { MARK_TEXT_OCTETS = 128 };

/* All 0: nothing was seen yet. Times are the database's, in microseconds since the Unix epoch. */
struct mark {
    int64_t instance_epoch; /* instance.epoch: raised when a restore is confirmed */
    int64_t epoch;          /* a worker's */
    int64_t started_us;
    int64_t heartbeat_us; /* the last one known to be stored */
};

/*
 * Both do nothing when `directory` is NULL. Written by rename, so that a reader sees one mark or
 * another; not flushed to the disk, so a host that loses power may remember the mark before.
 */
enum err mark_load(const char *directory, struct mark *ret,
                   struct error *err) MUST_CHECK; /* makes the directory; no file: all 0 */
enum err mark_save(const char *directory, const struct mark *mark, struct error *err) MUST_CHECK;

/* One line, as it stands in the file. */
void mark_print(const struct mark *mark, char ret[MARK_TEXT_OCTETS]);
/* ERR_INPUT: it is not exactly such a line; *ret is untouched then. */
enum err mark_parse(const char *text, struct mark *ret, struct error *err) MUST_CHECK;

#endif
