/*
 * files.h - the web page's files, as embed.py puts them into the program.
 */
#ifndef SERVER_PAGE_FILES_H
#define SERVER_PAGE_FILES_H

#include "server/http/file.h"

extern const struct file page_index;     /* index.html */
extern const struct file page_scripts[]; /* ends with one without a name */
extern const struct file page_styles[];  /* ends with one without a name */

#endif
