"""The network: CenterFace rebuilt in Keras with its own weights, and a plate branch on its frozen backbone.

`trunk()` is CenterFace layer by layer (MobileNetV2 backbone, three-step neck, heads at stride 4) with the ONNX weights and
four taps for the plate branch. `plate_branch()` is ours. `whole()` joins them for export. Nothing here trains or quantises.

Input: float RGB 0..255, [N,H,W,3], H and W multiples of 32. Outputs at stride 4, channels y then x:
head_heat 1, head_scale 2, head_offset 2, head_landmarks 10, plate_heat 1, plate_scale 2, plate_offset 2.
"""
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import keras
import numpy as np
import onnx
import tensorflow as tf
from keras import layers
from onnx import numpy_helper

from fetch import ONNX

ROLES = {"head_heat": 1, "head_scale": 2, "head_offset": 2, "head_landmarks": 10,
         "plate_heat": 1, "plate_scale": 2, "plate_offset": 2}
HEADS = {"537": "head_heat", "538": "head_scale", "539": "head_offset", "540": "head_landmarks"}
TAPS = {"387": "f4", "413": "f8", "474": "f16", "500": "f32"}       # ONNX tensor -> tap, by stride
TAP_CHANNELS = {"f4": 24, "f8": 32, "f16": 96, "f32": 160}


def _conv(node, weights, x):
    """One ONNX Conv as pad + Conv2D or DepthwiseConv2D; stride 2 pads by hand because SAME would pad one side only."""
    a = {t.name: onnx.helper.get_attribute_value(t) for t in node.attribute}
    w, b = weights[node.input[1]], weights[node.input[2]]
    stride, k = a["strides"][0], a["kernel_shape"][0]
    pad = "same"
    if stride == 2:
        x, pad = layers.ZeroPadding2D(a["pads"][0])(x), "valid"
    if a["group"] == 1:
        layer = layers.Conv2D(w.shape[0], k, strides=stride, padding=pad)
        y = layer(x)
        layer.set_weights([w.transpose(2, 3, 1, 0), b])
    else:
        layer = layers.DepthwiseConv2D(k, strides=stride, padding=pad)
        y = layer(x)
        layer.set_weights([w.transpose(2, 3, 0, 1), b])
    return y


class DepthToSpace(layers.Layer):
    """Channels of one cell onto its 2x2 sub-pixels."""

    def call(self, x):
        return tf.nn.depth_to_space(x, 2)


def upsample(x, channels, name=None):
    """A 2x2 transposed convolution of stride 2, as a 1x1 convolution and depth-to-space: the same sums, sixteen times faster in XNNPACK.

    Returns (tensor, convolution); output channel c of sub-pixel (dy, dx) is channel (2 dy + dx) * channels + c of the convolution.
    """
    conv = layers.Conv2D(4 * channels, 1, name=name)
    return DepthToSpace()(conv(x)), conv


def _deconv(node, bn, weights, x, transposed):
    """ConvTranspose followed by BatchNormalization, folded into one upsample (or, `transposed`, into the operator as published)."""
    w = weights[node.input[1]]                                         # in, out, kh, kw
    gamma, beta, mean, var = (weights[i] for i in bn.input[1:5])
    eps = next(t.f for t in bn.attribute if t.name == "epsilon")
    g = gamma / np.sqrt(var + eps)
    if transposed:
        conv = layers.Conv2DTranspose(w.shape[1], 2, strides=2)
        y = conv(x)
        conv.set_weights([(w * g[None, :, None, None]).transpose(2, 3, 1, 0), beta - mean * g])
        return y
    y, conv = upsample(x, w.shape[1])
    w = (w * g[None, :, None, None]).transpose(2, 3, 0, 1)             # kh, kw, in, out
    w = w.reshape(4, *w.shape[2:]).transpose(1, 0, 2).reshape(1, 1, w.shape[2], -1)
    conv.set_weights([w, np.tile(beta - mean * g, 4)])
    return y


def trunk(height, width, batch=1, transposed=False):
    """CenterFace with its ONNX weights; returns (input, {role: tensor}, {tap: tensor}). `transposed`: with the operators as published."""
    graph = onnx.load(str(ONNX)).graph
    weights = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    image = keras.Input((height, width, 3), batch_size=batch, name="image")
    t, nodes, skip = {"input.1": image}, list(graph.node), None
    for i, n in enumerate(nodes):
        if n is skip:
            continue
        x = t[n.input[0]]
        if n.op_type == "Conv":
            y = _conv(n, weights, x)
        elif n.op_type == "ConvTranspose":
            skip = nodes[i + 1]
            y = _deconv(n, skip, weights, x, transposed)
            t[skip.output[0]] = y
        elif n.op_type == "Relu":
            y = layers.ReLU()(x)
        elif n.op_type == "Add":
            y = layers.Add()([x, t[n.input[1]]])
        elif n.op_type == "Sigmoid":
            y = layers.Activation("sigmoid")(x)
        else:
            raise ValueError(f"unexpected ONNX operator {n.op_type}")
        t[n.output[0]] = y
    return image, {role: t[k] for k, role in HEADS.items()}, {tap: t[k] for k, tap in TAPS.items()}


class Branch:
    """Layers of the plate branch: with batch norm to train, without (folded) to export."""

    def __init__(self, bn):
        self.bn, self.named = bn, {}

    def _norm(self, x, name):
        if not self.bn:
            return x
        layer = layers.BatchNormalization(momentum=0.97, epsilon=1e-3, name=name + "_bn")
        self.named[name + "_bn"] = layer
        return layer(x)

    def _add(self, name, layer, x):
        self.named[name] = layer
        return self._norm(layer(x), name)

    def conv(self, name, x, channels):
        return self._add(name, layers.Conv2D(channels, 1, use_bias=not self.bn, name=name), x)

    def depthwise(self, name, x, k, stride=1):
        return self._add(name, layers.DepthwiseConv2D(k, strides=stride, padding="same", use_bias=not self.bn, name=name), x)

    def up(self, name, x, channels):
        """Twice as large; the norm is before the rearrangement, so that it folds into the convolution."""
        return DepthToSpace()(self.conv(name, x, 4 * channels))

    def block(self, name, x, channels, k):
        """Residual depthwise-separable block; ReLU after the sum."""
        y = layers.ReLU()(self.depthwise(name + "_dw", x, k))
        y = self.conv(name + "_pw", y, channels)
        return layers.ReLU()(layers.Add()([x, y]))

    def out(self, name, x, channels, bias):
        """From stride 8 to the output's stride 4: each cell speaks for the four it covers, so nothing wide runs at stride 4."""
        layer = layers.Conv2D(4 * channels, 1, name=name, kernel_initializer=keras.initializers.RandomNormal(stddev=0.001, seed=1),
                              bias_initializer=keras.initializers.Constant(bias))
        self.named[name] = layer
        return DepthToSpace()(layer(x))


def plate_branch(taps, bn, logits=False):
    """The plate neck and head over the four taps; returns ({role: tensor}, Branch)."""
    b = Branch(bn)
    relu = lambda x: layers.ReLU()(x)
    y = relu(b.conv("p32_in", taps["f32"], 96))
    y = b.block("p32_a", y, 96, 5)
    y = b.block("p32_b", y, 96, 3)
    y = relu(layers.Add()([b.up("p16_up", y, 96), b.conv("p16_in", taps["f16"], 96)]))
    y = b.block("p16_a", y, 96, 5)
    y = b.block("p16_b", y, 96, 3)
    y = b.block("p16_c", y, 96, 3)
    fine = relu(b.depthwise("p4_down", taps["f4"], 3, stride=2))
    y = relu(layers.Add()([layers.Add()([b.up("p8_up", y, 64), b.conv("p8_in", taps["f8"], 64)]), b.conv("p4_in", fine, 64)]))
    y = b.block("p8_a", y, 64, 5)
    y = b.block("p8_b", y, 64, 3)
    y = b.block("p8_c", y, 64, 5)
    y = b.block("p8_d", y, 64, 3)
    heat = b.out("plate_heat_logit", y, 1, -4.0)
    out = {"plate_heat": heat if logits else layers.Activation("sigmoid")(heat),
           "plate_scale": b.out("plate_scale", y, 2, 2.0), "plate_offset": b.out("plate_offset", y, 2, 0.0)}
    return out, b


def fold_into(trained, plain):
    """Copy a trained Branch (with batch norm) into one without, folding the norms."""
    for name, layer in plain.named.items():
        src = trained.named[name]
        if name + "_bn" not in trained.named:
            layer.set_weights(src.get_weights())
            continue
        w = src.get_weights()[0]
        gamma, beta, mean, var = trained.named[name + "_bn"].get_weights()
        g = gamma / np.sqrt(var + 1e-3)
        shape = {"Conv2D": (1, 1, 1, -1), "DepthwiseConv2D": (1, 1, -1, 1)}
        layer.set_weights([w * g.reshape(shape[type(layer).__name__]), beta - mean * g])


def branch_model(bn, height=None, width=None, logits=False):
    """The plate branch alone, fed with the taps: what training runs. Returns (model, Branch)."""
    taps = {k: keras.Input((height and height // int(k[1:]), width and width // int(k[1:]), c), name=k)
            for k, c in TAP_CHANNELS.items()}
    out, b = plate_branch(taps, bn, logits)
    return keras.Model(taps, out), b


def whole(height, width, plate_weights):
    """Trunk and folded plate branch, ready to export. `plate_weights` is a path written by train.py, or None."""
    image, heads, taps = trunk(height, width)
    plates, plain = plate_branch(taps, bn=False)
    model = keras.Model(image, {**heads, **plates})
    trained_model, trained = branch_model(bn=True)
    if plate_weights:
        trained_model.load_weights(plate_weights)
    fold_into(trained, plain)
    return model
