/*
 * settled.h - the recipients of a message that are done while others are not: message.settled.
 *
 * [{"address":"ann@example.com","outcome":"sent"},
 *  {"address":"bob@example.com","outcome":"error","code":550,"reason":"5.1.1 no such user (SMTP
 * 550)"}]
 */
#ifndef WORKER_RECORD_SETTLED_H
#define WORKER_RECORD_SETTLED_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "worker/send/transcript.h"

/* The array of earlier attempts, or an empty one. NULL: out of memory. Owned. */
cJSON *settled_parse(const char *json);
/* Append one recipient; `reason` may be NULL. false: out of memory. */
bool settled_add(cJSON *list, const char *address, enum outcome outcome, int code,
                 const char *reason);
/* How many of the list have that outcome. */
uint32_t settled_count(const cJSON *list, enum outcome outcome);
/* {"refused":[{"address","code","reason"}]} of the list's errors, as text; owned; NULL: out of
 * memory. */
char *settled_print_refused(const cJSON *list);

#endif
