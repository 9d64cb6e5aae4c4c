/*
 * head.h - is a request's head what civetweb made of it?
 *
 * civetweb 1.15 is forgiving. At a line it cannot read (a folded one, one without a name or with an
 * octet beyond ASCII in it) it takes the head to be over and leaves out the lines behind it, the
 * length of the body among them; the body is then taken for the next request. A proxy before us
 * that reads such a head in another way could be led to give one client's answer to another (RFC
 * 9112 section 11.2), so what is not written as section 2 to 5 of it say is refused.
 */
#ifndef SERVER_HTTP_HEAD_H
#define SERVER_HTTP_HEAD_H

struct mg_request_info;

/* NULL, or what is wrong. For the begin_request callback alone. */
const char *head_check(const struct mg_request_info *info);

#endif
