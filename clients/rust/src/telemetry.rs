//! Telemetry logs that survive a cut connection.

use ring::digest::{Context, SHA256};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tonic::transport::Channel;

use crate::Error;
use crate::retry::{Patience, is_transient};
use crate::v1::stream_telemetry_response::Part;
use crate::v1::telemetry_service_client::TelemetryServiceClient;
use crate::v1::{Chunk, StreamDigest, StreamTelemetryRequest, TelemetryHeader, TelemetryTrailer};

/// A log that was received completely.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TelemetryLog {
    /// Header of the first stream.
    pub header: TelemetryHeader,
    /// Trailer of the last one.
    pub trailer: TelemetryTrailer,
    /// SHA-256 of the whole log as it was received; the daemon's own was the same, unless none was asked for.
    pub sha256: [u8; 32],
    /// How many streams it took: more than one if the connection broke.
    pub streams: u32,
}

/// Streams the log that `request` names into `sink`: every byte checked, and taken up where it broke off if the
/// connection breaks after the header. The sink is flushed at the end; on an error forget what was written.
///
/// # Errors
///
/// What the daemon answers; TELEMETRY_GENERATION_CHANGED is worth another call, without `create`: the log changed while
/// it was read. [`Error::Corrupted`] if bytes are not those that were sent, and what `sink` failed with.
pub async fn receive_telemetry(
    mut client: TelemetryServiceClient<Channel>,
    mut request: StreamTelemetryRequest,
    sink: &mut (impl AsyncWrite + Unpin + ?Sized),
) -> Result<TelemetryLog, Error> {
    let mut patience = Patience::default();
    let mut receiver = Receiver::new(sink, request.digest());
    for streams in 1.. {
        let before = receiver.received;
        let error = match receiver.stream(&mut client, request.clone()).await {
            Ok(trailer) => return receiver.finish(trailer, streams).await,
            Err(error) => error,
        };
        // What fails before the header is not repeated: nobody knows whether the drive has captured already.
        let Some(header) = &receiver.header else {
            return Err(error);
        };
        if !is_transient(&error) {
            return Err(error);
        }
        request.create = false;
        request.request_id.clear();
        request.resume_token.clone_from(&header.resume_token);
        request.offset = receiver.received;
        patience.wait(error, receiver.received > before).await?;
    }
    unreachable!("patience ends before numbers do")
}

/// One log as it grows over its streams; the first header binds all that follow.
struct Receiver<'a, Sink: ?Sized> {
    sink: &'a mut Sink,
    digest: StreamDigest,
    header: Option<TelemetryHeader>,
    received: u64,
    whole: Context,
    /// Hash of this stream alone, from `start` on.
    part: Option<Context>,
    start: u64,
}

impl<'a, Sink: AsyncWrite + Unpin + ?Sized> Receiver<'a, Sink> {
    fn new(sink: &'a mut Sink, digest: StreamDigest) -> Self {
        Self { sink, digest, header: None, received: 0, whole: Context::new(&SHA256), part: None, start: 0 }
    }

    /// Receives to the end of a stream.
    async fn stream(
        &mut self,
        client: &mut TelemetryServiceClient<Channel>,
        request: StreamTelemetryRequest,
    ) -> Result<Option<TelemetryTrailer>, Error> {
        self.part = None;
        let mut stream = client.stream_telemetry(request).await?.into_inner();
        let mut trailer = None;
        while let Some(response) = stream.message().await? {
            match response.part {
                Some(Part::Header(header)) => self.begin(header)?,
                Some(Part::Chunk(chunk)) => self.append(&chunk).await?,
                Some(Part::Trailer(last)) => trailer = Some(last),
                None => (),
            }
        }
        Ok(trailer)
    }

    /// Starts a stream where the one before ended.
    fn begin(&mut self, header: TelemetryHeader) -> Result<(), Error> {
        if header.start_offset != self.received {
            return corrupted(format!("the stream starts at {}, {} was asked for", header.start_offset, self.received));
        }
        if !is_same_log(self.header.get_or_insert_with(|| header.clone()), &header) {
            return corrupted("the resumed stream is of another log");
        }
        self.part = Some(Context::new(&SHA256));
        self.start = self.received;
        Ok(())
    }

    /// Checks and passes on the next bytes.
    async fn append(&mut self, chunk: &Chunk) -> Result<(), Error> {
        let Some(part) = &mut self.part else {
            return corrupted("a chunk came before the header");
        };
        if chunk.offset != self.received {
            return corrupted(format!("a chunk starts at {}, {} was due", chunk.offset, self.received));
        }
        if crc32fast::hash(&chunk.data) != chunk.crc32 {
            return corrupted(format!("the chunk at {} does not match its CRC-32", chunk.offset));
        }
        self.whole.update(&chunk.data);
        part.update(&chunk.data);
        self.sink.write_all(&chunk.data).await?;
        self.received += chunk.data.len() as u64;
        Ok(())
    }

    /// Compares what was received with what the trailer says was sent.
    async fn finish(self, trailer: Option<TelemetryTrailer>, streams: u32) -> Result<TelemetryLog, Error> {
        let (Some(header), Some(part), Some(trailer)) = (self.header, self.part, trailer) else {
            return corrupted("the stream ended without a trailer");
        };
        if self.received != header.total_bytes || self.received != trailer.total_bytes {
            return corrupted(format!("{} of {} bytes arrived", self.received, trailer.total_bytes));
        }
        if trailer.generation_number != header.generation_number {
            return corrupted(format!("the trailer is of generation {}", trailer.generation_number));
        }
        let whole = self.whole.finish();
        let from = trailer.hash_covers_from_offset;
        let covered = match from {
            0 => Some(whole),
            _ if from == self.start => Some(part.finish()),
            _ => None,
        };
        let proven = match trailer.digest() {
            StreamDigest::None => self.digest == StreamDigest::None,
            _ => covered.is_some_and(|sum| sum.as_ref() == trailer.sha256),
        };
        if !proven {
            return corrupted(format!("the bytes from {from} on do not match their SHA-256"));
        }
        self.sink.flush().await?;
        let sha256 = whole.as_ref().try_into().expect("SHA-256 has 32 bytes");
        Ok(TelemetryLog { header, trailer, sha256, streams })
    }
}

fn corrupted<T>(text: impl Into<String>) -> Result<T, Error> {
    Err(Error::Corrupted(text.into()))
}

fn is_same_log(one: &TelemetryHeader, other: &TelemetryHeader) -> bool {
    let key =
        |header: &TelemetryHeader| (header.source, header.data_area, header.total_bytes, header.generation_number);
    one.controller == other.controller && key(one) == key(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &[u8] = b"0123456789abcdef";

    fn header(start_offset: u64) -> TelemetryHeader {
        TelemetryHeader {
            controller: "controllers/a-1".to_owned(),
            total_bytes: LOG.len() as u64,
            generation_number: 7,
            start_offset,
            ..Default::default()
        }
    }

    fn chunk(from: usize, to: usize) -> Chunk {
        let data = LOG[from..to].to_vec();
        Chunk { offset: from as u64, crc32: crc32fast::hash(&data), data }
    }

    fn trailer(hash_covers_from_offset: u64) -> TelemetryTrailer {
        let covered = &LOG[hash_covers_from_offset as usize..];
        TelemetryTrailer {
            total_bytes: LOG.len() as u64,
            generation_number: 7,
            sha256: ring::digest::digest(&SHA256, covered).as_ref().to_vec(),
            hash_covers_from_offset,
            ..Default::default()
        }
    }

    /// A log that broke off after 10 bytes, and what the trailer of its second stream makes of it.
    async fn resumed(trailer: Option<TelemetryTrailer>) -> Result<Vec<u8>, Error> {
        resumed_asking(StreamDigest::Sha256, trailer).await
    }

    async fn resumed_asking(digest: StreamDigest, trailer: Option<TelemetryTrailer>) -> Result<Vec<u8>, Error> {
        let mut sink = Vec::new();
        let mut receiver = Receiver::new(&mut sink, digest);
        receiver.begin(header(0))?;
        receiver.append(&chunk(0, 10)).await?;
        receiver.begin(header(10))?;
        receiver.append(&chunk(10, LOG.len())).await?;
        receiver.finish(trailer, 2).await?;
        Ok(sink)
    }

    #[tokio::test]
    async fn a_log_is_whole_by_the_hash_of_all_or_of_its_last_stream() {
        assert_eq!(resumed(Some(trailer(0))).await.unwrap(), LOG);
        assert_eq!(resumed(Some(trailer(10))).await.unwrap(), LOG);
    }

    #[tokio::test]
    async fn a_trailer_without_a_digest_proves_a_log_that_asked_for_none() {
        let without = TelemetryTrailer { sha256: Vec::new(), digest: StreamDigest::None as i32, ..trailer(0) };
        assert_eq!(resumed_asking(StreamDigest::None, Some(without.clone())).await.unwrap(), LOG);
        assert!(matches!(resumed(Some(without)).await, Err(Error::Corrupted(_))));
        // A daemon that knows no choice hashes.
        assert_eq!(resumed_asking(StreamDigest::None, Some(trailer(10))).await.unwrap(), LOG);
    }

    #[tokio::test]
    async fn a_trailer_that_says_otherwise_is_refused() {
        let wrong = [
            None,
            Some(trailer(5)),
            Some(TelemetryTrailer { total_bytes: 15, ..trailer(0) }),
            Some(TelemetryTrailer { generation_number: 8, ..trailer(0) }),
            Some(TelemetryTrailer { sha256: vec![0; 32], ..trailer(0) }),
        ];
        for trailer in wrong {
            assert!(matches!(resumed(trailer).await, Err(Error::Corrupted(_))));
        }
    }

    #[tokio::test]
    async fn damage_and_gaps_are_refused_and_nothing_is_passed_on() {
        let damaged = Chunk { data: b"x".to_vec(), ..chunk(0, 1) };
        for wrong in [chunk(1, 2), damaged] {
            let mut sink = Vec::new();
            let mut receiver = Receiver::new(&mut sink, StreamDigest::Sha256);
            assert!(receiver.append(&chunk(0, 1)).await.is_err(), "before the header");
            receiver.begin(header(0)).unwrap();
            assert!(matches!(receiver.append(&wrong).await, Err(Error::Corrupted(_))));
            assert!(sink.is_empty());
        }
    }

    #[test]
    fn a_stream_of_another_log_or_place_is_refused() {
        let others = [
            TelemetryHeader { generation_number: 8, ..header(0) },
            TelemetryHeader { controller: "controllers/b-1".to_owned(), ..header(0) },
            header(1),
        ];
        for other in others {
            let mut sink = Vec::new();
            let mut receiver = Receiver::new(&mut sink, StreamDigest::Sha256);
            receiver.begin(header(0)).unwrap();
            assert!(matches!(receiver.begin(other), Err(Error::Corrupted(_))));
        }
    }
}
