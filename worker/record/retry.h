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

/*
 * May a message whose first failed attempt was `failing_s` seconds ago (0: there was none) be tried
 * no more after another one? RFC 5321 4.5.4.1 calls it the give-up time. `max_age_s` 0: none.
 */
bool retry_is_over(int64_t max_age_s, int64_t failing_s);

/*
 * An account at fault is left alone for the schedule's first delay, then for twice as long each
 * time, up to the schedule's longest; without a schedule for a minute, up to an hour. The doubling
 * and its jitter are record_attempts.sql's, which knows how often it failed.
 */
int64_t retry_back_off_first_s(const struct config_delays *delays);
int64_t retry_back_off_most_s(const struct config_delays *delays);

#endif
