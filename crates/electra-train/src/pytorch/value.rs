//! The values of a pickle of tensors: what torch.save writes of a `state_dict`, and no more.

/// The place of a value among the values of its pickle. Values refer to each other by it, so that one that is
/// shared, or that holds itself, costs no more than any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ValueId(pub(super) u32);

/// A value of a pickle.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// `None`, and numbers with a point, which say nothing of a tensor.
    Nothing,
    Bool(bool),
    Int(i64),
    /// An integer of more than 64 bits, in little-endian bytes.
    Long(Vec<u8>),
    Text(String),
    Tuple(Vec<ValueId>),
    List(Vec<ValueId>),
    /// Of a key that is there twice the later value counts.
    Dict(Vec<(ValueId, ValueId)>),
    Global(Global),
    Storage(StorageRef),
    Tensor(TensorRef),
}

impl Value {
    /// The value in words.
    pub(super) fn in_words(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing (None, or a number with a point)",
            Self::Bool(_) => "a truth value",
            Self::Int(_) | Self::Long(_) => "a number",
            Self::Text(_) => "a text",
            Self::Tuple(_) => "a tuple",
            Self::List(_) => "a list",
            Self::Dict(_) => "a dict",
            Self::Global(_) => "a function or a class",
            Self::Storage(_) => "a storage",
            Self::Tensor(_) => "a tensor",
        }
    }
}

/// The functions and classes that the pickle of a state dict names. There are no others: a pickle that names one is
/// refused where it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Global {
    /// `collections.OrderedDict`
    OrderedDict,
    /// `torch._utils._rebuild_tensor_v2`, and `_rebuild_tensor` of the years before.
    RebuildTensor,
    /// `torch._utils._rebuild_parameter`
    RebuildParameter,
    /// `torch.FloatStorage` and the like.
    Storage(ElementType),
}

impl Global {
    pub(super) fn of(module: &str, name: &str) -> Option<Self> {
        match (module, name) {
            ("collections", "OrderedDict") => Some(Self::OrderedDict),
            ("torch._utils", "_rebuild_tensor_v2" | "_rebuild_tensor") => Some(Self::RebuildTensor),
            ("torch._utils", "_rebuild_parameter") => Some(Self::RebuildParameter),
            ("torch" | "torch.cuda", _) => {
                let found = ElementType::ALL.into_iter().find(|element| element.storage() == name);
                found.map(Self::Storage)
            }
            _ => None,
        }
    }
}

/// The type of the elements of a storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ElementType {
    F64,
    F32,
    F16,
    Bf16,
    I64,
    I32,
    I16,
    I8,
    U8,
    Bool,
}

impl ElementType {
    const ALL: [Self; 10] = [
        Self::F64,
        Self::F32,
        Self::F16,
        Self::Bf16,
        Self::I64,
        Self::I32,
        Self::I16,
        Self::I8,
        Self::U8,
        Self::Bool,
    ];

    /// torch's name of the class.
    pub(super) fn storage(self) -> &'static str {
        match self {
            Self::F64 => "DoubleStorage",
            Self::F32 => "FloatStorage",
            Self::F16 => "HalfStorage",
            Self::Bf16 => "BFloat16Storage",
            Self::I64 => "LongStorage",
            Self::I32 => "IntStorage",
            Self::I16 => "ShortStorage",
            Self::I8 => "CharStorage",
            Self::U8 => "ByteStorage",
            Self::Bool => "BoolStorage",
        }
    }

    /// Bytes of an element.
    pub(super) fn bytes(self) -> u64 {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::Bf16 | Self::I16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }
}

/// A storage as a pickle names it: the numbers are elsewhere in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StorageRef {
    /// The text by which the file has it.
    pub(super) key: ValueId,
    pub(super) element: ElementType,
    /// Elements of it.
    pub(super) count: u64,
}

/// A tensor: a view of a storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TensorRef {
    pub(super) storage: ValueId,
    /// The element of the storage with which it begins.
    pub(super) offset: u64,
    pub(super) shape: Vec<usize>,
    /// Elements of the storage between neighbours along each axis.
    pub(super) strides: Vec<usize>,
}
