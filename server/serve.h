/*
 * serve.h - the server's life: start what a request needs, wait for a signal, stop.
 */
#ifndef SERVER_SERVE_H
#define SERVER_SERVE_H

#include "common/config.h"

/*
 * Serve until SIGTERM or SIGINT. Every error of the start names what is wrong and the remedy:
 * ERR_CONFIG, ERR_DB_GONE, ERR_IO (the port), ERR_NOMEM.
 */
enum err serve_run(const struct config *config, struct error *err) MUST_CHECK;

#endif
