"""One party at the broker: paho-mqtt over TLS with the party's own certificate. All that it hears is checked against the contract as it comes."""

import json
import queue
import secrets
import ssl
import threading
import time

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

PATIENCE_S = 60


class Party:
    """A connection, everything heard on it, and answers by their correlation."""

    def __init__(self, contract, role, name, site, camera, broker, tls):
        self.contract, self.role, self.name, self.site, self.camera = contract, role, name, site, camera
        self.heard, self.problems, self._changed = [], [], threading.Condition()
        self._subscribed = queue.Queue()
        self.answers_on = contract.topic("answer", site=site, asker=name)
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=f"foreign-{name}", protocol=mqtt.MQTTv5)
        context = ssl.create_default_context(cafile=tls["ca"])
        context.load_cert_chain(tls["cert"], tls["key"])
        self.client.tls_set_context(context)
        self.client.on_message = self._on_message
        self.client.on_subscribe = lambda _client, _data, _id, codes, _properties: self._subscribed.put(codes)
        host, port = broker
        self.client.connect(host, port, clean_start=True)
        self.client.loop_start()

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()

    def listen(self, *topics):
        """Subscribes; every topic filter must be granted."""
        for topic in (self.answers_on, *topics):
            self.client.subscribe(topic, qos=1)
            codes = self._subscribed.get(timeout=PATIENCE_S)
            assert all(not code.is_failure for code in codes), f"{self.role} may not subscribe to {topic}: {codes}"

    def _on_message(self, _client, _data, message):
        try:
            channel, value = self.contract.read(message.topic, message.payload)
            assert self.contract.may(self.role, "subscribe", channel), f"{self.role} is told of {channel}"
            # What was retained comes with the flag when one subscribes, and without it when it is news.
            assert not message.retain or self.contract.mqtt(channel)["retain"], f"{channel} was retained"
        except Exception as problem:  # noqa: BLE001: whatever it is, the test must see it
            with self._changed:
                self.problems.append(f"{message.topic}: {problem}")
                self._changed.notify_all()
            return
        correlation = getattr(message.properties, "CorrelationData", b"") or b""
        with self._changed:
            self.heard.append({"channel": channel, "topic": message.topic, "value": value, "correlation": correlation})
            self._changed.notify_all()

    def until(self, what, wanted):
        """Waits for something that was or will be heard; gives the newest."""
        end = time.monotonic() + PATIENCE_S
        with self._changed:
            while True:
                assert not self.problems, self.problems
                found = [one for one in self.heard if wanted(one)]
                if found:
                    return found[-1]["value"]
                left = end - time.monotonic()
                assert left > 0, f"{self.name} waited in vain for {what}; heard last: {self.heard[-3:]}"
                self._changed.wait(left)

    def state(self):
        """The eye's newest state."""
        return self.until("a state with an eye", lambda one: one["channel"] == "state" and "eye" in one["value"])["eye"]

    def event(self, what, topic, **wanted):
        """An event of a share or request."""
        matches = lambda value: all(value.get(member) == expected for member, expected in wanted.items())
        return self.until(what, lambda one: one["topic"] == topic and matches(one["value"]))

    def say(self, channel, payload, **parameters):
        """Publishes as the contract says; the answer, if the channel is answered."""
        assert self.contract.may(self.role, "publish", channel), f"{self.role} may not publish on {channel}"
        how = self.contract.mqtt(channel)
        correlation = secrets.token_bytes(8)
        properties = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic, properties.CorrelationData = self.answers_on, correlation
        properties.MessageExpiryInterval = how["messageExpiryInterval"]
        topic = self.contract.topic(channel, site=self.site, camera=self.camera, **parameters)
        self.client.publish(topic, payload, qos=how["qos"], retain=how["retain"], properties=properties)
        return self.until(
            f"the answer to {channel}", lambda one: one["channel"] == "answer" and one["correlation"] == correlation
        )

    def tell(self, channel, payload, **parameters):
        """Publishes where nobody answers."""
        assert self.contract.may(self.role, "publish", channel), f"{self.role} may not publish on {channel}"
        how = self.contract.mqtt(channel)
        topic = self.contract.topic(channel, site=self.site, **parameters)
        self.client.publish(topic, payload, qos=how["qos"], retain=how["retain"])

    def claims(self, challenge, **more):
        """What every token says. A subscriber does not read state, so it has no challenge to give."""
        aud = f"{self.site}/{self.camera}"
        once = {"challenge": challenge} if challenge else {}
        return {"iss": self.jwk["kid"], "aud": aud, "iat": int(time.time()), "jti": secrets.token_hex(8), **once, **more}

    def command(self, channel, challenge, parameters=None, **claims):
        """Signs and sends; gives claims and answer."""
        claims = self.claims(challenge, **claims)
        return claims, self.say(channel, self.contract.sign(channel, claims, self.jwk), **(parameters or {}))

    def use_key(self, path):
        with open(path, encoding="utf-8") as file:
            self.jwk = json.load(file)
        return self
