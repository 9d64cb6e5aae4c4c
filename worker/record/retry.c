/*
 * retry.c - the retry schedule. See retry.h.
 */
#include "worker/record/retry.h"

int64_t retry_delay_s(const struct config_delays *delays, int32_t used, double jitter)
{
    if (used < 0 || (uint32_t)used >= delays->count)
        return RETRY_NONE;
    return (int64_t)(delays->seconds[used] * (1.0 + 0.1 * jitter) + 0.5);
}
