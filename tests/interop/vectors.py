#!/usr/bin/env python3
"""Makes firmware/contract/schema/vectors.json: signed tokens, good and bad, by a library that shares no code with the boards.

    pip install joserfc cryptography && python3 tests/interop/vectors.py > firmware/contract/schema/vectors.json

The keys are published here and worth nothing. Ed25519 is deterministic (RFC 8032), so every run makes the same file.
"""

import base64
import hashlib
import hmac
import json
import pathlib
import sys

from joserfc import jws
from joserfc.jwk import OKPKey

SCHEMA = pathlib.Path(__file__).resolve().parents[2] / "firmware/contract/schema"
ORDER = 2**252 + 27742317777372353535851937790883648493  # L of RFC 8032 section 5.1


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def key(name):
    seed = hashlib.sha256(b"campari test vector " + name.encode()).digest()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    x = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return {"kty": "OKP", "crv": "Ed25519", "kid": name, "x": b64(x), "d": b64(seed)}


NAMES = ["ines", "chief", "room", "traffic", "dpo", "board"]
KEYS = {name: key(name) for name in NAMES}


def sign(header, payload, by):
    """A compact JWS of exactly these bytes."""
    registry = jws.JWSRegistry(algorithms=["EdDSA"], strict_check_header=False)
    if json.loads(header).get("alg") == "EdDSA" and "crit" not in header and header.count('"typ"') == 1:
        token = jws.serialize_compact(json.loads(header), payload, OKPKey.import_key(KEYS[by]), registry=registry)
        return token if isinstance(token, str) else token.decode()
    return raw(header, payload, by)


def raw(header, payload, by):
    """What a library would not make: any header text, signed all the same."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    signed = b64(header.encode()) + "." + b64(payload.encode())
    private = Ed25519PrivateKey.from_private_bytes(unb64(KEYS[by]["d"]))
    return signed + "." + b64(private.sign(signed.encode()))


def header(kind, by, **more):
    return json.dumps({"alg": "EdDSA", "typ": f"campari-{kind}+jwt", "kid": by, **more}, separators=(",", ":"))


def good():
    for path in sorted((SCHEMA / "examples/token").glob("*.claims/*.json")):
        kind = path.parent.name.removesuffix(".claims")
        claims = json.loads(path.read_text())
        payload = json.dumps(claims, separators=(",", ":"))
        token = sign(header(kind, claims["iss"]), payload, claims["iss"])
        yield {"kind": kind, "example": f"{path.parent.name}/{path.stem}", "claims": claims, "token": token}


def bad():
    """What is wrong, the error code, the token; all on the topic of `grant`."""
    claims = json.loads((SCHEMA / "examples/token/grant.claims/least.json").read_text())
    payload = json.dumps(claims, separators=(",", ":"))
    head = header("grant", "ines")
    token = raw(head, payload, "ines")
    signed, signature = token.rsplit(".", 1)
    raw_signature = unb64(signature)

    def changed(**more):
        return raw(head, json.dumps({**claims, **more}, separators=(",", ":")), "ines")

    none = head.replace("EdDSA", "none")
    yield "alg none, without a signature", "malformed", b64(none.encode()) + "." + b64(payload.encode()) + "."
    yield "alg none, signed", "malformed", raw(none, payload, "ines")
    hs = head.replace("EdDSA", "HS256")
    hs_signed = b64(hs.encode()) + "." + b64(payload.encode())
    mac = hmac.new(unb64(KEYS["ines"]["x"]), hs_signed.encode(), hashlib.sha256).digest()
    yield "alg HS256 with the public key as its secret", "malformed", hs_signed + "." + b64(mac)
    yield "alg spelt otherwise", "malformed", raw(head.replace("EdDSA", "eddsa"), payload, "ines")
    yield "a revoke's typ", "wrong-type", raw(header("revoke", "ines"), payload, "ines")
    yield "the typ JWT", "unknown-command", raw(head.replace("campari-grant+jwt", "JWT"), payload, "ines")
    yield "a kid that nobody knows", "unknown-key", raw(header("grant", "mallory"), payload, "ines")
    yield "another party's kid over one's own signature", "bad-signature", raw(header("grant", "room"), payload, "ines")
    yield "signed by another party, its kid, iss of the first", "malformed", raw(header("grant", "room"), payload, "room")
    yield "crit and b64 false", "malformed", raw(header("grant", "ines", b64=False, crit=["b64"]), payload, "ines")
    yield "a crit that is empty", "malformed", raw(header("grant", "ines", crit=[]), payload, "ines")
    yield "a key of its own in the header", "malformed", raw(header("grant", "ines", jwk={"kty": "OKP", "crv": "Ed25519", "x": KEYS["room"]["x"]}), payload, "ines")
    yield "a header member twice", "malformed", raw(head[:-1] + ',"kid":"ines"}', payload, "ines")
    yield "a claim twice", "malformed", raw(head, payload[:-1] + f',"exp":{claims["exp"] + 9}}}', "ines")
    yield "bytes after the signature", "bad-signature", token + "AAAA"
    yield "a fourth part", "malformed", token + ".AAAA"
    yield "padding", "bad-signature", token + "=="
    yield "bytes after the claims", "malformed", raw(head, payload + " {}", "ines")
    yield "bytes after the header", "malformed", raw(head + "x", payload, "ines")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    # 64 bytes end in a character of which four bits are not used.
    last = alphabet[alphabet.index(signature[-1]) | 1]
    yield "base64url with unused bits set", "bad-signature", signed + "." + signature[:-1] + last
    yield "base64 with plus and slash", "bad-signature", signed + "." + signature.replace("-", "+").replace("_", "/") + "+/"
    high = (int.from_bytes(raw_signature[32:], "little") + ORDER).to_bytes(32, "little")
    yield "S at or above the order (malleable)", "bad-signature", signed + "." + b64(raw_signature[:32] + high)
    yield "R of small order, S zero", "bad-signature", signed + "." + b64(bytes([1]) + bytes(63))
    yield "a signature cut short", "bad-signature", signed + "." + signature[:-2]
    yield "a signature for other claims", "bad-signature", changed(exp=claims["exp"] + 1).rsplit(".", 1)[0] + "." + signature
    yield "a negative time", "malformed", changed(exp=-1)
    yield "a time beyond 64 bits", "malformed", changed(exp=2**64)
    yield "a time as a fraction", "malformed", changed(exp=claims["exp"] + 0.5)
    yield "a time as text", "malformed", changed(exp=str(claims["exp"]))
    yield "a topic in an identifier", "malformed", changed(sub="traffic/#")
    yield "a line break in an identifier", "malformed", changed(jti="g-1\n")
    yield "full-width digits in an identifier", "malformed", changed(aud="almere/６１３")
    yield "claims nested 40 deep", "malformed", raw(head, payload[:-1] + ',"x":' + "[" * 40 + "]" * 40 + "}", "ines")
    yield "claims that are a list", "malformed", raw(head, "[]", "ines")
    yield "longer than 16 KiB", "too-large", changed(purpose="p" * 16384)
    yield "no token at all", "malformed", "grant me"


def main():
    refused = [{"what": what, "code": code, "token": token} for what, code, token in bad()]
    document = {"keys": list(KEYS.values()), "accepted": list(good()), "refused": refused}
    json.dump(document, sys.stdout, indent=2, ensure_ascii=False)
    print()


main()
