#include "common/open_files.h"

#include <sys/resource.h>

#include "common/log.h"

void open_files_raise(void)
{
    struct rlimit limit;
    struct log_line l;

    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (!setrlimit(RLIMIT_NOFILE, &limit))
        return;
    log_begin(&l, LOG_WARN, "start", "open_files_not_raised");
    log_int(&l, "wanted", (int64_t)limit.rlim_max);
    log_end(&l);
}
