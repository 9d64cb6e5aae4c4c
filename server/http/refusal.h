/*
 * refusal.h - answers to requests that cannot be read.
 */
#ifndef SERVER_HTTP_REFUSAL_H
#define SERVER_HTTP_REFUSAL_H

#include "common/json.h"
#include "server/http/body.h"
#include "server/http/router.h"

struct mg_request_info;

void refusal_body(struct reply *reply, enum body_end end); /* ends the connection */
void refusal_syntax(struct reply *reply, const struct json_syntax_error *syntax);
void refusal_query(struct reply *reply); /* too many parameters */
/*
 * civetweb has refused a request with `status`. true: for its method, which it does not know, in a
 * line that it could read otherwise; answered as what no route has, 405 or 404.
 */
bool refusal_method(const struct context *context, const struct route *routes,
                    const struct mg_request_info *info, int status, struct reply *reply);

#endif
