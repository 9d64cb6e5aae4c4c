/*
 * retry.c - the retry schedule. See retry.h.
 */
#include "worker/record/retry.h"

enum { RETRY_BACK_OFF_FIRST_S = 60, RETRY_BACK_OFF_MOST_S = 3600 };

int64_t retry_delay_s(const struct config_delays *delays, int32_t used, double jitter)
{
    if (used < 0 || (uint32_t)used >= delays->count)
        return RETRY_NONE;
    return (int64_t)(delays->seconds[used] * (1.0 + 0.1 * jitter) + 0.5);
}

bool retry_is_over(int64_t max_age_s, int64_t failing_s)
{
    return max_age_s > 0 && failing_s >= max_age_s;
}

int64_t retry_back_off_first_s(const struct config_delays *delays)
{
    return delays->count ? delays->seconds[0] : RETRY_BACK_OFF_FIRST_S;
}

int64_t retry_back_off_most_s(const struct config_delays *delays)
{
    int64_t most = delays->count ? 0 : RETRY_BACK_OFF_MOST_S;

    for (uint32_t i = 0; i < delays->count; i++)
        if (delays->seconds[i] > most)
            most = delays->seconds[i];
    return most;
}
