/*
 * loop.h - the worker: one thread, one event loop, every stage.
 *
 * claim -> compose -> send -> record, and beside them report and sweep. Only this room knows all
 * stages; each of them knows its own work.
 */
#ifndef WORKER_LOOP_H
#define WORKER_LOOP_H

#include "common/config.h"

/* Run until SIGTERM or SIGINT, then finish what is under way within GMP_SHUTDOWN_GRACE_SECONDS. */
enum err loop_run(const struct config *config, struct error *err) MUST_CHECK;

#endif
