//! The protocol messages behind each kind of event.

use std::time::{SystemTime, UNIX_EPOCH};

use protobuf::well_known_types::Value as ProtoValue;
use protobuf::{Message, RepeatedField};
use tensorboard_proto::api::{DataType, Experiment, HParamInfo, MetricInfo, MetricName, Status};
use tensorboard_proto::event::{Event, SessionLog, SessionLog_SessionStatus};
use tensorboard_proto::plugin_hparams::{HParamsPluginData, SessionEndInfo, SessionStartInfo};
use tensorboard_proto::summary::{
    HistogramProto, Summary, Summary_Value, SummaryMetadata, SummaryMetadata_PluginData,
};
use tensorboard_proto::tensor::TensorProto;
use tensorboard_proto::tensor_shape::{TensorShapeProto, TensorShapeProto_Dim};

/// The value of a hyperparameter.
#[derive(Clone, Debug, PartialEq)]
pub enum HParam {
    /// A numeric hyperparameter.
    Number(f64),
    /// A hyperparameter that is text.
    Text(String),
    /// A hyperparameter that is on or off.
    Flag(bool),
}

pub(super) fn scalars(step: u64, scalars: &[(impl AsRef<str>, f64)]) -> Event {
    let value = |(tag, number): &(_, f64)| {
        let mut value = tagged(AsRef::<str>::as_ref(tag));
        value.set_simple_value(*number as f32);
        value
    };
    summary(step, scalars.iter().map(value).collect())
}

pub(super) fn histogram(step: u64, tag: &str, histogram: HistogramProto) -> Event {
    let mut value = tagged(tag);
    value.set_histo(histogram);
    summary(step, vec![value])
}

pub(super) fn text(step: u64, tag: &str, markdown: &str) -> Event {
    let mut dim = TensorShapeProto_Dim::new();
    dim.size = 1;
    let mut shape = TensorShapeProto::new();
    shape.dim = RepeatedField::from_vec(vec![dim]);
    let mut tensor = TensorProto::new();
    tensor.dtype = tensorboard_proto::types::DataType::DT_STRING;
    tensor.set_tensor_shape(shape);
    tensor.string_val = RepeatedField::from_vec(vec![markdown.as_bytes().to_vec()]);
    // TensorFlow's own writer adds this to the tag, and TensorBoard takes it off again.
    let mut value = tagged(&format!("{tag}/text_summary"));
    value.set_metadata(plugin("text", Vec::new()));
    value.set_tensor(tensor);
    summary(step, vec![value])
}

/// The two events about hyperparameters: their declaration, then their values in this run.
pub(super) fn hparams(hparams: &[(String, HParam)], metrics: &[&str]) -> [Event; 2] {
    let mut experiment = Experiment::new();
    experiment.time_created_secs = now();
    let mut session = SessionStartInfo::new();
    session.start_time_secs = now();
    for (name, hparam) in hparams {
        let mut info = HParamInfo::new();
        info.name.clone_from(name);
        let mut value = ProtoValue::new();
        info.field_type = match hparam {
            HParam::Number(number) => {
                value.set_number_value(*number);
                DataType::DATA_TYPE_FLOAT64
            }
            HParam::Text(text) => {
                value.set_string_value(text.clone());
                DataType::DATA_TYPE_STRING
            }
            HParam::Flag(flag) => {
                value.set_bool_value(*flag);
                DataType::DATA_TYPE_BOOL
            }
        };
        experiment.hparam_infos.push(info);
        session.hparams.insert(name.clone(), value);
    }
    for metric in metrics {
        let mut name = MetricName::new();
        name.tag = (*metric).to_owned();
        let mut info = MetricInfo::new();
        info.set_name(name);
        experiment.metric_infos.push(info);
    }
    let mut first = HParamsPluginData::new();
    first.set_experiment(experiment);
    let mut second = HParamsPluginData::new();
    second.set_session_start_info(session);
    [plugin_event("_hparams_/experiment", &first), plugin_event("_hparams_/session_start_info", &second)]
}

pub(super) fn session_end(is_success: bool) -> Event {
    let mut info = SessionEndInfo::new();
    info.status = if is_success { Status::STATUS_SUCCESS } else { Status::STATUS_FAILURE };
    info.end_time_secs = now();
    let mut data = HParamsPluginData::new();
    data.set_session_end_info(info);
    plugin_event("_hparams_/session_end_info", &data)
}

/// The first event of every file.
pub(super) fn file_version() -> Event {
    let mut event = Event::new();
    event.wall_time = now();
    event.set_file_version("brain.Event:2".to_owned());
    event
}

/// Makes TensorBoard drop all events of `first_step` and later that it has read before this one.
pub(super) fn session_start(first_step: u64) -> Event {
    let mut log = SessionLog::new();
    log.status = SessionLog_SessionStatus::START;
    let mut event = Event::new();
    event.wall_time = now();
    event.step = first_step.cast_signed();
    event.set_session_log(log);
    event
}

/// The current time, in seconds since the Unix epoch.
pub(super) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

fn plugin_event(tag: &str, data: &HParamsPluginData) -> Event {
    let content = data.write_to_bytes().expect("a message in memory has all its required fields");
    let mut value = tagged(tag);
    value.set_metadata(plugin("hparams", content));
    summary(0, vec![value])
}

fn plugin(name: &str, content: Vec<u8>) -> SummaryMetadata {
    let mut data = SummaryMetadata_PluginData::new();
    data.plugin_name = name.to_owned();
    data.content = content;
    let mut metadata = SummaryMetadata::new();
    metadata.set_plugin_data(data);
    metadata
}

fn tagged(tag: &str) -> Summary_Value {
    let mut value = Summary_Value::new();
    value.tag = tag.to_owned();
    value
}

fn summary(step: u64, values: Vec<Summary_Value>) -> Event {
    let mut summary = Summary::new();
    summary.value = RepeatedField::from_vec(values);
    let mut event = Event::new();
    event.wall_time = now();
    event.step = step.cast_signed();
    event.set_summary(summary);
    event
}
