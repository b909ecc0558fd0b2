//! Uploads of firmware images.

use std::io::SeekFrom;

use ring::digest::{Context, SHA256};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeek, AsyncSeekExt};
use tokio::sync::mpsc::{Sender, channel};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::Channel;

use crate::Error;
use crate::retry::{Patience, is_transient};
use crate::v1::firmware_service_client::FirmwareServiceClient;
use crate::v1::upload_image_request::Part;
use crate::v1::upload_image_response::Part as Answer;
use crate::v1::{Chunk, Image, UploadFinish, UploadHeader, UploadImageRequest, UploadImageResponse, UploadReady};

/// Size of a chunk, unless the daemon takes less.
const CHUNK_BYTES: usize = 512 << 10;

/// Messages between what reads the image and what sends it.
const QUEUE: usize = 2;

/// Puts `image` into the host's spool, with `header`'s revision, model and labels; its SHA-256 and size are filled in,
/// because the hash is the image's name: a daemon that has it already answers at once. A connection that breaks is made
/// again, and the upload goes on from what the daemon has on disk.
///
/// # Errors
///
/// What the daemon answers, and what `image` fails with.
pub async fn upload_image(
    mut client: FirmwareServiceClient<Channel>,
    mut header: UploadHeader,
    image: &mut (impl AsyncRead + AsyncSeek + Unpin + ?Sized),
) -> Result<Image, Error> {
    (header.sha256, header.size_bytes) = hash(image).await?;
    let mut patience = Patience::default();
    let mut committed = 0;
    loop {
        let before = committed;
        let error = match upload(&mut client, &header, image, &mut committed).await {
            Ok(done) => return Ok(done),
            Err(error) if is_transient(&error) || may_be_sent_again(&error) => error,
            Err(error) => return Err(error),
        };
        patience.wait(error, committed > before).await?;
    }
}

/// Whether the daemon has not noticed yet that the call before is gone, or a chunk was damaged on its way.
fn may_be_sent_again(error: &Error) -> bool {
    let reason = error.failure().map_or("", |failure| &failure.reason);
    ["UPLOAD_BUSY", "TRANSFER_CORRUPTED"].contains(&reason)
}

async fn hash(image: &mut (impl AsyncRead + AsyncSeek + Unpin + ?Sized)) -> Result<(Vec<u8>, u64), Error> {
    let (mut sum, mut size, mut buffer) = (Context::new(&SHA256), 0, vec![0; CHUNK_BYTES]);
    image.rewind().await?;
    loop {
        match image.read(&mut buffer).await? {
            0 => return Ok((sum.finish().as_ref().to_vec(), size)),
            count => {
                sum.update(&buffer[..count]);
                size += count as u64;
            }
        }
    }
}

/// One call; `committed` becomes what the daemon says to have on disk when it begins.
async fn upload(
    client: &mut FirmwareServiceClient<Channel>,
    header: &UploadHeader,
    image: &mut (impl AsyncRead + AsyncSeek + Unpin + ?Sized),
    committed: &mut u64,
) -> Result<Image, Error> {
    let (requests, queue) = channel(QUEUE);
    let first = UploadImageRequest { part: Some(Part::Header(header.clone())) };
    requests.send(first).await.expect("the queue is this function's own");
    let mut answers = client.upload_image(ReceiverStream::new(queue)).await?.into_inner();
    match answers.message().await?.and_then(|answer| answer.part) {
        Some(Answer::Ready(ready)) => {
            *committed = ready.committed_bytes;
            // A daemon that has heard enough ends the call, and then what is sent has nowhere to go.
            let (done, ()) = tokio::try_join!(result(&mut answers), send(requests, header, image, &ready))?;
            Ok(done)
        }
        Some(Answer::Image(done)) => {
            drop(requests);
            while answers.message().await?.is_some() {} // up to the end, or the daemon would call it cancelled
            Ok(done)
        }
        _ => Err(Error::Corrupted("the daemon did not say where the upload goes on".to_owned())),
    }
}

/// Sends what the daemon does not have, and the end; ends quietly if the call does, whose answer says why.
async fn send(
    requests: Sender<UploadImageRequest>,
    header: &UploadHeader,
    image: &mut (impl AsyncRead + AsyncSeek + Unpin + ?Sized),
    ready: &UploadReady,
) -> Result<(), Error> {
    let most = match ready.chunk_bytes_max as usize {
        0 => CHUNK_BYTES,
        limit => limit.min(CHUNK_BYTES),
    };
    let mut offset = ready.committed_bytes;
    image.seek(SeekFrom::Start(offset)).await?;
    while offset < header.size_bytes {
        let mut data = vec![0; most.min(usize::try_from(header.size_bytes - offset).unwrap_or(most))];
        image.read_exact(&mut data).await?;
        let (size, crc32) = (data.len() as u64, crc32fast::hash(&data));
        let part = Some(Part::Chunk(Chunk { offset, crc32, data }));
        if requests.send(UploadImageRequest { part }).await.is_err() {
            return Ok(());
        }
        offset += size;
    }
    let _ = requests.send(UploadImageRequest { part: Some(Part::Finish(UploadFinish {})) }).await;
    Ok(())
}

/// What the call ends with.
async fn result(answers: &mut Streaming<UploadImageResponse>) -> Result<Image, Error> {
    let mut image = None;
    while let Some(answer) = answers.message().await? {
        if let Some(Answer::Image(done)) = answer.part {
            image = Some(done);
        }
    }
    image.ok_or_else(|| Error::Corrupted("the daemon ended the upload without an answer".to_owned()))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    const SIZE: usize = CHUNK_BYTES + 1;

    async fn sent(image: &mut Cursor<Vec<u8>>, ready: UploadReady) -> Result<Vec<Part>, Error> {
        let header = UploadHeader { size_bytes: SIZE as u64, ..Default::default() };
        let (requests, mut queue) = channel(16);
        send(requests, &header, image, &ready).await?;
        let mut parts = Vec::new();
        while let Some(request) = queue.recv().await {
            parts.extend(request.part);
        }
        Ok(parts)
    }

    fn places(parts: &[Part]) -> Vec<(u64, usize)> {
        let place = |part: &Part| match part {
            Part::Chunk(chunk) => {
                assert_eq!(crc32fast::hash(&chunk.data), chunk.crc32);
                Some((chunk.offset, chunk.data.len()))
            }
            _ => None,
        };
        parts.iter().filter_map(place).collect()
    }

    #[tokio::test]
    async fn an_image_is_known_by_its_hash_and_size() {
        let (sha256, size) = hash(&mut Cursor::new(vec![7; SIZE])).await.unwrap();
        assert_eq!(size, SIZE as u64);
        assert_eq!(sha256, ring::digest::digest(&SHA256, &vec![7; SIZE]).as_ref());
    }

    #[tokio::test]
    async fn what_the_daemon_has_is_not_sent_again() {
        let mut image = Cursor::new(vec![7; SIZE]);
        let all = sent(&mut image, UploadReady::default()).await.unwrap();
        assert_eq!(places(&all), [(0, CHUNK_BYTES), (CHUNK_BYTES as u64, 1)]);
        assert!(matches!(all.last(), Some(Part::Finish(_))));
        let ready = UploadReady { committed_bytes: SIZE as u64 - 5, chunk_bytes_max: 4, ..Default::default() };
        let rest = sent(&mut image, ready).await.unwrap();
        assert_eq!(places(&rest), [(SIZE as u64 - 5, 4), (SIZE as u64 - 1, 1)]);
    }

    #[tokio::test]
    async fn an_image_that_became_shorter_is_refused() {
        let short = sent(&mut Cursor::new(vec![7; SIZE - 1]), UploadReady::default()).await;
        assert!(matches!(short, Err(Error::Io(_))));
    }
}
