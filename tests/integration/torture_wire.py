"""
Bad HTTP for every endpoint: methods, header fields, tokens, and requests octet by octet. In WIRE, %M is the endpoint's
method, %P its path and %T the header field with its token; what is expected is in the words below.
"""

# ---- methods --------------------------------------------------------------------------------------------------------

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "PROPFIND", "MKCOL", "TRACE", "BREW",
"LOCK", "get", "Post",
           "G\u00c9T".encode(), "GET\\", "X" * 1000]

# ---- tokens: never valid ones; 401 wherever a token is asked for ------------------------------------------------------

TOKENS = {
    "wrong": b"wrong", "space": b" ", "empty": b"", "almost": b"admin-token-of-the-test",
    "more": b"admin-token-of-the-testsx", "case": b"ADMIN-TOKEN-OF-THE-TESTS",
    "two": b"admin-token-of-the-tests, admin-token-of-the-tests", "bearer": b"Bearer admin-token-of-the-tests",
    "quoted": b'"admin-token-of-the-tests"', "star": b"*", "percent": b"%00",
    "null": b"null", "true": b"true", "zero": b"0", "octets": b"\xff\xfe\xfd", "utf-8": "\u00fc\U0001f4a9".encode(),
    "overlong": b"\xc0\x80", "quote": b"' OR '1'='1", "format": b"%s%n",
    "hash": b"0" * 64, "43": b"A" * 43, "10-kilobytes": b"x" * 10000, "octets-10-kilobytes": b"\xc3\xbc" * 5000,
    "json": b'{"admin":true}', "jwt": b"eyJhbGciOiJub25lIn0.eyJhZG1pbiI6dHJ1ZX0.",
}

# ---- header fields that change nothing: the answer is the same as without them ---------------------------------------

HEADERS = {
    "no-type": [], "type-xml": [("Content-Type", "application/xml")],
    "type-form": [("Content-Type", "application/x-www-form-urlencoded")],
    "type-multipart": [("Content-Type", "multipart/form-data")],
    "type-utf-16": [("Content-Type", "application/json; charset=utf-16")],
    "type-nonsense": [("Content-Type", "\\\"//;;==,,")], "type-empty": [("Content-Type", "")],
    "type-long": [("Content-Type", "x" * 8000)],
    "type-twice": [("Content-Type", "text/plain"), ("Content-Type", "application/json")],
    "encoding-gzip": [("Content-Encoding", "gzip")], "encoding-odd": [("Content-Encoding", "br, zstd, x")],
    "accept-xml": [("Accept", "application/xml")], "accept-nothing": [("Accept", "*/*;q=0")],
    "accept-encoding": [("Accept-Encoding", "gzip, deflate, br")], "charset": [("Accept-Charset", "utf-16;q=1, *;q=0")],
    "range": [("Range", "bytes=0-0"), ("If-Range", "x")],
    "ranges": [("Range", "bytes=" + ",".join(f"{i}-{i + 1}" for i in range(1000)))],
    "if-none-match": [("If-None-Match", "*")], "if-match": [("If-Match", '"x"')],
    "if-modified": [("If-Modified-Since", "Fri, 31 Dec 9999 23:59:59 GMT")],
    "if-unmodified": [("If-Unmodified-Since", "yesterday")],
    "override": [("X-HTTP-Method-Override", "DELETE"), ("X-Method-Override", "DELETE")],
    "forwarded": [("X-Forwarded-For", "127.0.0.1"), ("Forwarded", "for=127.0.0.1;host=x"), ("X-Real-IP", "::1")],
    "original-url": [("X-Original-URL", "/tenants"), ("X-Rewrite-URL", "/tenants")],
    "origin": [("Origin", "http://example.com")],
    "preflight": [("Origin", "null"), ("Access-Control-Request-Method", "DELETE"),
    ("Access-Control-Request-Headers", "x-api-token")],
    "basic": [("Authorization", "Basic YWRtaW46YWRtaW4=")], "basic-octets": [("Authorization", b"Basic \xff\xff")],
    "digest": [("Authorization", 'Digest username="a", uri="b"')], "cookie": [("Cookie", "a=b; " * 500)],
    "cookie-octets": [("Cookie", b"\xff=\xfe")], "te": [("TE", "trailers, deflate")],
    "trailer": [("Trailer", "X-API-Token")], "max-forwards": [("Max-Forwards", "0")], "via": [("Via", "1.1 x, " * 100)],
    "expect-odd": [("Expect", "200-maybe")], "keep-alive": [("Keep-Alive", "timeout=99999999999, max=-1")],
    "agent-octets": [("User-Agent", bytes(range(0x80, 0x100)))], "agent-long": [("User-Agent", "x" * 12000)],
    "log-injection": [("User-Agent", "x level=error event=oops"), ("Referer", "${jndi:ldap://127.0.0.1/x}")],
    "colons": [("X-A", "::::")], "name-odd": [("!#$%&'*+-.^_`|~1", "x")], "name-long": [("X" * 8000, "x")],
    "value-empty": [("X-A", "")], "50-fields": [(f"X-{i}", "x") for i in range(50)],
    "the-same-50-times": [("X-A", "x")] * 50,
    "fake-status": [("Status", "500"), ("X-Accel-Redirect", "/etc/passwd"), ("X-Sendfile", "/etc/passwd")],
    "websocket-version": [("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "x")],
}

# ---- octets ---------------------------------------------------------------------------------------------------------
# name -> (octets, expected). Expected is one of:
#   a number   this status, and the connection ends
#   "kept"     any answer of the endpoint, after which the connection serves the next request
#   "ends"     any answer of the endpoint, then the end
#   "body"     refused with 400 by endpoints that read a body, "ends" at others
#   "nothing"  no answer until the client has ended its side; then none, or 400

def _head(*lines, first=b"%M %P HTTP/1.1", host=b"Host: x"):
    return b"\r\n".join([line for line in (first, host) if line is not None] + [b"%T", *lines]) + b"\r\n\r\n"


def _chunked(body, *lines):
    return _head(b"Transfer-Encoding: chunked", *lines) + body


WIRE = {
    # The request line.
    "http-0.9": (b"GET %P\r\n\r\n", 400), "http-0.9-said": (b"%M %P HTTP/0.9\r\n\r\n", 505),
    "http-1.2": (_head(first=b"%M %P HTTP/1.2"), 505), "http-2": (_head(first=b"%M %P HTTP/2.0"), 505),
    "http-11": (_head(first=b"%M %P HTTP/11"), 505), "http-1": (_head(first=b"%M %P HTTP/1"), 505),
    "http-empty": (_head(first=b"%M %P HTTP/"), 505), "http-word": (_head(first=b"%M %P HTTP/x.y"), 505),
    "http-minus": (_head(first=b"%M %P HTTP/-1.1"), 505), "http-long": (_head(first=b"%M %P HTTP/" + b"1" * 5000), 505),
    "http-small": (_head(first=b"%M %P http/1.1"), 400), "other-protocol": (_head(first=b"%M %P ICAP/1.0"), 400),
    "no-version": (_head(first=b"%M %P"), 400), "four-words": (_head(first=b"%M %P x HTTP/1.1"), 400),
    "space-at-end": (_head(first=b"%M %P HTTP/1.1 "), 400), "two-spaces": (_head(first=b"%M  %P HTTP/1.1"), 400),
    "two-spaces-behind": (_head(first=b"%M %P  HTTP/1.1"), 400), "tabs": (_head(first=b"%M\t%P\tHTTP/1.1"), 400),
    "one-word": (b"%M\r\n\r\n", 400), "nul-in-method": (_head(first=b"%M\x00 %P HTTP/1.1"), 400),
    "nul-in-path": (_head(first=b"%M %P\x00 HTTP/1.1"), 400), "control-in-path": (_head(first=b"%M %P\x01 HTTP/1.1"), 400),
    "return-in-path": (_head(first=b"%M %P\r HTTP/1.1"), 400), "space-first": (b" " + _head(), "kept"),
    "line-first": (b"\r\n" + _head(), "kept"), "garbage": (b"GARBAGE\r\n\r\n", 400), "colon-line": (b": :\r\n\r\n", 400),
    "nuls": (b"\x00" * 1000 + b"\r\n\r\n", 400), "octets": (bytes(range(256)) + b"\r\n\r\n", 400),
    # Other protocols, and what comes of a wrong port.
    "http-2-preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x12\x04\x00\x00\x00\x00\x00", 400),
    "tls-hello": (bytes.fromhex("1603010200010001fc0303") + bytes(range(256)) * 2, 400),
    "ssl-2": (bytes.fromhex("802e010002001500000010") + b"x" * 30 + b"\r\n\r\n", 400),
    "smtp": (b"EHLO mailproxy.test\r\nMAIL FROM:<>\r\n\r\n", 400),
    "postgresql": (bytes.fromhex("0000000804d2162f") + b"\r\n\r\n", 400), "ssh": (b"SSH-2.0-OpenSSH_9\r\n\r\n", 400),
    "redis": (b"*1\r\n$4\r\nPING\r\n\r\n", 400),
    "socks": (b"\x05\x01\x00\r\n\r\n", 400), "proxy-header": (b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n\r\n" + _head(), 400),
    "rdp": (bytes.fromhex("0300002f2ae00000000000") + b"Cookie: mstshash=x\r\n\r\n", 400),
    "json-rpc": (b'{"method":"x"}\n\n', 400),
    # Line ends and header fields.
    "bare-lf": (b"%M %P HTTP/1.1\nHost: x\n%T\n\n", 400),
    "bare-lf-once": (b"%M %P HTTP/1.1\r\nHost: x\nX-A: b\r\n%T\r\n\r\n", 400),
    "lf-then-end": (b"%M %P HTTP/1.1\r\nHost: x\n\r\n%T\r\n\r\n", 400), "bare-cr": (_head(b"X-A: b\rX-C: d"), 400),
    "two-cr": (_head(b"X-A: b\r"), 400), "no-host": (_head(host=None), 400), "two-hosts": (_head(b"Host: y"), 400),
    "host-twice": (_head(b"Host: x"), 400), "empty-host": (_head(host=b"Host:"), "kept"),
    "odd-host": (_head(host=b"Host: \xff%%/../:99999"), "kept"),
    "no-colon": (_head(b"nonsense"), 400), "space-before-colon": (_head(b"X-A : b"), 400),
    "length-space-colon": (_head(b"Content-Length : 2") + b"{}", 400), "empty-name": (_head(b": b", b"X-A: b"), 400),
    "space-name": (_head(b"X A: b"), 400),
    "folded": (_head(b"X-A: b", b" c", b"Content-Length: 2") + b"{}", 400), "folded-tab": (_head(b"X-A: b", b"\tc"), 400),
    "folded-first": (_head(b"X-A: b", host=b" Host: x"), 400),
    "folded-length": (_head(b"X-A: b", b" Content-Length: 2") + b"{}", 400),
    "octet-name": (_head(b"\xff: b", b"Content-Length: 2") + b"{}", 400), "utf-8-name": (_head("\u00fc: b".encode()), 400),
    "nul-in-name": (_head(b"X\x00A: b"), 400), "nul-in-value": (_head(b"X-A: b\x00c"), 400),
    "control-in-value": (_head(b"X-A: b\x01c"), 400),
    "delete-in-value": (_head(b"X-A: b\x7fc"), 400), "tab-in-value": (_head(b"X-A: b\tc"), 400),
    "99-fields": (_head(*[b"X-%d: y" % i for i in range(97)]), 431),
    "100-fields": (_head(*[b"X-%d: y" % i for i in range(100)]), 431),
    "1000-fields": (_head(*[b"X-%d: y" % i for i in range(1000)]), 431),
    "16-kilobytes": (_head(b"X-A: " + b"y" * 16384), 400), "64-kilobytes": (_head(b"X-A: " + b"y" * 65536), 400),
    "64-kilobytes-name": (_head(b"y" * 65536 + b": x"), 400),
    "megabyte-line": (b"%M %P?" + b"y" * 1048576 + b" HTTP/1.1\r\n\r\n", 400),
    "http-1.0": (_head(first=b"%M %P HTTP/1.0"), "ends"), "http-1.0-bare": (b"%M %P HTTP/1.0\r\n\r\n", "ends"),
    "connection-close": (_head(b"Connection: close"), "ends"),
    "connection-odd": (_head(b"Connection: nonsense, keep-alive"), "ends"),
    "upgrade-h2c": (_head(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__"),
    "ends"),
    "upgrade-websocket": (_head(b"Connection: Upgrade", b"Upgrade: websocket",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", b"Sec-WebSocket-Version: 13"), "ends"),
    # How long is the body?
    "length-and-chunked": (_chunked(b"0\r\n\r\n", b"Content-Length: 5"), 400),
    "chunked-and-length": (_head(b"Content-Length: 5", b"Transfer-Encoding: chunked") + b"0\r\n\r\n", 400),
    "length-twice": (_head(b"Content-Length: 2", b"Content-Length: 2") + b"{}", 400),
    "lengths-differ": (_head(b"Content-Length: 2", b"Content-Length: 3") + b"{} ", 400),
    "length-list": (_head(b"Content-Length: 2, 2") + b"{}", 400), "length-plus": (_head(b"Content-Length: +2") + b"{}", 400),
    "length-minus": (_head(b"Content-Length: -1"), 411),
    "length-empty": (_head(b"Content-Length:"), 411), "length-word": (_head(b"Content-Length: two"), 411),
    "length-hex": (_head(b"Content-Length: 0x2") + b"{}", 400),
    "length-fraction": (_head(b"Content-Length: 2.0") + b"{}", 400),
    "length-space": (_head(b"Content-Length: 2 2") + b"{}", 400),
    "length-trailing-letter": (_head(b"Content-Length: 2x") + b"{}", 400),
    "length-64-bits": (_head(b"Content-Length: 9223372036854775807"), 400),
    "length-beyond": (_head(b"Content-Length: 18446744073709551618") + b"{}", 400),
    "length-long": (_head(b"Content-Length: " + b"9" * 1000), 400),
    "length-octets": (_head(b"Content-Length: \xd9\xa2") + b"{}", 411),
    "length-18-digits": (_head(b"Content-Length: 999999999999999999"), "too-large"),
    "length-129-mebibytes": (_head(b"Content-Length: 135266304"), "too-large"),
    "chunked-twice": (_head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked") + b"0\r\n\r\n", 400),
    "chunked-chunked": (_head(b"Transfer-Encoding: chunked, chunked") + b"0\r\n\r\n", 400),
    "gzip-chunked": (_head(b"Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n", 400),
    "identity": (_head(b"Transfer-Encoding: identity", b"Content-Length: 2") + b"{}", 400),
    "identity-alone": (_head(b"Transfer-Encoding: identity"), 400),
    "coding-unknown": (_head(b"Transfer-Encoding: xchunked") + b"0\r\n\r\n", 400),
    "coding-empty": (_head(b"Transfer-Encoding:") + b"0\r\n\r\n", 400),
    "coding-quoted": (_head(b'Transfer-Encoding: "chunked"') + b"0\r\n\r\n", 400),
    "coding-semicolon": (_head(b"Transfer-Encoding: chunked;q=1") + b"0\r\n\r\n", 400),
    "coding-underscore": (_head(b"Transfer_Encoding: chunked"), "kept"),
    # Chunks.
    "chunk-extension": (_chunked(b"2;a=b\r\n{}\r\n0\r\n\r\n"), "body"),
    "chunk-letters": (_chunked(b"zz\r\n{}\r\n0\r\n\r\n"), "body"),
    "chunk-minus": (_chunked(b"-2\r\n{}\r\n0\r\n\r\n"), "body"), "chunk-plus": (_chunked(b"+2\r\n{}\r\n0\r\n\r\n"), "body"),
    "chunk-0x": (_chunked(b"0x2\r\n{}\r\n0\r\n\r\n"), "body"), "chunk-empty": (_chunked(b"\r\n{}\r\n0\r\n\r\n"), "body"),
    "chunk-space": (_chunked(b"2 \r\n{}\r\n0\r\n\r\n"), "body"),
    "chunk-space-first": (_chunked(b" 2\r\n{}\r\n0\r\n\r\n"), "body"), "chunk-lf": (_chunked(b"2\n{}\n0\n\n"), "body"),
    "chunk-64-bits": (_chunked(b"ffffffffffffffff\r\n{}\r\n0\r\n\r\n"), "body"),
    "chunk-63-bits": (_chunked(b"7fffffffffffffff\r\n{}\r\n0\r\n\r\n"), "body-cut"),
    "chunk-sign-bit": (_chunked(b"8000000000000000\r\n{}\r\n0\r\n\r\n"), "body-cut"),
    "chunk-beyond": (_chunked(b"f" * 40 + b"\r\n{}\r\n0\r\n\r\n"), "body"),
    "chunk-long-size": (_chunked(b"0" * 200 + b"2\r\n{}\r\n0\r\n\r\n"), "body"),
    "chunk-too-short": (_chunked(b"1\r\n{}\r\n0\r\n\r\n"), "body"),
    "chunk-too-long": (_chunked(b"3\r\n{}\r\n0\r\n\r\n"), "body"),
    "chunk-nul": (_chunked(b"2\x00\r\n{}\r\n0\r\n\r\n"), "body"),
    "chunk-trailer": (_chunked(b"2\r\n{}\r\n0\r\nX-API-Token: x\r\n\r\n"), "ends"),
    "chunk-no-end": (_chunked(b"2\r\n{}\r\n"), "body-cut"), "chunk-cut": (_chunked(b"20\r\n{"), "body-cut"),
    "chunk-cut-in-size": (_chunked(b"2"), "body-cut"),
    "2000-chunks": (_chunked(b"1\r\n \r\n" * 2000 + b"0\r\n\r\n"), "ends"),
    "chunked-1.0": (b"%M %P HTTP/1.0\r\n%T\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "ends"),
    # Half requests: the client sends no more.
    "half-method": (b"%M", "nothing"), "half-line": (b"%M %P HT", "nothing"),
    "half-head": (b"%M %P HTTP/1.1\r\nHost: x\r\n%T", "nothing"),
    "half-end": (b"%M %P HTTP/1.1\r\nHost: x\r\n%T\r\n\r", "nothing"),
    "half-body": (_head(b"Content-Length: 100") + b'{"id":', "body-cut"),
    "no-body": (_head(b"Content-Length: 100"), "body-cut"), "one-octet": (b"G", "nothing"),
    "only-space": (b"   ", "nothing"),
    # Space where stale octets of a request before might be read as this one.
    "only-lines": (b"\r\n\r\n", 400), "space-and-end": (b"      \r\n\r\n", 400),
    "much-space-and-end": (b" " * 300 + b"\r\n\r\n", 400),
}
