#!/usr/bin/env python3
"""A traffic system, a centralist and a room's agent that nobody at Campari wrote: a share from the first word to the last, and refusals, from the published contract alone.

tests/e2e/foreign.rs sets the stage and starts this. It prints one JSON line a step and exits 0 when everything went as the contract says.
"""

import argparse
import json
import sys
import time

from contract import Contract
from party import PATIENCE_S, Party
from room import Room
from rtp import Receiver


def told(step, **more):
    print(json.dumps({"step": step, **more}), flush=True)


class Play:
    """Who takes part, and where."""

    def __init__(self, options):
        self.contract = Contract(options.contract)
        self.site, self.camera, self.sub = options.site, options.camera, options.subscriber
        self.purpose, self.view = options.purpose, options.view

        def party(role, name, certificate, key, broker):
            host, port = broker.rsplit(":", 1)
            tls = {"ca": f"{options.tls}/ca.pem", "cert": f"{options.tls}/{certificate}.cert.pem", "key": f"{options.tls}/{certificate}.key.pem"}
            return Party(self.contract, role, name, self.site, self.camera, (host, int(port)), tls).use_key(key)

        self.centralist = party("centralist", "ines", "centralist", options.centralist_key, options.centralist_broker)
        self.subscriber = party("subscriber", self.sub, "subscriber", options.subscriber_key, options.subscriber_broker)
        self.receiver = Receiver()
        # Somebody else's agent, unless this is to be the room too.
        self.room = None
        if options.room_key:
            self.room = Room(party("room", "room", "room", options.room_key, options.room_broker))
            self.room.present(True)

    def topic(self, channel, **more):
        return self.contract.topic(channel, site=self.site, camera=self.camera, **more)

    def share_topic(self, of):
        return self.topic("share", subscriber=self.sub, id=of)

    def delivery(self):
        return {"kind": "push", "address": "127.0.0.1", "port": self.receiver.port}

    def join(self):
        self.centralist.listen(*(self.topic(name) for name in ("state", "inbox", "share-log", "usage", "catalogue")))
        mine = self.share_topic("+").replace("/+", "/#")
        self.subscriber.listen(mine, self.topic("catalogue"))
        fit = lambda one: (
            one["channel"] == "state"
            and one["value"].get("eye", {}).get("ladder", "dark") != "dark"
            and one["value"]["eye"].get("heartbeat_age_s", 99) < 3
        )
        self.centralist.until("a board that can share", fit)
        catalogue = self.subscriber.until("the catalogue", lambda one: one["channel"] == "catalogue")
        assert self.view in catalogue["views"] and "push" in catalogue["deliveries"], catalogue
        told("joined", codecs=catalogue["codecs"])

    def challenge(self):
        return self.centralist.state()["challenge"]

    def wish(self):
        return {"view": self.view, "filter": "fill", "delivery": self.delivery(), "purpose": self.purpose}

    def grant_claims(self, seconds, **more):
        now = int(time.time())
        wish = {**self.wish(), "sub": self.sub, "nbf": now - 1, "exp": now + seconds, "act": {"operator": "operator-1"}}
        return {**wish, **more}

    def refusals(self):
        """Each answered with its code, none with a share."""

        def refused(what, code, answer):
            assert answer["ok"] is False and answer["error"]["code"] == code, (what, code, answer)
            told("refused", what=what, code=code, remedy=self.contract.codes[code]["remedy"])

        centralist = self.centralist
        grant = lambda **more: centralist.command("grant", self.challenge(), **self.grant_claims(60, **more))[1]
        refused("a purpose that the policy does not name", "outside-policy", grant(purpose="curiosity"))
        refused("an address that the policy does not name", "outside-policy", grant(delivery={**self.delivery(), "address": "127.0.0.9"}))
        refused("a view that is not there", "not-offered", grant(view="nowhere"))
        refused("a window that is over", "expired", grant(nbf=1, exp=2))
        refused("yesterday's challenge", "stale-challenge", centralist.command("grant", "yesterday", **self.grant_claims(60))[1])
        refused("another camera", "wrong-audience", grant(aud=f"{self.site}/9999"))
        revoke = self.contract.sign("revoke", centralist.claims(self.challenge(), act={"operator": "operator-1"}), centralist.jwk)
        refused("a revoke where grants are said", "wrong-type", centralist.say("grant", revoke))
        claims = self.centralist.claims(self.challenge(), **self.grant_claims(60))
        by_subscriber = self.contract.sign("grant", {**claims, "iss": self.sub}, self.subscriber.jwk)
        refused("a grant by the subscriber", "unknown-key", centralist.say("grant", by_subscriber))
        token = self.contract.sign("grant", claims, centralist.jwk)
        refused("an altered token", "bad-signature", centralist.say("grant", token[:-8] + "AAAAAAAA"))
        refused("no token", "malformed", centralist.say("grant", "let me in"))
        refused("a share that is not there", "no-such-share", centralist.command("revoke", self.challenge(), share="nowhere", act={"operator": "operator-1"})[1])
        assert centralist.state()["shares"] == []

    def share(self, asked):
        """Granted, watched, and whatever `asked` adds; gives the share's id."""
        claims, answer = self.centralist.command("grant", self.challenge(), **self.grant_claims(600, **asked))
        jti = claims["jti"]
        assert answer["ok"] and answer["share"] == jti, answer
        if self.room:
            self.room.stands.append(jti)
        again = self.centralist.say("grant", self.contract.sign("grant", claims, self.centralist.jwk))
        assert again["error"]["code"] == "replayed", again
        here = self.share_topic(jti)
        granted = self.subscriber.event("the grant", here, event="granted")
        assert granted["exp"] == claims["exp"], granted
        sdp = self.subscriber.event("the first picture", here, event="started")["sdp"]
        received = self.receiver.packets(sdp, 50, PATIENCE_S)
        assert received["key_picture"], received
        told("received", **received)
        self.centralist.until(
            "the share in state",
            lambda one: one["channel"] == "state"
            and any(s["jti"] == jti and s["state"] == "sharing" for s in one["value"].get("eye", {}).get("shares", [])),
        )
        return jti

    def ended(self, jti, reason, told_reason):
        """The end as the subscriber, the control room and the accounts see it."""
        end = self.subscriber.event("the end", self.share_topic(jti), event="ended")
        assert end["reason"] == told_reason, end
        published = {row["reason"]: row["told"] for row in self.contract.reasons["ends"]}
        assert published[reason] == told_reason
        log = self.centralist.event("the end in the log", self.topic("share-log"), event="ended", jti=jti)
        assert log["reason"] == reason and log["sub"] == self.sub, log
        usage = self.centralist.event("the usage record", self.topic("usage"), jti=jti)
        assert usage["usage"]["pictures"] >= 50, usage
        assert self.receiver.is_silent(1.0), "packets after the end"
        told("ended", reason=reason, pictures=usage["usage"]["pictures"])

    def revoked(self):
        jti = self.share({})
        answer = self.centralist.command("revoke", self.challenge(), share=jti, act={"operator": "operator-1"})[1]
        assert answer["ok"], answer
        self.ended(jti, "revoked", "ended")

    def unnamed(self):
        """As the room: a share that heartbeats no longer name ends, though nobody says a word to the board."""
        jti = self.share({})
        self.room.stands.remove(jti)
        self.ended(jti, "revoked", "ended")

    def silent(self):
        """As the room: a share ends within the lease when heartbeats stop, and nothing is granted without them."""
        jti = self.share({})
        self.room.stop()
        self.ended(jti, "control-room-lost", "ended")
        refused = self.centralist.command("grant", self.challenge(), **self.grant_claims(60))[1]
        assert refused["error"]["code"] == "control-room-lost", refused
        told("refused", what="a grant without a heartbeat", code="control-room-lost")

    def asked(self):
        """The whole road: asked, waiting, granted, watched, extended, left."""
        request, answer = self.subscriber.command(
            "request", None, {"subscriber": self.sub}, **self.wish(), duration_s=600
        )
        name = request["jti"]
        assert answer["ok"] and answer["request"]["event"] == "pending", answer
        waiting = self.centralist.until(
            "the request in the inbox",
            lambda one: one["channel"] == "inbox" and any(r["jti"] == name for r in one["value"]["requests"]),
        )
        (waiting,) = [one for one in waiting["requests"] if one["jti"] == name]
        assert waiting["sub"] == self.sub and waiting["request"]["view"] == self.view, waiting
        told("pending", until_s=answer["request"]["until"] - request["iat"])
        jti = self.share({"request": name})
        granted = self.subscriber.event("what became of the request", self.share_topic(name), event="granted")
        assert granted["share"] == jti, granted
        later = int(time.time()) + 1200
        act = {"operator": "operator-1"}
        answer = self.centralist.command("extend", self.challenge(), share=jti, exp=later, act=act)[1]
        assert answer["ok"], answer
        extended = self.subscriber.event("the extension", self.share_topic(jti), event="extended")
        assert extended["exp"] == later, extended
        told("extended")
        answer = self.subscriber.command("leave", None, {"subscriber": self.sub}, share=jti)[1]
        assert answer["ok"], answer
        self.ended(jti, "viewer-left", "left")

    def denied(self):
        """A request that a centralist says no to, and one for a purpose that the policy does not name."""
        ask = lambda **more: self.subscriber.command(
            "request", None, {"subscriber": self.sub}, **{**self.wish(), "duration_s": 60, **more}
        )
        refused = ask(purpose="curiosity")[1]
        assert refused["error"]["code"] == "outside-policy", refused
        request, answer = ask()
        assert answer["request"]["event"] == "pending", answer
        act = {"operator": "operator-1"}
        answer = self.centralist.command("deny", self.challenge(), request=request["jti"], reason="busy", act=act)[1]
        assert answer["ok"], answer
        denied = self.subscriber.event("the denial", self.share_topic(request["jti"]), event="denied")
        assert denied["reason"] == "busy", denied
        told("denied")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("contract", "tls", "centralist-broker", "subscriber-broker", "centralist-key", "subscriber-key", "site", "camera", "subscriber", "view", "purpose"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("room-broker", "room-key"):
        parser.add_argument(f"--{name}", help="plays the room's agent too")
    parser.add_argument("scenes", nargs="+", choices=["refusals", "revoked", "asked", "denied", "unnamed", "silent"])
    options = parser.parse_args()
    play = Play(options)
    told("replayed", **play.contract.replay())
    play.join()
    for scene in options.scenes:
        getattr(play, scene)()
    for party in (play.centralist, play.subscriber):
        assert not party.problems, party.problems
        party.close()
    told("done", heard=len(play.centralist.heard) + len(play.subscriber.heard))


if __name__ == "__main__":
    sys.exit(main())
