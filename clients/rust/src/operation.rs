//! Waiting for long-running operations.

use std::time::Duration;

use prost::{DecodeError, Name};
use tonic::transport::Channel;

use crate::Error;
use crate::google::longrunning::operation::Result as Outcome;
use crate::google::longrunning::operations_client::OperationsClient;
use crate::google::longrunning::{Operation, WaitOperationRequest};
use crate::retry::{Patience, is_transient};

/// How long one call asks the daemon to wait.
const AT_A_TIME: Duration = Duration::from_secs(30);

/// Waits until `operation` is done; what it answered, of the type that its method names, for example
/// [`StageFirmwareResponse`](crate::v1::StageFirmwareResponse). A connection that breaks is made again, since the operation
/// goes on without it, as it does when this future is dropped.
///
/// # Errors
///
/// [`Error::Failed`] with what the operation ended with, the same as that of a failed call, and with what the call
/// failed with unless another try helps; [`Error::Corrupted`] if it answered something else.
pub async fn wait<Response: Name + Default>(
    mut client: OperationsClient<Channel>,
    mut operation: Operation,
) -> Result<Response, Error> {
    let mut patience = Patience::default();
    while !operation.done {
        let request = WaitOperationRequest { name: operation.name.clone(), timeout: AT_A_TIME.try_into().ok() };
        match client.wait_operation(request).await.map_err(Error::from) {
            Ok(latest) => {
                operation = latest.into_inner();
                patience = Patience::default();
            }
            Err(error) if is_transient(&error) => patience.wait(error, false).await?,
            Err(error) => return Err(error),
        }
    }
    unpack(operation)
}

fn unpack<Response: Name + Default>(operation: Operation) -> Result<Response, Error> {
    let named = |failure: DecodeError| Error::Corrupted(format!("{}: {failure}", operation.name));
    match operation.result {
        Some(Outcome::Error(status)) => Err(Error::Failed(Box::new(status.into()))),
        Some(Outcome::Response(response)) => response.to_msg().map_err(named),
        None => Err(Error::Corrupted(format!("{} ended with nothing", operation.name))),
    }
}

#[cfg(test)]
mod tests {
    use prost_types::Any;

    use super::*;
    use crate::google::rpc::Status;
    use crate::v1::{ResetControllerResponse, StageFirmwareResponse};

    fn done(result: Option<Outcome>) -> Result<StageFirmwareResponse, Error> {
        unpack(Operation { name: "operations/1".to_owned(), done: true, result, ..Default::default() })
    }

    #[test]
    fn what_an_operation_ended_with_is_unpacked() {
        let answer = StageFirmwareResponse::default();
        assert_eq!(done(Some(Outcome::Response(Any::from_msg(&answer).unwrap()))).unwrap(), answer);
        let failed = done(Some(Outcome::Error(Status { code: 9, ..Default::default() }))).unwrap_err();
        assert_eq!(failed.failure().unwrap().code, tonic::Code::FailedPrecondition);
    }

    #[test]
    fn another_answer_or_none_is_refused() {
        let other = Any::from_msg(&ResetControllerResponse::default()).unwrap();
        for result in [Some(Outcome::Response(other)), None] {
            assert!(matches!(done(result), Err(Error::Corrupted(_))));
        }
    }
}
