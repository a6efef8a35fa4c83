//! The interpreter, with the model and the bytes that it runs from, in one value that can move between threads.
//!
//! tflitec's `Interpreter` borrows its `Model`, which borrows its bytes; `self_cell` ties the three together. Outputs are copied out after each
//! inference (300 KB, some 20 us), because tflitec lends a tensor's data no longer than the handle that it makes for each look.
//! XNNPACK is asked for by name: the library does not apply it by itself, and without it an inference takes three times as long.

use crate::manifest::{ModelEntry, OutputEntry};
use board_hal::{DetectorError, OutputRole, QuantisedTensor};
use self_cell::self_cell;
use tflitec::interpreter::{Interpreter, Options};
use tflitec::model::Model;
use tflitec::tensor::{DataType, Tensor};

self_cell!(
    struct LoadedModel {
        owner: Vec<u8>,
        #[covariant]
        dependent: Model,
    }
);

self_cell!(
    struct Runner {
        owner: LoadedModel,
        #[covariant]
        dependent: Interpreter,
    }
);

/// An output: where it is in the interpreter, its last values, how to read them.
struct Output {
    index: usize,
    data: Vec<i8>,
    height: usize,
    width: usize,
    channels: usize,
    scale: f32,
    zero_point: i32,
}

/// A network that equals its manifest entry, ready to run.
pub(crate) struct Network {
    runner: Runner,
    input_len: usize,
    outputs: [Output; OutputRole::ALL.len()],
}

impl Network {
    /// Builds the network from verified bytes. The error is the cause, for a [`DetectorError::Model`].
    pub(crate) fn load(bytes: Vec<u8>, entry: &ModelEntry, threads: usize) -> Result<Self, String> {
        let thread_count = i32::try_from(threads)
            .ok()
            .filter(|n| (1..=64).contains(n))
            .ok_or_else(|| format!("cannot run on {threads} threads; give 1 to 64"))?;
        crate::library::check(tflitec::tf_lite_version())?;
        let model = LoadedModel::try_new(bytes, |bytes| Model::from_bytes(bytes))
            .map_err(|e| format!("is not a TensorFlow Lite model ({e}); export it again"))?;
        let options = Options { thread_count, is_xnnpack_enabled: true };
        let runner = Runner::try_new(model, |model| Interpreter::new(model.borrow_dependent(), Some(options)))
            .map_err(|e| format!("needs operators that this TensorFlow Lite library lacks ({e})"))?;
        let interpreter = runner.borrow_dependent();
        interpreter.allocate_tensors().map_err(|e| format!("its tensors cannot be allocated ({e})"))?;
        let input_len = check_input(interpreter, entry)?;
        let outputs = find_outputs(interpreter, entry)?;
        Ok(Self { runner, input_len, outputs })
    }

    /// Runs the network and takes its outputs over.
    pub(crate) fn infer(&mut self, input: &[i8]) -> Result<(), DetectorError> {
        let failed = |what: &str, e: tflitec::Error| DetectorError::Inference(format!("{what}: {e}"));
        if input.len() != self.input_len {
            return Err(DetectorError::Inference(format!(
                "the input has {} bytes, the network takes {}",
                input.len(),
                self.input_len
            )));
        }
        let interpreter = self.runner.borrow_dependent();
        interpreter.copy(input, 0).map_err(|e| failed("input", e))?;
        interpreter.invoke().map_err(|e| failed("TensorFlow Lite", e))?;
        for output in &mut self.outputs {
            let tensor = interpreter.output(output.index).map_err(|e| failed("output", e))?;
            let data = tensor.data::<i8>();
            if data.len() != output.data.len() {
                return Err(DetectorError::Inference(format!("output {} changed its size", tensor.name())));
            }
            output.data.copy_from_slice(data);
        }
        Ok(())
    }

    /// An output of the last inference.
    pub(crate) fn output(&self, role: OutputRole) -> QuantisedTensor<'_> {
        let Output { data, height, width, channels, scale, zero_point, .. } = &self.outputs[place(role)];
        QuantisedTensor {
            data,
            height: *height,
            width: *width,
            channels: *channels,
            scale: *scale,
            zero_point: *zero_point,
        }
    }
}

/// Where a role stands in [`OutputRole::ALL`].
fn place(role: OutputRole) -> usize {
    OutputRole::ALL.iter().position(|r| *r == role).unwrap_or_default()
}

fn check_input(interpreter: &Interpreter<'_>, entry: &ModelEntry) -> Result<usize, String> {
    let count = interpreter.input_tensor_count();
    if count != 1 {
        return Err(format!("has {count} inputs, Campari feeds one"));
    }
    let tensor = interpreter.input(0).map_err(|e| format!("its input cannot be read ({e})"))?;
    let input = &entry.input;
    let shape = [1, input.height, input.width, 3];
    compare("input", &tensor, &shape, input.scale, input.zero_point)?;
    Ok(shape.iter().product())
}

fn find_outputs(interpreter: &Interpreter<'_>, entry: &ModelEntry) -> Result<[Output; 7], String> {
    let count = interpreter.output_tensor_count();
    let tensors = (0..count)
        .map(|index| interpreter.output(index).map_err(|e| format!("its output {index} cannot be read ({e})")))
        .collect::<Result<Vec<_>, _>>()?;
    let mut outputs = Vec::with_capacity(OutputRole::ALL.len());
    for role in OutputRole::ALL {
        let OutputEntry { tensor: name, shape, scale, zero_point } = entry.outputs.of(role);
        let mut named = tensors.iter().enumerate().filter(|(_, t)| t.name() == name);
        let (Some((index, tensor)), None) = (named.next(), named.next()) else {
            let offered = tensors.iter().map(Tensor::name).collect::<Vec<_>>().join(", ");
            return Err(format!(
                "{} should be the one output named {name:?}; the file has: {offered}; take model and manifest from one release",
                role.name()
            ));
        };
        compare(role.name(), tensor, shape, *scale, *zero_point)?;
        let [_, height, width, channels] = *shape;
        let data = vec![0; height * width * channels];
        outputs.push(Output { index, data, height, width, channels, scale: *scale, zero_point: *zero_point });
    }
    outputs.try_into().map_err(|_| "has not one output for each role".to_owned())
}

/// Refuses a tensor that is not int8, or whose shape or quantisation is not the manifest's.
fn compare(what: &str, tensor: &Tensor<'_>, shape: &[usize; 4], scale: f32, zero_point: i32) -> Result<(), String> {
    let advice = "take model and manifest from one release";
    if tensor.data_type() != DataType::Int8 {
        return Err(format!("{what} is {:?}, Campari runs int8 models only; {advice}", tensor.data_type()));
    }
    if tensor.shape().dimensions() != shape {
        return Err(format!(
            "{what} has shape {:?}, the manifest says {shape:?}; {advice}",
            tensor.shape().dimensions()
        ));
    }
    let Some(found) = tensor.quantization_parameters() else {
        return Err(format!("{what} has no quantisation; {advice}"));
    };
    if (found.scale - scale).abs() > scale * 1e-5 || found.zero_point != zero_point {
        return Err(format!(
            "{what} has scale {} and zero point {}, the manifest says {scale} and {zero_point}; {advice}",
            found.scale, found.zero_point
        ));
    }
    Ok(())
}
