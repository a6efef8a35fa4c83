"""The published contract, as a client that has nothing else reads it: topics and shapes out of asyncapi.json and its JSON Schemas.

Nothing of Campari's code is used; whatever this module cannot find in the published files it cannot do.
"""

import json
import pathlib
import re
import warnings

import jsonschema
from joserfc import jws
from joserfc.jwk import OKPKey

# RFC 9864 renames EdDSA; the contract says EdDSA.
warnings.filterwarnings("ignore", message="EdDSA is deprecated")


class Contract:
    """asyncapi.json and the schemas beside it."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.document = self._read("asyncapi.json")
        self.reasons = self._read("reasons.json")
        self.codes = {error["code"]: error for error in self.reasons["errors"]}
        self._validators = {}

    def _read(self, path):
        return json.loads((self.folder / path).read_text())

    def validator(self, path):
        if path not in self._validators:
            schema = self._read(path)
            kind = jsonschema.validators.validator_for(schema)
            kind.check_schema(schema)
            self._validators[path] = kind(schema, format_checker=kind.FORMAT_CHECKER)
        return self._validators[path]

    def check(self, path, value):
        """Raises unless `value` is what the schema says."""
        self.validator(path).validate(value)
        return value

    def replay(self):
        """Every published example must satisfy its schema, and nothing published as refused may; how many there were."""
        counts = {}
        for kind in ("examples", "refused"):
            paths = sorted((self.folder / kind).glob("*/*/*.json"))
            for path in paths:
                schema = path.parent.relative_to(self.folder / kind)
                valid = self.validator(f"{schema}.json").is_valid(json.loads(path.read_text()))
                assert valid == (kind == "examples"), path
            counts[kind] = len(paths)
        return counts

    def channel(self, name):
        return self.document["channels"][name]

    def topic(self, name, **parameters):
        """The channel's address with its parameters filled in; exactly those that it has."""
        channel = self.channel(name)
        assert set(parameters) == set(channel["parameters"]), (name, parameters)
        return channel["address"].format(**parameters)

    def mqtt(self, name):
        """QoS, retain and expiry of a channel."""
        return self.channel(name)["x-mqtt"]

    def may(self, party, action, name):
        """Whether `party` may publish or subscribe there."""
        return party in self.channel(name)["x-who"][action]

    def find(self, topic):
        """The channel that a topic belongs to, and its parameters."""
        for name, channel in self.document["channels"].items():
            pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(channel["address"]))
            found = re.fullmatch(pattern, topic)
            if found:
                return name, found.groupdict()
        raise LookupError(f"{topic} is no topic of the contract")

    def messages(self, name):
        """The messages of a channel, resolved."""
        refs = [message["$ref"].removeprefix("#/") for message in self.channel(name)["messages"].values()]
        found = []
        for ref in refs:
            node = self.document
            for step in ref.split("/"):
                node = node[step]
            found.append(node)
        return found

    def read(self, topic, payload):
        """What came on a topic, checked against the schema of one of its messages."""
        name, _ = self.find(topic)
        problems = []
        for message in self.messages(name):
            if "x-jws" in message:
                assert re.search(message["payload"]["pattern"], payload.decode()), topic
                return name, payload.decode()
            value = json.loads(payload)
            try:
                return name, self.check(message["x-schema"], value)
            except jsonschema.ValidationError as problem:
                problems.append(problem.message)
        raise ValueError(f"{topic} says {payload[:300]}, which no message of channel {name} allows: {problems}")

    def sign(self, name, claims, jwk):
        """A token for a channel: claims and header are checked against their schemas before they are signed."""
        (message,) = self.messages(name)
        description = message["x-jws"]
        self.check(description["claims"], claims)
        header = self.check(description["header"], {"alg": "EdDSA", "typ": description["typ"], "kid": jwk["kid"]})
        token = jws.serialize_compact(header, json.dumps(claims), OKPKey.import_key(jwk), algorithms=["EdDSA"])
        assert re.search(message["payload"]["pattern"], token) and len(token) <= message["payload"]["maxLength"]
        return token
