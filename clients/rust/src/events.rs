//! Events, of which none is missed and none is seen twice.

use tonic::Streaming;
use tonic::transport::Channel;

use crate::Error;
use crate::retry::{Patience, is_transient};
use crate::v1::event_service_client::EventServiceClient;
use crate::v1::{WatchEventsRequest, WatchEventsResponse};

/// Messages of WatchEvents across disconnections and restarts of the daemon: a stream that breaks goes on from the last
/// token, and a snapshot that is cut is sent again from its beginning. Where events are missing, because the daemon was
/// started anew or the reader was too slow, a message says so: `Dropped`. Dropping it ends the stream.
pub struct EventWatch {
    client: EventServiceClient<Channel>,
    request: WatchEventsRequest,
    stream: Option<Streaming<WatchEventsResponse>>,
    patience: Patience,
    progressed: bool,
}

impl EventWatch {
    /// Watches for what `request` asks for, from the first call of [`message`](Self::message) on.
    pub fn new(client: EventServiceClient<Channel>, request: WatchEventsRequest) -> Self {
        Self { client, request, stream: None, patience: Patience::default(), progressed: false }
    }

    /// The next message; None if the daemon ended the stream. A future that is dropped loses no message.
    ///
    /// # Errors
    ///
    /// What the daemon answers, unless another try helps.
    pub async fn message(&mut self) -> Result<Option<WatchEventsResponse>, Error> {
        loop {
            match self.receive().await {
                Ok(Some(message)) => {
                    self.progressed = true;
                    if !message.resume_token.is_empty() {
                        self.request.resume_token.clone_from(&message.resume_token);
                    }
                    return Ok(Some(message));
                }
                Err(error) if is_transient(&error) => {
                    self.stream = None;
                    let progressed = std::mem::take(&mut self.progressed);
                    self.patience.wait(error, progressed).await?;
                }
                ended => return ended,
            }
        }
    }

    async fn receive(&mut self) -> Result<Option<WatchEventsResponse>, Error> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => none.insert(self.client.watch_events(self.request.clone()).await?.into_inner()),
        };
        Ok(stream.message().await?)
    }
}
