/*
 * media_type.h - what kind of thing a file is, by its name.
 *
 * A table of our own, not the system's: the same name gives the same type on every machine.
 */
#ifndef WORKER_COMPOSE_MEDIA_TYPE_H
#define WORKER_COMPOSE_MEDIA_TYPE_H

#define MEDIA_TYPE_UNKNOWN "application/octet-stream"

/* By the extension, in any case; a static string, never NULL. */
const char *media_type_guess(const char *filename);

#endif
