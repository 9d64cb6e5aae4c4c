/*
 * address.h - mail addresses: RFC 5321 4.1.2 mailboxes, RFC 6531 internationalised ones, and lists
 * of RFC 5322 3.4.
 *
 * Addresses from outside are checked here at the API and again before sending: libcurl would put a
 * CR LF inside an address on the wire as it is.
 */
#ifndef COMMON_ADDRESS_H
#define COMMON_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"

enum { ADDRESS_OCTETS_MAX = 254, ADDRESS_LOCAL_OCTETS_MAX = 64, ADDRESS_LIST_MAX = 10000 };

/* One mailbox: "Ann <ann@example.com>" or "ann@example.com". */
struct address {
    char *display_name;  /* owned; decoded UTF-8; NULL: none */
    char *local_part;    /* owned; as it goes on the wire, quoted where it must be */
    char *domain;        /* owned; A-labels, lower case; or an address literal "[192.0.2.1]" */
    bool local_is_ascii; /* false: needs a relay that offers SMTPUTF8 */
};

struct address_list {
    struct address *items; /* owned */
    size_t count;
};

void address_clear(struct address *a);
void address_list_clear(struct address_list *list);

/*
 * Parse exactly one mailbox. ERR_INPUT tells why not, in words that follow "invalid from: "
 * ("contains CR or LF", "local part is longer than 64 octets", "is not an address", ...). IDNA 2008
 * (UTS 46 non-transitional) for domains. A domain of one label ("localhost") is fine. Encoded words
 * (RFC 2047) of the display name are decoded.
 */
enum err address_parse(const char *text, struct address *ret, struct error *err) MUST_CHECK;
/*
 * Parse what is between commas; blank entries are skipped, so a blank text adds nothing. Appends to
 * *list, which stays as it was on failure. A group ("a: b, c;") is ERR_INPUT.
 */
enum err address_list_parse(const char *text, struct address_list *list,
                            struct error *err) MUST_CHECK;
/* "local@domain" as MAIL and RCPT carry it, without angle brackets; owned; NULL: out of memory. */
char *address_to_path(const struct address *a);
/* A reverse-path: "", "<>" or a mailbox. *ret: "" for the null path, else local@domain; owned. */
enum err address_parse_path(const char *text, char **ret, bool *ret_ascii,
                            struct error *err) MUST_CHECK;

#endif
