#include "common/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t clock_read_us(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_mono_us(void)
{
    return clock_read_us(CLOCK_BOOTTIME);
}

int64_t clock_mono_ms(void)
{
    return clock_mono_us() / 1000;
}

int64_t clock_wall_us(void)
{
    return clock_read_us(CLOCK_REALTIME);
}

struct timespec clock_deadline(int64_t wait_ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += wait_ms % 1000 * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    return until;
}

char *clock_format_iso(int64_t epoch_us, char *ret)
{
    time_t seconds = (time_t)(epoch_us / 1000000);
    int milliseconds = (int)(epoch_us / 1000 % 1000);
    struct tm tm;
    size_t n;

    gmtime_r(&seconds, &tm);
    n = strftime(ret, CLOCK_ISO_OCTETS, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(ret + n, CLOCK_ISO_OCTETS - n, ".%03dZ", milliseconds);
    return ret;
}
