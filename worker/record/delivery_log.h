/*
 * delivery_log.h - the one line per attempt in the log.
 */
#ifndef WORKER_RECORD_DELIVERY_LOG_H
#define WORKER_RECORD_DELIVERY_LOG_H

#include "worker/record/attempt.h"

/* stage=record event=attempt tenant= message= account= attempt= rcpts=
 * delays_ms=queue/compose/connect/send status= ... */
void delivery_log_write(const struct attempt *attempt);

#endif
