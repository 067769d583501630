//! Parameters of a module by their path, out of it and into it.

use std::collections::{BTreeMap, HashMap};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::prelude::*;
use burn::tensor::{DType, TensorData, bf16, f16};
use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, Metadata, TensorInfo, TensorView};
use thiserror::Error;

/// Tensors by dotted path, such as `discriminator.encoder.layers.0.attention.query.weight`.
pub type NamedTensors = BTreeMap<String, TensorData>;

/// The headers of a file's tensors, by the same paths.
pub type Headers = BTreeMap<String, TensorHeader>;

/// The header of a tensor in a file: its type and shape, without its numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorHeader {
    /// The type that its elements are read as: 32-bit floats or 64-bit integers.
    pub dtype: DType,
    /// The shape of the tensor.
    pub shape: Vec<usize>,
}

/// Named tensors that do not fit a module.
#[derive(Clone, Debug, PartialEq, Error, miette::Diagnostic)]
pub enum LoadError {
    /// The module has parameters that the tensors lack.
    #[error("{} tensors are missing, the first is {}", .0.len(), .0[0])]
    Missing(Vec<String>),
    /// The tensors hold names that the module lacks.
    #[error("{} tensors are unexpected, the first is {}", .0.len(), .0[0])]
    Unexpected(Vec<String>),
    /// A tensor has another shape than its parameter.
    #[error("{name} has shape {found:?}, expected {expected:?}")]
    Shape {
        /// Path of the parameter.
        name: String,
        /// Shape of the tensor.
        found: Vec<usize>,
        /// Shape of the parameter.
        expected: Vec<usize>,
    },
    /// A tensor holds something else than numbers of a known type.
    #[error("{name} holds {found}, expected 32-bit floats")]
    Type {
        /// Path of the parameter.
        name: String,
        /// The element type that was found.
        found: String,
    },
}

/// All float parameters of `module`, as 32-bit floats on the host.
pub fn collect<M: Module>(module: &M) -> NamedTensors {
    struct Collect {
        path: Vec<String>,
        tensors: NamedTensors,
    }
    impl ModuleVisitor for Collect {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.path.push(name.to_string());
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let data = electra_kernels::read_to_host(&param.val()).convert::<f32>();
            let previous = self.tensors.insert(self.path.join("."), data);
            assert!(previous.is_none(), "two parameters at {}", self.path.join("."));
        }
    }
    let mut visitor = Collect { path: vec![], tensors: BTreeMap::new() };
    module.visit(&mut visitor);
    visitor.tensors
}

/// The tensors below `prefix` and a dot, without it: `discriminator` of a run's weights.
pub fn strip_prefix(tensors: NamedTensors, prefix: &str) -> NamedTensors {
    let own = |(name, data): (String, TensorData)| {
        let name = name.strip_prefix(prefix)?.strip_prefix('.')?.to_string();
        Some((name, data))
    };
    tensors.into_iter().filter_map(own).collect()
}

/// Puts `tensors` into the parameters of the same path. Every parameter must be given, and
/// nothing else.
///
/// # Errors
/// What is missing, left over, or of another shape; the module is then lost.
pub fn load<M: Module>(module: M, tensors: NamedTensors) -> Result<M, LoadError> {
    struct Load {
        path: Vec<String>,
        tensors: NamedTensors,
        missing: Vec<String>,
        error: Option<LoadError>,
    }
    impl ModuleMapper for Load {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.path.push(name.to_string());
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.path.pop();
        }
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let name = self.path.join(".");
            let Some(data) = self.tensors.remove(&name) else {
                self.missing.push(name);
                return param;
            };
            let (id, old, mapper) = param.consume();
            let (expected, found) = (old.dims().to_vec(), data.shape().to_vec());
            if expected != found {
                self.error.get_or_insert(LoadError::Shape { name, found, expected });
                return Param::from_mapped_value(id, old, mapper);
            }
            if data.dtype() != DType::F32 {
                self.error.get_or_insert(LoadError::Type { name, found: format!("{:?}", data.dtype()) });
                return Param::from_mapped_value(id, old, mapper);
            }
            let device = old.device();
            let value = Tensor::<D>::from_data(data, &device);
            let value =
                if device.is_autodiff() { value.set_require_grad(old.is_require_grad()) } else { value };
            Param::from_mapped_value(id, value, mapper)
        }
    }
    let mut mapper = Load { path: vec![], tensors, missing: vec![], error: None };
    let module = module.map(&mut mapper);
    if let Some(error) = mapper.error {
        return Err(error);
    }
    if !mapper.missing.is_empty() {
        return Err(LoadError::Missing(mapper.missing));
    }
    if !mapper.tensors.is_empty() {
        return Err(LoadError::Unexpected(mapper.tensors.into_keys().collect()));
    }
    Ok(module)
}

/// Serialises named tensors, 32-bit floats or 64-bit integers, in the safetensors format; equal
/// tensors give equal bytes.
pub fn to_safetensors(tensors: &NamedTensors, metadata: Option<(&str, &str)>) -> Vec<u8> {
    let views = tensors.iter().map(|(name, data)| {
        let dtype = match data.dtype() {
            DType::F32 => Dtype::F32,
            DType::I64 => Dtype::I64,
            other => panic!("{name} holds {other:?}"),
        };
        let view = TensorView::new(dtype, data.shape().to_vec(), data.as_bytes());
        (name.as_str(), view.expect("a tensor's bytes match its shape"))
    });
    // One entry at most keeps the order of the hash map out of the bytes.
    let metadata = metadata.map(|(key, value)| HashMap::from([(key.to_string(), value.to_string())]));
    safetensors::serialize(views, metadata).expect("named tensors can always be serialised")
}

/// The headers of the tensors in a safetensors file of `file_bytes` bytes, by its `beginning`: as many
/// of its bytes as its header needs, or more. Nothing is said of the numbers yet, but that the file is
/// as long as they make it.
///
/// # Errors
/// A file that is cut short, too long, or of another format; tensors of a type that no parameter has.
pub fn headers(beginning: &[u8], file_bytes: u64) -> Result<Headers, SafetensorsError> {
    let too_short = || SafetensorsError::from(SafeTensorError::HeaderTooSmall);
    let (length, behind) = beginning.split_first_chunk::<8>().ok_or_else(too_short)?;
    let length = u64::from_le_bytes(*length);
    let data_bytes = file_bytes.checked_sub(8).and_then(|rest| rest.checked_sub(length));
    let header = usize::try_from(length).ok().and_then(|length| behind.get(..length));
    let (Some(data_bytes), Some(header)) = (data_bytes, header) else {
        return Err(SafeTensorError::InvalidHeaderLength.into());
    };
    let metadata: Metadata =
        serde_json::from_slice(header).map_err(SafeTensorError::InvalidHeaderDeserialization)?;
    // Here, as a sum of what the header says could leave 64 bits in there.
    if metadata.data_len() as u64 != data_bytes {
        return Err(SafeTensorError::MetadataIncompleteBuffer.into());
    }
    let header = |(name, info): (String, &TensorInfo)| match info.dtype {
        Dtype::F32 | Dtype::F16 | Dtype::BF16 | Dtype::F64 => {
            Ok((name, TensorHeader { dtype: DType::F32, shape: info.shape.clone() }))
        }
        Dtype::I64 | Dtype::I32 => Ok((name, TensorHeader { dtype: DType::I64, shape: info.shape.clone() })),
        other => Err(SafetensorsError::Type { name, found: format!("{other:?}") }),
    };
    metadata.tensors().into_iter().map(header).collect()
}

/// The headers of tensors that are in memory.
pub fn headers_of(tensors: &NamedTensors) -> Headers {
    let header = |data: &TensorData| TensorHeader { dtype: data.dtype(), shape: data.shape().to_vec() };
    tensors.iter().map(|(name, data)| (name.clone(), header(data))).collect()
}

/// Reads named tensors from the bytes of a safetensors file: floats of any width as 32-bit
/// floats, integers as 64-bit integers. All weights of the program come in here, and none that is
/// no number goes on: a network with one NaN in it answers NaN, which decodes to "no entity".
///
/// # Errors
/// Bytes that are not a whole safetensors file, tensors of another type, or NaN and infinity.
pub fn from_safetensors(bytes: &[u8]) -> Result<NamedTensors, SafetensorsError> {
    fn read<const N: usize, T>(bytes: &[u8], number: impl Fn([u8; N]) -> T) -> Vec<T> {
        bytes.as_chunks::<N>().0.iter().map(|&b| number(b)).collect()
    }
    headers(bytes, bytes.len() as u64)?;
    let file = safetensors::SafeTensors::deserialize(bytes)?;
    let mut tensors = BTreeMap::new();
    for (name, view) in file.tensors() {
        let (shape, data) = (view.shape().to_vec(), view.data());
        let tensor = match view.dtype() {
            Dtype::F32 => TensorData::new(read(data, f32::from_le_bytes), shape),
            Dtype::F16 => TensorData::new(read(data, |b| f16::from_le_bytes(b).to_f32()), shape),
            Dtype::BF16 => TensorData::new(read(data, |b| bf16::from_le_bytes(b).to_f32()), shape),
            Dtype::F64 => TensorData::new(read(data, |b| f64::from_le_bytes(b) as f32), shape),
            Dtype::I64 => TensorData::new(read(data, i64::from_le_bytes), shape),
            Dtype::I32 => TensorData::new(read(data, |b| i64::from(i32::from_le_bytes(b))), shape),
            other => return Err(SafetensorsError::Type { name, found: format!("{other:?}") }),
        };
        check_finite(&name, &tensor)?;
        tensors.insert(name, tensor);
    }
    Ok(tensors)
}

/// Refuses a tensor with a number that is NaN or infinite.
///
/// # Errors
/// The first of them.
pub fn check_finite(name: &str, tensor: &TensorData) -> Result<(), NotFinite> {
    match first_not_finite(tensor) {
        Some((at, value)) => {
            Err(NotFinite { name: name.to_owned(), at: position(at, tensor.shape()), value })
        }
        None => Ok(()),
    }
}

/// The index of the first number that is NaN or infinite, row after row, and the number.
fn first_not_finite(tensor: &TensorData) -> Option<(usize, f32)> {
    /// Bits of infinity without its sign: no finite number has as many, and every NaN has more.
    const INFINITY: u32 = f32::INFINITY.to_bits();
    let values = tensor.as_slice::<f32>().ok()?;
    // The largest of a block is found several numbers at a time, which a search that may stop is not.
    let is_bad = |block: &&[f32]| {
        let largest = block.iter().fold(0, |most, value| most.max(value.to_bits() & (u32::MAX >> 1)));
        largest >= INFINITY
    };
    const BLOCK: usize = 4096;
    let block = values.chunks(BLOCK).position(|block| is_bad(&block))? * BLOCK;
    let at = block + values[block..].iter().position(|value| !value.is_finite())?;
    Some((at, values[at]))
}

/// The place of element `at` in a tensor of this shape.
fn position(mut at: usize, shape: &[usize]) -> Vec<usize> {
    let mut place = vec![0; shape.len()];
    for (axis, &size) in place.iter_mut().zip(shape).rev() {
        *axis = at % size;
        at /= size;
    }
    place
}

/// A safetensors file that cannot be read.
#[derive(Debug, Error, miette::Diagnostic)]
pub enum SafetensorsError {
    /// Torn, or another format.
    #[error("not a whole safetensors file: {0}")]
    Format(#[from] SafeTensorError),
    /// A type that no parameter has.
    #[error("{name} holds {found}, expected floats of 16, 32 or 64 bits")]
    Type {
        /// Name of the tensor.
        name: String,
        /// The element type that was found.
        found: String,
    },
    /// A weight that is no number.
    #[error(transparent)]
    #[diagnostic(transparent)]
    NotFinite(#[from] NotFinite),
}

/// A weight that is no number.
#[derive(Clone, Debug, PartialEq, Error, miette::Diagnostic)]
#[error("{name} is {value} at {at:?}, expected finite numbers that 32 bits can hold")]
#[diagnostic(help(
    "copy the file again from where it came from; of a run that went out of bounds, take an earlier checkpoint"
))]
pub struct NotFinite {
    /// Name of the tensor.
    pub name: String,
    /// Place of the first of them in the tensor.
    pub at: Vec<usize>,
    /// The value that was found.
    pub value: f32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_that_are_no_numbers_are_refused_with_tensor_and_place() {
        let file = |place: usize, value: f32| {
            // Longer than a block, so that the place is counted across blocks.
            let mut values = vec![0.5f32; 3 * 2000];
            (values[place], values[5999]) = (value, f32::MAX);
            let tensors = [("a", vec![f32::MIN]), ("b.weight", values)];
            let named = |(name, values): (&str, Vec<f32>)| {
                let shape = if values.len() == 1 { vec![1] } else { vec![3, 2000] };
                (name.to_owned(), TensorData::new(values, shape))
            };
            from_safetensors(&to_safetensors(&tensors.into_iter().map(named).collect(), None))
        };
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for (place, expected) in [(0, "[0, 0]"), (4095, "[2, 95]"), (4097, "[2, 97]")] {
                let error = file(place, value).unwrap_err().to_string();
                assert!(error.starts_with(&format!("b.weight is {value} at {expected},")), "{error}");
            }
        }
        assert!(file(0, f32::MIN_POSITIVE / 2.0).is_ok());
    }

    #[test]
    fn a_header_tells_of_tensors_before_their_numbers_are_there() {
        let tensors = [("w", vec![2, 3]), ("n", vec![1])].map(|(name, shape): (&str, Vec<usize>)| {
            let data = match name {
                "n" => TensorData::new(vec![7i64], shape),
                _ => TensorData::new(vec![0.5f32; 6], shape),
            };
            (name.to_owned(), data)
        });
        let tensors = NamedTensors::from(tensors);
        let bytes = to_safetensors(&tensors, None);
        let length = bytes.len() as u64;
        let end = 8 + usize::from(bytes[0]) + 256 * usize::from(bytes[1]);
        assert_eq!(headers(&bytes[..end], length).unwrap(), headers_of(&tensors));
        assert_eq!(headers(&bytes, length).unwrap(), headers_of(&tensors));
        for (beginning, file_bytes) in [
            (&bytes[..7], length),
            (&bytes[..end - 1], length),
            (&bytes, length - 1),
            (&bytes, length + 1),
            (&bytes, 7),
        ] {
            assert!(headers(beginning, file_bytes).is_err(), "{} of {file_bytes}", beginning.len());
        }
    }

    #[test]
    fn sizes_of_tensors_that_leave_64_bits_together_are_no_file() {
        // Eight of 2^61 - 8 bytes and one of 56 are 2^64 - 8, and the header comes on top.
        let most = (1u64 << 61) - 8;
        let entry = |i: u64, from: u64, to: u64| {
            format!(r#""{i}":{{"dtype":"F64","shape":[{}],"data_offsets":[{from},{to}]}}"#, (to - from) / 8)
        };
        let mut entries: Vec<String> = (0..8).map(|i| entry(i, i * most, (i + 1) * most)).collect();
        entries.push(entry(8, 8 * most, 8 * most + 56));
        let header = format!("{{{}}}", entries.join(","));
        let bytes = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &[0; 16]].concat();
        let error = from_safetensors(&bytes).unwrap_err();
        assert!(
            matches!(error, SafetensorsError::Format(SafeTensorError::MetadataIncompleteBuffer)),
            "{error}"
        );
    }

    #[test]
    fn a_wide_float_that_32_bits_cannot_hold_is_no_weight() {
        let view = |dtype, bytes| TensorView::new(dtype, vec![2], bytes).unwrap();
        let wide: Vec<u8> = [1.0f64, 1e300].iter().flat_map(|x| x.to_le_bytes()).collect();
        let half: Vec<u8> = [f16::ONE, f16::NAN].iter().flat_map(|x| x.to_le_bytes()).collect();
        for (view, found) in [(view(Dtype::F64, &wide), "inf"), (view(Dtype::F16, &half), "NaN")] {
            let bytes = safetensors::serialize([("w", view)], None).unwrap();
            let error = from_safetensors(&bytes).unwrap_err().to_string();
            assert!(error.starts_with(&format!("w is {found} at [1]")), "{error}");
        }
    }
}
