"""Runs a model file with ai-edge-litert on one thread and decodes it with decode.py. For measuring; the product has its own in Rust."""
import time

from ai_edge_litert.interpreter import Interpreter

from decode import decode, decode_class, manifest
from picture import HERE, letterbox


class Detector:
    """One manifest table, loaded."""

    def __init__(self, setting, manifest_path=HERE / "manifest.toml"):
        self.model = next(m for m in manifest(manifest_path) if m["setting"] == setting)
        self.it = Interpreter(str(HERE / self.model["file"]), num_threads=1)
        self.it.allocate_tensors()
        self.input = self.it.get_input_details()[0]["index"]
        by_name = {d["name"]: d["index"] for d in self.it.get_output_details()}
        self.outputs = {role: by_name[spec["tensor"]] for role, spec in self.model["outputs"].items()}
        self.infer_ms = 0.0

    def tensors(self, rgb):
        """uint8 RGB picture -> ({role: int8}, kx, ky)."""
        i = self.model["input"]
        boxed, kx, ky = letterbox(rgb, i["width"], i["height"], i["pad"])
        self.it.set_tensor(self.input, self.input_of(boxed))
        t = time.perf_counter()
        self.it.invoke()
        self.infer_ms = (time.perf_counter() - t) * 1000
        return {role: self.it.get_tensor(index) for role, index in self.outputs.items()}, kx, ky

    def input_of(self, boxed):
        """Letterboxed uint8 picture -> what the input tensor takes."""
        return (boxed.astype("int16") - 128).astype("int8")[None]

    def detect(self, rgb, candidates=False):
        """uint8 RGB picture -> boxes in its pixels."""
        t, kx, ky = self.tensors(rgb)
        return decode(t, self.model, kx, ky, rgb.shape[1], rgb.shape[0], candidates)

    def raw(self, rgb, kind, threshold):
        """Ungrown boxes of one class in network pixels, with kx, ky."""
        t, kx, ky = self.tensors(rgb)
        return decode_class(kind, t, self.model, threshold), kx, ky


class FloatDetector(Detector):
    """The same network before quantisation, to see what quantisation costs."""

    def __init__(self, setting):
        super().__init__(setting)
        import network
        import tensorflow as tf
        i = self.model["input"]
        flat = tf.lite.TFLiteConverter.from_keras_model(network.whole(i["height"], i["width"], HERE / "plates.weights.h5")).convert()
        self.it = Interpreter(model_content=flat, num_threads=1)
        self.it.allocate_tensors()
        self.input = self.it.get_input_details()[0]["index"]
        outputs = self.it.get_signature_list()["serving_default"]["outputs"]
        runner = self.it.get_signature_runner()
        self.outputs = {role: runner.get_output_details()[role]["index"] for role in outputs}
        self.model["outputs"] = {role: {"scale": 1.0, "zero_point": 0} for role in outputs}

    def input_of(self, boxed):
        return boxed.astype("float32")[None]
