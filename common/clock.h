/*
 * clock.h - the two clocks: monotonic for measuring, wall for showing.
 *
 * What is due is decided by the database's now(), never by a program's clock.
 */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <stdint.h>
#include <time.h>

enum { CLOCK_ISO_OCTETS = 32 };

int64_t clock_mono_us(void); /* microseconds since an arbitrary point; never goes back, and
                                counts while the machine is suspended: a lease runs out there too */
int64_t clock_mono_ms(void);
int64_t clock_wall_us(void); /* microseconds since the epoch, UTC */

/* So many milliseconds from now on CLOCK_MONOTONIC, for what waits by it: pthread_cond_timedwait()
 * with that clock, sem_clockwait() and their like. */
struct timespec clock_deadline(int64_t wait_ms);

/* Write `epoch_us` as 2026-11-22T06:05:25.123Z into `ret`, a buffer of CLOCK_ISO_OCTETS; returns
 * ret. */
char *clock_format_iso(int64_t epoch_us, char *ret);

#endif
