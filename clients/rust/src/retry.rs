//! When a transfer that broke is taken up again, and after how long.

use std::time::Duration;

use tonic::Code;

use crate::Error;

/// How often in a row a transfer may fail without a byte in between: one over a bad line ends only when it stands still.
const MAX_FAILURES: u32 = 8;
const FIRST_DELAY: Duration = Duration::from_millis(200);
const MAX_DELAY: Duration = Duration::from_secs(5);

/// Whether a transfer may be taken up again after `error`, which says nothing about the request: the way to the daemon
/// broke, it restarts, it is busy, a command was cut off, or it says when to try again. It is for what only reads or is
/// committed piece by piece: of a change that failed, `next_step` of its operation says what to do.
pub(crate) fn is_transient(error: &Error) -> bool {
    let Some(failure) = error.failure() else {
        return false;
    };
    match failure.reason.as_str() {
        "CALL_CANCELLED" | "COMMAND_TIMEOUT" | "NVME_ABORTED" => true,
        "" if failure.code == Code::Cancelled => true,
        _ => failure.code == Code::Unavailable || failure.retry_delay.is_some(),
    }
}

/// The failures in a row of one transfer.
#[derive(Default)]
pub(crate) struct Patience {
    failures: u32,
}

impl Patience {
    /// Pauses after a failure, before the next attempt; gives `error` back if there were enough.
    pub(crate) async fn wait(&mut self, error: Error, progressed: bool) -> Result<(), Error> {
        let Some(delay) = self.delay(&error, progressed) else {
            return Err(error);
        };
        tokio::time::sleep(delay).await;
        Ok(())
    }

    /// How long to wait after one more failure; None if there were enough.
    fn delay(&mut self, error: &Error, progressed: bool) -> Option<Duration> {
        self.failures = if progressed { 1 } else { self.failures + 1 };
        if self.failures >= MAX_FAILURES {
            return None;
        }
        let full = MAX_DELAY.min(FIRST_DELAY * 2u32.pow(self.failures - 1));
        let asked = error.failure().and_then(|failure| failure.retry_delay).unwrap_or_default();
        // Half of it is random, so that many clients of one daemon do not come back at once.
        Some(full.mul_f64(0.5 + fastrand::f64() / 2.0).max(asked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::DOMAIN;
    use crate::error::tests::{detail, info, status};
    use crate::google::rpc::RetryInfo;

    fn delaying(seconds: i64) -> Error {
        let retry_delay = Some(prost_types::Duration { seconds, nanos: 0 });
        status(Code::ResourceExhausted, &[detail(&RetryInfo { retry_delay })]).into()
    }

    #[test]
    fn what_says_nothing_about_the_request_is_transient() {
        for (code, reason, transient) in [
            (Code::Unavailable, "DEVICE_GONE", true),
            (Code::Unavailable, "", true),
            (Code::Cancelled, "", true),
            (Code::Cancelled, "CALL_CANCELLED", true),
            (Code::Cancelled, "OPERATION_CANCELLED", false),
            (Code::DeadlineExceeded, "COMMAND_TIMEOUT", true),
            (Code::DeadlineExceeded, "", false),
            (Code::Aborted, "NVME_ABORTED", true),
            (Code::Aborted, "TELEMETRY_GENERATION_CHANGED", false),
            (Code::FailedPrecondition, "GATE_FAILED", false),
        ] {
            let domain = if reason.is_empty() { "" } else { DOMAIN };
            let error = status(code, &[info(domain, reason)]).into();
            assert_eq!(is_transient(&error), transient, "{code:?} {reason}");
        }
        assert!(is_transient(&delaying(1)));
        assert!(!is_transient(&Error::Corrupted(String::new())));
    }

    #[test]
    fn delays_grow_and_are_never_shorter_than_asked_for() {
        let error = status(Code::Unavailable, &[]).into();
        for (before, least, most) in [(0, 100, 200), (1, 200, 400), (6, 2500, 5000)] {
            let delay = Patience { failures: before }.delay(&error, false).unwrap().as_millis();
            assert!((least..=most).contains(&delay), "{delay} ms after {before} failures");
        }
        let asked = Patience::default().delay(&delaying(60), false);
        assert_eq!(asked, Some(Duration::from_secs(60)));
    }

    #[test]
    fn patience_ends_when_nothing_moves() {
        let mut patience = Patience::default();
        let error = Error::from(status(Code::Unavailable, &[]));
        for _ in 0..2 * MAX_FAILURES {
            assert!(patience.delay(&error, true).is_some());
        }
        for _ in 2..MAX_FAILURES {
            assert!(patience.delay(&error, false).is_some());
        }
        assert_eq!(patience.delay(&error, false), None);
    }
}
