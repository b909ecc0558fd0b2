//! Calls and operations that failed, with everything that the daemon says about them.

use std::collections::HashMap;
use std::error::Error as _;
use std::time::Duration;
use std::{fmt, io};

use prost::{DecodeError, Message, Name};
use prost_types::Any;
use tonic::{Code, TimeoutExpired};

use crate::google::rpc;
use crate::v1;

/// The google.rpc.ErrorInfo domain of the daemon's errors.
pub const DOMAIN: &str = "nvmed.dev";

/// What went wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A call or an operation failed.
    Failed(Box<Failure>),
    /// What arrived is not what was sent.
    Corrupted(String),
    /// An address or a file of TLS is not usable.
    Configuration(String),
    /// The caller's own reader or writer failed.
    Io(io::Error),
}

impl Error {
    /// What the daemon says, or gRPC in its place; None if it was neither.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed(failure) => Some(failure),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure) => failure.fmt(formatter),
            Self::Corrupted(text) => write!(formatter, "transfer corrupted: {text}"),
            Self::Configuration(text) => formatter.write_str(text),
            Self::Io(failure) => failure.fmt(formatter),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Failed(failure) => Some(failure.as_ref()),
            Self::Io(failure) => Some(failure),
            _ => None,
        }
    }
}

impl From<tonic::Status> for Error {
    fn from(status: tonic::Status) -> Self {
        Self::Failed(Box::new(status.into()))
    }
}

impl From<io::Error> for Error {
    fn from(failure: io::Error) -> Self {
        Self::Io(failure)
    }
}

/// A call or an operation that failed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// gRPC's code.
    pub code: Code,
    pub message: String,
    /// Stable, for programs to branch on: docs/errors.md lists all. Empty if gRPC itself or something on the way failed,
    /// and not the daemon.
    pub reason: String,
    /// The dynamic parts of `message`.
    pub metadata: HashMap<String, String>,
    /// What the daemon's log calls the call.
    pub request_id: String,
    /// The wrong fields of the request.
    pub fields: Vec<rpc::bad_request::FieldViolation>,
    /// The preconditions that do not hold.
    pub gates: Vec<rpc::precondition_failure::Violation>,
    /// What the drive answered, if it was the drive.
    pub nvme: Option<v1::NvmeStatus>,
    /// The system call that failed, if it was the kernel.
    pub os: Option<v1::OsError>,
    /// What to do about it, for people; empty if the daemon does not say.
    pub remedy: String,
    /// How long the daemon asks to wait before another try.
    pub retry_delay: Option<Duration>,
}

impl Failure {
    fn new(code: Code, message: &str) -> Self {
        Self {
            code,
            message: message.to_owned(),
            reason: String::new(),
            metadata: HashMap::new(),
            request_id: String::new(),
            fields: Vec::new(),
            gates: Vec::new(),
            nvme: None,
            os: None,
            remedy: String::new(),
            retry_delay: None,
        }
    }

    /// Adds what a detail says; one of another type, or a damaged one, is left alone.
    fn read(&mut self, detail: &Any) -> Result<(), DecodeError> {
        let bytes = detail.value.as_slice();
        match detail.type_url.rsplit('/').next().unwrap_or_default() {
            name if name == rpc::ErrorInfo::full_name() => {
                let info = rpc::ErrorInfo::decode(bytes)?;
                if info.domain == DOMAIN {
                    (self.reason, self.metadata) = (info.reason, info.metadata);
                }
            }
            name if name == rpc::RequestInfo::full_name() => {
                self.request_id = rpc::RequestInfo::decode(bytes)?.request_id;
            }
            name if name == rpc::BadRequest::full_name() => {
                self.fields = rpc::BadRequest::decode(bytes)?.field_violations;
            }
            name if name == rpc::PreconditionFailure::full_name() => {
                self.gates = rpc::PreconditionFailure::decode(bytes)?.violations;
            }
            name if name == rpc::Help::full_name() => {
                let links = rpc::Help::decode(bytes)?.links;
                self.remedy = links.into_iter().next().unwrap_or_default().description;
            }
            name if name == rpc::RetryInfo::full_name() => {
                let delay = rpc::RetryInfo::decode(bytes)?.retry_delay;
                self.retry_delay = delay.and_then(|delay| delay.try_into().ok());
            }
            name if name == v1::NvmeStatus::full_name() => self.nvme = Some(v1::NvmeStatus::decode(bytes)?),
            name if name == v1::OsError::full_name() => self.os = Some(v1::OsError::decode(bytes)?),
            _ => (),
        }
        Ok(())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.reason.is_empty() {
            write!(formatter, "{} ({:?})", self.message, self.code)
        } else {
            write!(formatter, "{} ({}, {:?})", self.message, self.reason, self.code)
        }
    }
}

impl std::error::Error for Failure {}

impl From<rpc::Status> for Failure {
    /// The failure that a status says, for example that of an operation.
    fn from(status: rpc::Status) -> Self {
        let mut failure = Self::new(Code::from(status.code), &status.message);
        for detail in &status.details {
            let _ = failure.read(detail);
        }
        failure
    }
}

impl From<tonic::Status> for Failure {
    fn from(status: tonic::Status) -> Self {
        if status.source().is_some() {
            return Self::new(way_code(&status), status.message());
        }
        let details = rpc::Status::decode(status.details()).map(|said| said.details).unwrap_or_default();
        Self::from(rpc::Status { code: status.code() as i32, message: status.message().to_owned(), details })
    }
}

/// The code of what no daemon said: tonic calls a broken connection unknown, cancelled or internal, as it happens to
/// notice it, and a deadline that it keeps by itself cancelled.
fn way_code(status: &tonic::Status) -> Code {
    let mut source = status.source();
    while let Some(cause) = source {
        if cause.is::<TimeoutExpired>() {
            return Code::DeadlineExceeded;
        }
        source = cause.source();
    }
    match status.code() {
        Code::Unknown | Code::Cancelled | Code::Internal => Code::Unavailable,
        code => code,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A status as a daemon sends it.
    pub(crate) fn status(code: Code, details: &[Any]) -> tonic::Status {
        let said = rpc::Status { code: code as i32, message: "no".to_owned(), details: details.to_vec() };
        tonic::Status::with_details(code, "no", said.encode_to_vec().into())
    }

    pub(crate) fn detail<M: Name>(message: &M) -> Any {
        Any::from_msg(message).unwrap()
    }

    pub(crate) fn info(domain: &str, reason: &str) -> Any {
        detail(&rpc::ErrorInfo {
            reason: reason.to_owned(),
            domain: domain.to_owned(),
            metadata: HashMap::from([("slot".to_owned(), "1".to_owned())]),
        })
    }

    #[test]
    fn a_failure_has_everything_that_a_status_says() {
        let details = [
            info(DOMAIN, "GATE_FAILED"),
            detail(&rpc::RequestInfo { request_id: "abc".to_owned(), ..Default::default() }),
            detail(&rpc::BadRequest {
                field_violations: vec![rpc::bad_request::FieldViolation {
                    field: "slot".to_owned(),
                    ..Default::default()
                }],
            }),
            detail(&rpc::PreconditionFailure {
                violations: vec![rpc::precondition_failure::Violation {
                    r#type: "SLOT_WRITABLE".to_owned(),
                    ..Default::default()
                }],
            }),
            detail(&rpc::RetryInfo { retry_delay: Some(prost_types::Duration { seconds: 1, nanos: 500_000_000 }) }),
            detail(&v1::NvmeStatus { status_code: 6, ..Default::default() }),
            detail(&v1::OsError { errno: 5, ..Default::default() }),
            detail(&rpc::Help {
                links: vec![rpc::help::Link { description: "use another slot".to_owned(), url: String::new() }],
            }),
        ];
        let failure = Failure::from(status(Code::FailedPrecondition, &details));
        assert_eq!(failure.code, Code::FailedPrecondition);
        assert_eq!(failure.to_string(), "no (GATE_FAILED, FailedPrecondition)");
        assert_eq!(failure.metadata["slot"], "1");
        assert_eq!(failure.request_id, "abc");
        assert_eq!(failure.fields[0].field, "slot");
        assert_eq!(failure.gates[0].r#type, "SLOT_WRITABLE");
        assert_eq!(failure.retry_delay, Some(Duration::from_millis(1500)));
        assert_eq!(failure.nvme.unwrap().status_code, 6);
        assert_eq!(failure.os.unwrap().errno, 5);
        assert_eq!(failure.remedy, "use another slot");
    }

    #[test]
    fn what_others_say_is_no_reason_of_the_daemons() {
        let failure = Failure::from(status(Code::Unavailable, &[info("example.com", "GATE_FAILED")]));
        assert_eq!(failure.reason, "");
        assert_eq!(failure.to_string(), "no (Unavailable)");
    }

    #[test]
    fn a_damaged_detail_is_left_alone() {
        let mut damaged = info(DOMAIN, "GATE_FAILED");
        damaged.value.truncate(3);
        let failure = Failure::from(status(Code::Unavailable, &[damaged, info(DOMAIN, "DEVICE_GONE")]));
        assert_eq!(failure.reason, "DEVICE_GONE");
    }

    #[test]
    fn a_broken_connection_is_unavailable_whatever_tonic_calls_it() {
        let broken = tonic::Status::from_error(Box::new(io::Error::from(io::ErrorKind::ConnectionReset)));
        assert_eq!(Failure::from(broken).code, Code::Unavailable);
        let late = tonic::Status::from_error(Box::new(TimeoutExpired(())));
        assert_eq!(Failure::from(late).code, Code::DeadlineExceeded);
    }
}
