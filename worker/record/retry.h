/*
 * retry.h - when to try again (RFC 5321 4.5.4.1): a schedule of delays, one entry per retry.
 */
#ifndef WORKER_RECORD_RETRY_H
#define WORKER_RECORD_RETRY_H

#include "common/config.h"

enum { RETRY_NONE = -1 };

/*
 * Seconds until the retry that follows `used` earlier ones, or RETRY_NONE when the schedule is used
 * up. `jitter` is 0.0 to 1.0: it adds up to a tenth, so that messages deferred together do not come
 * back together.
 */
int64_t retry_delay_s(const struct config_delays *delays, int32_t used, double jitter);

#endif
