/*
 * open_files.h - how many files and sockets the process may have open.
 */
#ifndef COMMON_OPEN_FILES_H
#define COMMON_OPEN_FILES_H

/*
 * Raise the limit to what the system allows the process (RLIMIT_NOFILE, the soft limit to the hard
 * one). The usual soft limit of 1024 is there for programs that use select(), which ours do not.
 */
void open_files_raise(void);

#endif
