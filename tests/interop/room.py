"""The control room's agent, as the contract alone describes it: a signed heartbeat every two seconds that names the shares that stand."""

import json
import secrets
import threading
import time

BEAT_EVERY_S = 2


class Room:
    """Beats in a thread of its own until it is told to stop. Which shares stand is said from outside."""

    def __init__(self, party):
        self.party, self.stands, self.problem = party, [], None
        self._stop = threading.Event()
        # Grows through restarts, and is beyond what another agent with this key used before.
        self._counter = int(time.time() * 1000)
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    def _beat(self):
        try:
            while not self._stop.is_set():
                self._counter += 1
                claims = {
                    "iss": self.party.jwk["kid"],
                    "aud": f"{self.party.site}/*",
                    "iat": int(time.time()),
                    "jti": secrets.token_hex(8),
                    "counter": self._counter,
                    "stands": list(self.stands),
                }
                self.party.tell("heartbeat", self.party.contract.sign("heartbeat", claims, self.party.jwk))
                self._stop.wait(BEAT_EVERY_S)
        except Exception as problem:  # noqa: BLE001: whatever it is, the test must see it
            self.problem = problem

    def present(self, online):
        """Says whether the room is there."""
        self.party.tell("presence", json.dumps({"online": online, "busy": False}))

    def stop(self):
        """As a crash does: no word more."""
        self._stop.set()
        self._thread.join()
        assert self.problem is None, self.problem
