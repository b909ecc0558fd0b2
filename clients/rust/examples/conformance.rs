//! The scenario of clients/conformance, which says what each step does: prints what each found.

use std::env;
use std::process::ExitCode;

use nvmed::google::longrunning::Operation;
use nvmed::google::longrunning::operations_client::OperationsClient;
use nvmed::v1::admin_service_client::AdminServiceClient;
use nvmed::v1::event::Detail;
use nvmed::v1::event_service_client::EventServiceClient;
use nvmed::v1::firmware_service_client::FirmwareServiceClient;
use nvmed::v1::inventory_service_client::InventoryServiceClient;
use nvmed::v1::log_service_client::LogServiceClient;
use nvmed::v1::telemetry_service_client::TelemetryServiceClient;
use nvmed::v1::watch_events_response::Part;
use nvmed::v1::{
    EventKind, FirmwarePreconditions, GetControllerRequest, GetServerInfoRequest, ListControllersRequest,
    ReadLogPageRequest, StageFirmwareRequest, StageFirmwareResponse, StreamTelemetryRequest, TelemetrySource,
    UploadHeader, WatchEventsRequest,
};
use nvmed::{Error, EventWatch, Failure, Tls, connect, receive_telemetry, upload_image, wait};
use tokio::fs::{self, File};
use tonic::transport::Channel;

/// So many captures `resume-events` waits for.
const CAPTURES: usize = 3;

/// What a step found.
type Facts = Vec<(&'static str, String)>;

/// What a step found, or why it found nothing.
type Found = Result<Facts, Box<dyn std::error::Error>>;

/// What steps leave to those after them.
struct Scenario {
    tls: Tls,
    channel: Channel,
    controller: String,
    image: String,
    events: Option<EventWatch>,
    operation: Operation,
}

#[tokio::main]
async fn main() -> ExitCode {
    let tls = Tls::new(variable("NVMED_CA")).identity(variable("NVMED_CERT"), variable("NVMED_KEY"));
    let channel = connect(&variable("NVMED_ADDRESS"), Some(&tls)).await.expect("the driver's files are good");
    let mut scenario = Scenario {
        tls,
        channel,
        controller: String::new(),
        image: String::new(),
        events: None,
        operation: Operation::default(),
    };
    /// Each step in its turn; the first that fails ends the program.
    macro_rules! go {
        ($($name:literal => $step:ident),* $(,)?) => {
            $(match scenario.$step().await {
                Ok(facts) => {
                    let facts: String = facts.iter().map(|(name, value)| format!(" {name}={value}")).collect();
                    println!("ok {}{facts}", $name);
                }
                Err(error) => {
                    println!("failed {}: {error}", $name);
                    return ExitCode::FAILURE;
                }
            })*
        };
    }
    go! {
        "connect" => connect,
        "refuse-anonymous" => refuse_anonymous,
        "list-controllers" => list_controllers,
        "receive-telemetry" => receive_telemetry,
        "refuse-damage" => refuse_damage,
        "watch-events" => watch_events,
        "resume-events" => resume_events,
        "events-gap" => events_gap,
        "upload-image" => upload_image,
        "stage-image" => stage_image,
        "repeat-request" => repeat_request,
        "error-request-reused" => error_request_reused,
        "wait-operation" => wait_operation,
        "error-not-found" => error_not_found,
        "error-bad-field" => error_bad_field,
        "error-nvme-status" => error_nvme_status,
        "error-operation" => error_operation,
    }
    ExitCode::SUCCESS
}

impl Scenario {
    async fn connect(&mut self) -> Found {
        let info = AdminServiceClient::new(self.channel.clone()).get_server_info(GetServerInfoRequest {}).await?;
        Ok(vec![("principal", info.into_inner().principal)])
    }

    async fn refuse_anonymous(&mut self) -> Found {
        let channel = connect(&variable("NVMED_ADDRESS"), Some(&Tls::new(variable("NVMED_CA")))).await?;
        let answer = AdminServiceClient::new(channel).get_server_info(GetServerInfoRequest {}).await;
        Ok(vec![("code", code(&failure_of(answer)?))])
    }

    async fn list_controllers(&mut self) -> Found {
        let mut client = InventoryServiceClient::new(self.channel.clone());
        let mut request = ListControllersRequest { page_size: 1, ..Default::default() };
        let mut names = Vec::new();
        loop {
            let page = client.list_controllers(request.clone()).await?.into_inner();
            names.extend(page.controllers.into_iter().map(|controller| controller.name));
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        self.controller.clone_from(names.first().ok_or("the host has no controller")?);
        Ok(vec![("names", names.join(","))])
    }

    fn telemetry(&self) -> StreamTelemetryRequest {
        StreamTelemetryRequest {
            controller: self.controller.clone(),
            source: TelemetrySource::Host.into(),
            ..Default::default()
        }
    }

    async fn receive_telemetry(&mut self) -> Found {
        let request = StreamTelemetryRequest { create: true, ..self.telemetry() };
        let mut file = File::create(variable("NVMED_TELEMETRY")).await?;
        let log = receive_telemetry(TelemetryServiceClient::new(self.channel.clone()), request, &mut file).await?;
        let sha256 = log.sha256.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(vec![
            ("streams", log.streams.to_string()),
            ("generation", log.trailer.generation_number.to_string()),
            ("sha256", sha256),
        ])
    }

    async fn refuse_damage(&mut self) -> Found {
        let client = TelemetryServiceClient::new(self.line("NVMED_DAMAGING_ADDRESS").await?);
        let mut received = Vec::new();
        match receive_telemetry(client, self.telemetry(), &mut received).await {
            Err(Error::Corrupted(_)) => (),
            Err(error) => return Err(error.into()),
            Ok(_) => return Err("damage was not found".into()),
        }
        fs::write(variable("NVMED_DAMAGED"), &received).await?;
        Ok(vec![("bytes", received.len().to_string())])
    }

    async fn watch_events(&mut self) -> Found {
        let client = EventServiceClient::new(self.line("NVMED_EVENTS_ADDRESS").await?);
        let kinds = vec![EventKind::CaptureFinished.into()];
        let mut events = EventWatch::new(client, WatchEventsRequest { kinds, ..Default::default() });
        let part = match events.message().await?.and_then(|message| message.part) {
            Some(Part::Heartbeat(_)) => "heartbeat".to_owned(),
            other => format!("{other:?}"),
        };
        self.events = Some(events);
        Ok(vec![("part", part)])
    }

    async fn resume_events(&mut self) -> Found {
        let mut events = self.events.take().ok_or("there is no stream")?;
        let (mut sequences, mut captures) = (Vec::new(), Vec::new());
        while captures.len() < CAPTURES {
            match events.message().await?.ok_or("the stream ended")?.part {
                Some(Part::Event(event)) => {
                    sequences.push(event.sequence.to_string());
                    if let Some(Detail::CaptureFinished(detail)) = event.detail {
                        captures.push(detail.capture);
                    }
                }
                Some(Part::Dropped(_)) => return Err("events are missing".into()),
                _ => (),
            }
        }
        Ok(vec![("sequences", sequences.join(",")), ("captures", captures.join(","))])
    }

    async fn events_gap(&mut self) -> Found {
        let request = WatchEventsRequest {
            resume_token: variable("NVMED_EVENTS_TOKEN"),
            include_snapshot: true,
            ..Default::default()
        };
        let mut events = EventWatch::new(EventServiceClient::new(self.channel.clone()), request);
        let (mut dropped, mut controllers) = (Vec::new(), Vec::new());
        loop {
            match events.message().await?.ok_or("the stream ended")?.part {
                Some(Part::Dropped(gap)) => dropped.push(gap.count.to_string()),
                Some(Part::Event(event)) => {
                    if let Some(Detail::ControllerState(controller)) = event.detail {
                        controllers.push(controller.name);
                    }
                }
                Some(Part::SnapshotEnd(_)) => break,
                _ => (),
            }
        }
        Ok(vec![("dropped", dropped.join(",")), ("controllers", controllers.join(","))])
    }

    async fn upload_image(&mut self) -> Found {
        let client = FirmwareServiceClient::new(self.line("NVMED_UPLOAD_ADDRESS").await?);
        let mut file = File::open(variable("NVMED_IMAGE")).await?;
        let header = UploadHeader { firmware_revision: variable("NVMED_IMAGE_REVISION"), ..Default::default() };
        self.image = upload_image(client, header, &mut file).await?.name;
        Ok(vec![("image", self.image.clone())])
    }

    fn staging(&self) -> StageFirmwareRequest {
        StageFirmwareRequest {
            controllers: vec![self.controller.clone()],
            image: self.image.clone(),
            ..Default::default()
        }
    }

    async fn stage(&self, request: StageFirmwareRequest) -> Result<Operation, tonic::Status> {
        let answer = FirmwareServiceClient::new(self.channel.clone()).stage_firmware(request).await?;
        Ok(answer.into_inner())
    }

    async fn stage_image(&mut self) -> Found {
        let request = StageFirmwareRequest { request_id: variable("NVMED_REQUEST_ID"), ..self.staging() };
        self.operation = self.stage(request).await?;
        Ok(vec![("operation", self.operation.name.clone())])
    }

    async fn repeat_request(&mut self) -> Found {
        let request = StageFirmwareRequest { request_id: variable("NVMED_REQUEST_ID"), ..self.staging() };
        Ok(vec![("operation", self.stage(request).await?.name)])
    }

    async fn error_request_reused(&mut self) -> Found {
        let request_id = variable("NVMED_REQUEST_ID");
        let another = StageFirmwareRequest { request_id, max_concurrency: 2, ..self.staging() };
        Ok(described(&failure_of(self.stage(another).await)?))
    }

    async fn wait_operation(&mut self) -> Found {
        let client = OperationsClient::new(self.line("NVMED_OPERATIONS_ADDRESS").await?);
        let staged: StageFirmwareResponse = wait(client, self.operation.clone()).await?;
        let [drive] = staged.drives.as_slice() else {
            return Err(format!("{} drives were staged", staged.drives.len()).into());
        };
        Ok(vec![
            ("outcome", drive.outcome.to_string()),
            ("slot", drive.slot.to_string()),
            ("revision", drive.slot_revision.clone()),
        ])
    }

    async fn error_not_found(&mut self) -> Found {
        let mut client = InventoryServiceClient::new(self.channel.clone());
        let request = GetControllerRequest { name: "controllers/none-1".to_owned() };
        let failure = failure_of(client.get_controller(request).await)?;
        let name = failure.metadata.get("name").cloned().unwrap_or_default();
        Ok([described(&failure), vec![("name", name)]].concat())
    }

    async fn error_bad_field(&mut self) -> Found {
        let client = TelemetryServiceClient::new(self.channel.clone());
        let request = StreamTelemetryRequest { chunk_bytes: 1000, ..self.telemetry() };
        let answer = receive_telemetry(client, request, &mut tokio::io::sink()).await;
        let failure = failure_of(answer)?;
        let fields: Vec<&str> = failure.fields.iter().map(|violation| violation.field.as_str()).collect();
        Ok([described(&failure), vec![("fields", fields.join(","))]].concat())
    }

    async fn error_nvme_status(&mut self) -> Found {
        let mut client = LogServiceClient::new(self.channel.clone());
        let request = ReadLogPageRequest {
            controller: self.controller.clone(),
            log_page: Some(0xBF),
            length_bytes: 512,
            ..Default::default()
        };
        let answer = async {
            let mut stream = client.read_log_page(request).await?.into_inner();
            while stream.message().await?.is_some() {}
            Ok::<_, tonic::Status>(())
        };
        let failure = failure_of(answer.await)?;
        let status = failure.nvme.clone().ok_or("no drive has answered")?;
        let facts = vec![
            ("sct", status.status_code_type.to_string()),
            ("sc", status.status_code.to_string()),
            ("opcode", status.opcode.to_string()),
        ];
        Ok([described(&failure), facts].concat())
    }

    async fn error_operation(&mut self) -> Found {
        let preconditions = FirmwarePreconditions { model_number: "ANOTHER_MODEL".to_owned(), ..Default::default() };
        let request = StageFirmwareRequest { preconditions: Some(preconditions), ..self.staging() };
        let operation = self.stage(request).await?;
        let name = operation.name.clone();
        let answer = wait::<StageFirmwareResponse>(OperationsClient::new(self.channel.clone()), operation).await;
        let failure = failure_of(answer)?;
        let gates: Vec<&str> = failure.gates.iter().map(|gate| gate.r#type.as_str()).collect();
        Ok(vec![
            ("operation", name),
            ("code", code(&failure)),
            ("reason", failure.reason.clone()),
            ("remedy", one_word(&failure.remedy)),
            ("gates", gates.join(",")),
        ])
    }

    /// A connection of its own over another line.
    async fn line(&self, name: &str) -> Result<Channel, Error> {
        connect(&variable(name), Some(&self.tls)).await
    }
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("the environment has no {name}"))
}

/// What a call fails with.
fn failure_of<T>(answer: Result<T, impl Into<Error>>) -> Result<Failure, Box<dyn std::error::Error>> {
    match answer.map_err(Into::into) {
        Ok(_) => Err("the call did not fail".into()),
        Err(Error::Failed(failure)) => Ok(*failure),
        Err(error) => Err(error.into()),
    }
}

/// What every failed call has.
fn described(failure: &Failure) -> Facts {
    vec![
        ("code", code(failure)),
        ("reason", failure.reason.clone()),
        ("request_id", failure.request_id.clone()),
        ("remedy", one_word(&failure.remedy)),
    ]
}

fn code(failure: &Failure) -> String {
    (failure.code as i32).to_string()
}

/// A text as a value of a report, which has no blanks.
fn one_word(text: &str) -> String {
    text.replace(' ', "_")
}
