"""
Bad input for every endpoint, by where it stands: in a body, as a member of one, in the query, in the path, in a header.
A new endpoint gets all of it without being named: test_torture.py takes the endpoints from /openapi.json.
"""

import gzip
import json
import zlib

MIB = 1024 * 1024

# ---- whole bodies ---------------------------------------------------------------------------------------------------

# What is no JSON (RFC 8259): 422 json_invalid, before anything else is looked at.
NOT_JSON = {
    "open-brace": b"{", "open-bracket": b"[", "close-brace": b"}", "close-bracket": b"]", "mismatched": b"[}",
    "crossed": b'{"a":[}]',
    "name-only": b'{"a"', "colon-only": b'{"a":', "no-end": b'{"a":1', "comma-at-end": b'{"a":1,}',
    "comma-in-array": b"[1,]",
    "comma-alone": b"{,}", "comma-first": b'{,"a":1}', "comma-twice": b"[1,,2]", "no-comma": b'{"a":1 "b":2}',
    "no-colon": b'{"a" 1}',
    "colon-twice": b'{"a"::1}', "bare-name": b"{a:1}", "number-name": b"{1:1}", "null-name": b"{null:1}",
    "single-quotes": b"{'a':1}",
    "backquotes": b"{`a`:1}", "two-values": b"{}{}", "two-lines": b"{}\n{}", "text-behind": b"{} x", "comma-behind": b"{},",
    "comment": b"/* all */ {}", "line-comment": b"// all\n{}", "hash-comment": b"# all\n{}", "comment-behind": b"{} // all",
    "open-string": b'{"a":"b', "open-escape": b'"\\', "raw-newline": b'{"a":"b\nc"}', "raw-tab": b'{"a":"b\tc"}',
    "raw-return": b'"\r"',
    "raw-control": b'{"a":"\x01"}', "raw-escape": b'"\x1b[31m"', "raw-nul": b'{"a":"\x00"}', "nul-alone": b"\x00",
    "nul-first": b"\x00{}",
    "nul-behind": b"{}\x00", "many-nuls": b"\x00" * 1000, "escape-x": b'"\\x41"', "escape-digit": b'"\\101"',
    "escape-e": b'"\\e"',
    "escape-quote": b'"\\\'"', "escape-U": b'"\\U0001F600"', "escape-u-short": b'"\\u12"', "escape-u-odd": b'"\\uZZZZ"',
    "escape-u-brace": b'"\\u{41}"', "escape-u-sign": b'"\\u+123"', "leading-zero": b'{"a":01}', "minus-zero-one": b"-01",
    "plus": b"+1",
    "minus": b"-", "minus-space": b"- 1", "two-minus": b"--1", "no-integer": b".5", "no-fraction": b"1.",
    "no-exponent": b"1e",
    "sign-exponent": b"1e+", "two-dots": b"1.2.3", "two-exponents": b"1e2e3", "hex": b"0x10", "octal": b"0o7",
    "binary": b"0b1",
    "underscore": b"1_000", "thousands": b"1,000", "infinity": b'{"a":Infinity}', "minus-infinity": b"-Infinity",
    "nan": b'{"a":NaN}',
    "nan-small": b"nan", "inf": b"inf", "true-capital": b"True", "none": b"None", "undefined": b"undefined",
    "null-cut": b"nul",
    "null-long": b"nulll", "true-cut": b'{"a":tru}', "unicode-digits": "{\"a\":\u0661}".encode(),
    "wide-quotes": "{\u201ca\u201d:1}".encode(),
    "no-break-space": b"\xc2\xa0{}", "form-feed": b"\x0c{}", "vertical-tab": b"\x0b{}", "line-separator": b"\xe2\x80\xa8{}",
    "space": b" ", "newlines": b"\r\n\r\n", "bom-alone": b"\xef\xbb\xbf", "two-boms": b"\xef\xbb\xbf\xef\xbb\xbf{}",
    "bom-behind": b"{}\xef\xbb\xbf", "half-bom": b"\xef\xbb{}", "utf-16": '{"id":"x"}'.encode("utf-16"),
    "utf-16-le": '{"id":"x"}'.encode("utf-16-le"), "utf-16-be": '{"id":"x"}'.encode("utf-16-be"),
    "utf-32": '{"id":"x"}'.encode("utf-32"),
    "utf-7": b"+AHs-+AH0-", "octet-ff": b"\xff", "octet-80": b"\x80{}", "latin-1": b"\xe4\xf6\xfc",
    "overlong-brace": b"\xc1\xbb\xc1\xbd",
    "gzip": gzip.compress(b"{}", mtime=0), "deflate": zlib.compress(b"{}"), "form": b"id=x&host=y",
    "multipart": b"--b\r\nContent-Disposition: "
    b'form-data; name="id"\r\n\r\nx\r\n--b--\r\n',
    "xml": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "yaml": b"id: x\nhost: y\n", "html": b"<html>", "cbor": b"\xa1bida1", "msgpack": b"\x81\xa2id\xa1x",
    "json5": b"{id:'x',}",
    "jsonp": b'callback({"id":"x"})', "xssi": b")]}',\n{}", "pickle": b"\x80\x04}\x94.", "png": b"\x89PNG\r\n\x1a\n",
    "template": b"{{7*7}}",
    "101-arrays": b"[" * 101 + b"]" * 101, "101-objects": b'{"a":' * 101 + b"1" + b"}" * 101,
    "100000-open-arrays": b"[" * 100000,
    "100000-open-objects": b'{"a":' * 100000, "100000-closing": b"]" * 100000, "100000-quotes": b'"' * 100000,
    "100000-backslashes": b'"' + b"\\" * 100000, "100-digits-cut": b"1" * 100 + b"x",
}

# JSON, but no object: 422 with loc ["body"].
NOT_AN_OBJECT = {
    "array": b"[]", "array-of-objects": b"[{}]", "array-of-everything": b'[1,"a",null,true,{"id":"x"}]',
    "100-arrays": b"[" * 100 + b"]" * 100,
    "text": b'"text"', "empty-text": b'""', "text-of-json": b'"{\\"id\\":\\"x\\"}"', "nul-escape": b'"\\u0000"',
    "octet-in-text": b'"\xff"',
    "zero": b"0", "one": b"1", "minus-zero": b"-0", "fraction": b"1.5", "beyond-64-bits": b"18446744073709551616",
    "1e400": b"1e400",
    "minus-1e400": b"-1e400", "true": b"true", "false": b"false", "bom-then-array": b"\xef\xbb\xbf[]",
    "long-text": b'"' + b"x" * 100000 + b'"',
}

# Objects that say nothing anybody asked for. Required members are missing; what else happens is the endpoint's own.
ODD_OBJECTS = {
    "empty": b"{}", "empty-name": b'{"":""}', "unknown": b'{"nobody":"knows"}',
    "prototype": b'{"__proto__":{"admin":true},"constructor":{}}',
    "names-differ-in-case": b'{"ID":"x","Id":"y","Tenant_Id":"z"}', "space-in-name": b'{" id":"x","id ":"y"}',
    "nul-in-name": b'{"id\\u0000":"x"}',
    "octets-in-name": b'{"\xff\xfe":1}', "overlong-in-name": b'{"\xc0\xafid":1}', "surrogate-in-name": b'{"\\ud800":1}',
    "newline-in-name": b'{"a\\r\\nb":1}', "emoji-name": '{"\U0001f4a9":"\U0001f4a9"}'.encode(),
    "right-to-left": '{"\u202eid":"\u202ex"}'.encode(),
    "long-name": b'{"' + b"n" * 100000 + b'":1}',
    "10000-members": b"{" + b",".join(b'"m%d":%d' % (i, i) for i in range(10000)) + b"}",
    "10000-times-the-same": b"{" + b",".join([b'"nobody":1'] * 10000) + b"}", "99-deep": b'{"a":' * 99 + b"1" + b"}" * 99,
    "99-arrays-deep": b'{"a":' + b"[" * 98 + b"]" * 98 + b"}",
    "wide-and-deep": b'{"a":[' + b",".join([b"[[[[]]]]"] * 5000) + b"]}",
    "bom": b"\xef\xbb\xbf{}", "much-space": b" " * 100000 + b"{" + b"\n" * 100000 + b"}",
}

# ---- members of a body ----------------------------------------------------------------------------------------------

# name -> (JSON, kind). Kinds: text, digits (a text that is an integer), unstorable (a text with a NUL or of no UTF-8), huge, int, number, bool, array, object.
_TEXTS = {
    "empty": "", "space": " ", "control": "\x01\x02\x1b[0m", "delete": "\x7f", "crlf": "a\r\nX-Evil: 1", "newline": "a\nb",
    "tab": "a\tb",
    "emoji": "\U0001f4a9", "family": "\U0001f468\u200d\U0001f469\u200d\U0001f467", "right-to-left": "\u202egnp.exe",
    "arabic": "\u0645\u0631\u062d\u0628\u0627",
    "combining": "Z\u0351\u036b\u0343" * 50, "noncharacter": "\uffff\U0010ffff", "zero-width": "\u200b\ufeff",
    "line-separator": "a\u2028b",
    "full-width-digits": "\uff11\uff12", "quote": "'; DROP TABLE mailproxy.message; --", "double-quote": "\"\\",
    "dollar-quote": "$$;$1;${x}",
    "format": "%s%s%n%x%99999999d", "path": "../../../../etc/passwd", "file-url": "file:///etc/passwd", "null-word": "null",
    "template": "{{7*7}}${7*7}<%= 7 %>",
    "lookup": "${jndi:ldap://127.0.0.1/x}", "markup": "<script>alert(1)</script>", "percent": "%00%0d%0a%ff",
    "array-text": "{1,2,NULL}",
    "integer-text-and-more": "12abc", "hex-text": "0x10", "exponent-text": "1e3",
    "no-number": "-",
    "255": "x" * 255, "256": "x" * 256, "1025": "x" * 1025, "two-octet-255": "\u00fc" * 255,
}
VALUES = {
    **{f"text-{name}": (json.dumps(text, ensure_ascii=False).encode(), "text") for name, text in _TEXTS.items()},
    "digits-text": (b'"9223372036854775808"', "digits"), "nul": (b'"a\\u0000b"', "unstorable"),
    "nul-first": (b'"\\u0000"', "unstorable"), "latin-1": (b'"\xfc"', "unstorable"),
    "octet-ff": (b'"\xff"', "unstorable"),
    "lone-continuation": (b'"\x80"', "unstorable"), "cut-sequence": (b'"\xe2\x82"', "unstorable"),
    "overlong-slash": (b'"\xc0\xaf"', "unstorable"),
    "overlong-nul": (b'"\xc0\x80"', "unstorable"), "overlong-3": (b'"\xe0\x80\xaf"', "unstorable"),
    "five-octets": (b'"\xf8\x88\x80\x80\x80"', "unstorable"),
    "beyond-10ffff": (b'"\xf4\x90\x80\x80"', "unstorable"), "raw-surrogate": (b'"\xed\xa0\x80"', "unstorable"),
    "high-surrogate": (b'"\\ud800"', "unstorable"),
    "low-surrogate": (b'"\\udc00"', "unstorable"), "surrogates-swapped": (b'"\\udc00\\ud800"', "unstorable"),
    "surrogate-then-text": (b'"\\ud83dx"', "unstorable"), "raw-pair": (b'"\xed\xa0\xbd\xed\xb8\x80"', "unstorable"),
    "megabyte": (b'"' + b"x" * MIB + b'"', "huge"),
    "zero": (b"0", "int"), "minus-zero": (b"-0", "int"), "minus-one": (b"-1", "int"), "31-bits": (b"2147483647", "int"),
    "32-bits": (b"2147483648", "int"),
    "64-bits": (b"9223372036854775807", "number"), "beyond": (b"9223372036854775808", "number"),
    "least": (b"-9223372036854775809", "number"),
    "2-to-64": (b"18446744073709551616", "number"), "digits": (b"1" * 60, "number"), "many-digits": (b"1" * 5000, "number"),
    "1e400": (b"1e400", "number"), "minus-1e400": (b"-1e400", "number"),
    "1e-400": (b"1e-400", "int"), "1e308": (b"1e308", "number"), "half": (b"0.5", "number"),
    "fraction": (b"1." + b"3" * 50, "number"),
    "minus-zero-fraction": (b"-0.0", "int"), "exponent": (b"1E+2", "int"), "true": (b"true", "bool"),
    "false": (b"false", "bool"),
    "array": (b"[]", "array"), "array-of-null": (b"[null]", "array"), "array-of-all": (b'[1,"a",null,true,{},[]]', "array"),
    "array-of-nul": (b'["a\\u0000b","\xff"]', "array"), "90-arrays": (b"[" * 90 + b"]" * 90, "array"),
    "long-array": (b"[" + b",".join([b"0"] * 20000) + b"]", "array"),
    "object": (b"{}", "object"), "object-of-all": (b'{"a":1,"b":"c","d":null,"e":[],"f":{}}', "object"),
    "object-of-nul": (b'{"a\\u0000":"\xff","\\ud800":1}', "object"),
    "90-objects": (b'{"a":' * 90 + b"1" + b"}" * 90, "object"), "twice-in-object": (b'{"a":1,"a":{"a":2}}', "object"),
}

# ---- the query ------------------------------------------------------------------------------------------------------

# Values of a parameter, encoded: name -> (octets, kind); `text` is no integer and no boolean.
QUERY_VALUES = {
    "empty": (b"", "empty"), "word": (b"abc", "text"), "space": (b"+", "text"), "percent": (b"%", "text"),
    "percent-letter": (b"%z", "text"),
    "percent-zz": (b"%zz", "text"), "half-escape": (b"a%2", "text"), "double-escape": (b"%252e%252e", "text"),
    "wide-escape": (b"%u0041", "text"),
    "nul": (b"a%00b", "unstorable"), "nul-alone": (b"%00", "unstorable"), "octet-ff": (b"%ff", "unstorable"),
    "overlong": (b"%c0%af", "unstorable"),
    "overlong-nul": (b"%c0%80", "unstorable"), "surrogate": (b"%ed%a0%80", "unstorable"), "cut": (b"%e2%82", "unstorable"),
    "five": (b"%f8%88%80%80%80", "unstorable"),
    "crlf": (b"a%0d%0aX-Evil:%201", "text"), "control": (b"%01%1b%7f", "text"), "emoji": ("%F0%9F%92%A9".encode(), "text"),
    "right-to-left": (b"%E2%80%AEabc", "text"),
    "arabic-digits": (b"%D9%A1%D9%A2", "text"), "quote": (b"'%20OR%201=1--", "text"), "dots": (b"../../etc/passwd", "text"),
    "equals": (b"a=b=c", "text"),
    "question": (b"a?b", "text"), "hash": (b"a%23b", "text"), "markup": (b"%3Cscript%3E", "text"),
    "format": (b"%25s%25n", "text"), "array": (b"[]", "text"),
    "minus": (b"-1", "int"), "zero": (b"0", "int"), "64-bits": (b"9223372036854775807", "int"),
    "beyond": (b"9223372036854775808", "number"),
    "digits": (b"1" * 100, "number"), "1e400": (b"1e400", "text"), "hex": (b"0x10", "text"), "half": (b"0.5", "text"),
    "nan": (b"NaN", "text"),
    "255": (b"x" * 255, "text"), "256": (b"x" * 256, "text"), "5000": (b"x" * 5000, "huge"), "10000": (b"x" * 10000, "huge"),
}
# Whole queries without any parameter that means something.
QUERIES = {
    "nothing": b"", "ampersands": b"&&&&", "equals": b"=", "many-equals": b"====", "value-only": b"=x",
    "name-only": b"nobody", "question": b"?", "slashes": b"/../..",
    "nul": b"%00=%00", "nul-name": b"tenant_id%00=default", "octets": b"%ff%fe=%ff", "overlong": b"%c0%80=%c0%80",
    "percent": b"%", "percents": b"%%%%%%", "bad": b"%zz=%zz&%1=%2",
    "brackets": b"tenant_id[]=x&tenant_id[0]=y&tenant_id[a][b]=z", "semicolons": b"a=b;tenant_id=x;c=d",
    "case": b"TENANT_ID=nobody", "space-in-name": b"tenant_id%20=x",
    "encoded-separators": b"a%26tenant_id%3Dx=y", "unknown": b"nobody=knows",
    "50-unknown": b"&".join(b"a%d=%d" % (i, i) for i in range(50)), "repeated": b"nobody=1&nobody=2&nobody=3",
    "10-kilobytes": b"nobody=" + b"x" * 10000, "10-kilobytes-of-escapes": b"nobody=" + b"%41" * 3400,
    "proto": b"__proto__[admin]=1", "emoji": b"%F0%9F%92%A9=%F0%9F%92%A9",
    "absolute": b"http://127.0.0.1/", "format": b"%25s=%25n", "raw-quotes": b"a='\"<>`{}|^",
}

# What `after` of a listing never was: its JSON, or (a text) the parameter itself.
CURSORS = {
    "word": "nonsense", "no-base64": "!!!!", "one": "A", "padding": "====", "empty-json": b"", "no-json": b"[1",
    "object": b"{}",
    "number": b"5", "null": b"null", "empty": b"[]", "short": b'[1,"2","a"]', "long": b'[1,"2","a","b","c"]',
    "nested": b"[" * 90 + b"]" * 90, "deep": b"[" * 1000, "priority-4": b'[4,"1","a","b"]',
    "priority-2": b'[-2,"1","a","b"]',
    "priority-1e400": b'[1e400,"1","a","b"]', "time-word": b'[1,"x","a","b"]', "time-minus": b'[1,"-1","a","b"]',
    "time-beyond": b'[1,"9223372036854775808","a","b"]', "time-year-10000": b'[1,"253402300800000000","a","b"]',
    "time-fraction": b'[1,1.5,"a","b"]', "id-number": b'[1,"1",5,"b"]', "id-null": b'[1,"1",null,"b"]',
    "id-nul": b'[1,"1","\\u0000","b"]', "id-octet": b'[1,"1","\xff","b"]', "id-surrogate": b'[1,"1","\\ud800","b"]',
    "tenant-nul": b'[1,"1","a","\\u0000"]', "tenant-array": b'[1,"1","a",["b"]]', "octets": bytes(range(256)),
}

# ---- the path -------------------------------------------------------------------------------------------------------

# Values of a parameter of the path, encoded: name -> (octets, kind).
PATH_VALUES = {
    "nul": (b"%00", "unstorable"), "nul-behind": (b"nobody%00", "unstorable"),
    "nul-extension": (b"nobody%00.json", "unstorable"), "octet-ff": (b"%ff%fe", "unstorable"),
    "overlong": (b"%c0%ae%c0%ae", "unstorable"), "overlong-slash": (b"%c0%af", "unstorable"),
    "surrogate": (b"%ed%a0%80", "unstorable"), "cut": (b"%e2%82", "unstorable"),
    "slash": (b"a%2fb", "text"), "dots": (b"%2e%2e", "text"), "dots-slash": (b"%2e%2e%2f%2e%2e%2fetc%2fpasswd", "text"),
    "dot": (b"%2e", "text"),
    "backslash": (b"..%5c..%5c", "text"), "double-escape": (b"%252e%252e%252f", "text"), "percent": (b"%", "text"),
    "percent-zz": (b"%zz", "text"), "half-escape": (b"a%2", "text"),
    "space": (b"%20", "text"), "plus": (b"+", "text"), "crlf": (b"%0d%0aX-Evil:1", "text"), "control": (b"%01%7f", "text"),
    "emoji": (b"%F0%9F%92%A9", "text"),
    "right-to-left": (b"%E2%80%AE", "text"), "colon": (b"a:b", "text"), "semicolon": (b"a;b=c", "text"),
    "star": (b"*", "text"), "at": (b"@", "text"), "tilde": (b"~root", "text"),
    "quote": (b"'%20OR%20'1'='1", "text"), "like": (b"%25", "text"), "underscore": (b"_", "text"),
    "json": (b"%7B%22a%22:1%7D", "text"), "array": (b"[]", "text"), "hash": (b"%23", "text"),
    "question": (b"%3Fa=b", "text"), "markup": (b"%3Cscript%3E", "text"), "format": (b"%25s%25n%25n", "text"),
    "null": (b"null", "text"), "undefined": (b"undefined", "text"),
    "minus": (b"-1", "int"), "zero": (b"0", "int"), "fraction": (b"1.5", "text"), "hex": (b"0x10", "text"),
    "digits": (b"1" * 40, "number"), "beyond": (b"9223372036854775808", "number"),
    "arabic-digits": (b"%D9%A1", "text"), "255": (b"x" * 255, "text"), "256": (b"x" * 256, "text"),
    "1025": (b"x" * 1025, "text"), "10-kilobytes": (b"x" * 10000, "huge"),
    "kilobytes-of-escapes": (b"%F0%9F%92%A9" * 800, "huge"), "kilobytes-of-nul": (b"%00" * 3000, "unstorable"),
}
# Whole paths that are no endpoint's: 404, or what is said.
PATHS = {
    "slashes": (b"//", 307), "many-slashes": (b"/" * 1000, 404), "dots": (b"/..", 404),
    "passwd": (b"/../../../../etc/passwd", 404),
    "dot": (b"/.", 404), "dot-health": (b"/./health", 404), "over-health": (b"/x/../health", 404),
    "slash-health": (b"//health", 404), "health-dot": (b"/health/.", 404),
    "health-dots": (b"/health/..", 404), "health-slashes": (b"/health//", 404), "health-slash": (b"/health/", 307),
    "health-nul": (b"/health%00", 404), "nul": (b"/%00", 404),
    "nul-health": (b"/%00/health", 404), "health-case": (b"/HEALTH", 404), "health-space": (b"/health%20", 404),
    "health-plus": (b"/health+", 404), "health-semicolon": (b"/health;a=b", 404),
    "health-hash": (b"/health#a", 404), "health-escaped-slash": (b"/%2fhealth", 404), "encoded-slash": (b"%2fhealth", 400),
    "health-backslash": (b"/health\\", 404),
    "backslash": (b"\\health", 400), "health-extension": (b"/health.json", 404), "messages-below": (b"/messages/x", 404),
    "tenant-below": (b"/tenant/x/y", 404), "tenant-deep": (b"/tenant/x/api-key/y", 404),
    "empty-id": (b"/tenant//api-key", 404), "100-segments": (b"/a" * 100, 404), "10-kilobytes": (b"/" + b"a" * 10000, 404),
    "kilobytes-of-dots": (b"/.." * 4000, 404), "kilobytes-of-escapes": (b"/" + b"%2e" * 4000, 404),
    "beyond-the-buffer": (b"/" + b"a" * 20000, 400), "env": (b"/.env", 404), "git": (b"/.git/config", 404),
    "admin": (b"/admin.php?id=1'", 404), "cgi": (b"/cgi-bin/%%32%65%%32%65/bin/sh", 404),
    "commands": (b"/commands", 404), "commands-slash": (b"/commands/", 404),
    "add-messages-slash": (b"/commands/add-messages/", 307), "octet-ff": (b"/%ff", 404), "raw-octets": (b"/\xff\xfe", 400),
    "raw-utf-8": ("/tenant/\u00fc".encode(), 400), "raw-quotes": (b"/\"<>`{}|^", 404), "star": (b"/*", 404),
    "emoji": (b"/%F0%9F%92%A9", 404), "crlf": (b"/%0d%0aX-Evil:%201", 404),
    "redirect-crlf": (b"/health/%0d%0aX-Evil:1", 404),
    "redirect-elsewhere": (b"//example.com/health/", 404), "format": (b"/%25n%25s", 404), "query-only": (b"?a=b", 400),
    "no-slash": (b"health", 400), "scheme": (b"javascript:alert(1)", 400), "file": (b"file:///etc/passwd", 400),
    "ftp": (b"ftp://127.0.0.1/health", 400), "elsewhere": (b"http://example.com/health", 400),
    "elsewhere-tls": (b"https://example.com/health", 400), "no-path": (b"http://example.com", 400), "asterisk": (b"*", 400),
}
