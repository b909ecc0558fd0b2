//! Lists the drives of a host and saves a new telemetry log of the first:
//!
//!     example --ca ca.pem --cert me.pem --key me.key --file log.bin storage-7.example.com:4421
//!     example --file log.bin unix:/run/nvmed/nvmed.sock

use std::collections::HashMap;
use std::env;
use std::process::ExitCode;

use nvmed::v1::inventory_service_client::InventoryServiceClient;
use nvmed::v1::telemetry_service_client::TelemetryServiceClient;
use nvmed::v1::{Controller, ListControllersRequest, StreamTelemetryRequest, TelemetrySource};
use nvmed::{Error, Tls, connect, receive_telemetry};
use tokio::fs::File;
use tonic::transport::Channel;

const USAGE: &str = "usage: example [--ca FILE --cert FILE --key FILE] --file FILE ADDRESS";

#[tokio::main]
async fn main() -> ExitCode {
    let Some((options, address)) = parse(env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(&options, &address).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            if let Some(failure) = error.failure().filter(|failure| !failure.remedy.is_empty()) {
                eprintln!("{}", failure.remedy);
            }
            ExitCode::FAILURE
        }
    }
}

/// Options by their names, and the address.
fn parse(mut arguments: impl Iterator<Item = String>) -> Option<(HashMap<String, String>, String)> {
    let mut options = HashMap::new();
    loop {
        let argument = arguments.next()?;
        let Some(name) = argument.strip_prefix("--") else {
            return (options.contains_key("file") && arguments.next().is_none()).then_some((options, argument));
        };
        options.insert(name.to_owned(), arguments.next()?);
    }
}

async fn run(options: &HashMap<String, String>, address: &str) -> Result<(), Error> {
    let tls = options.get("ca").map(|ca| match (options.get("cert"), options.get("key")) {
        (Some(certificate), Some(key)) => Tls::new(ca).identity(certificate, key),
        _ => Tls::new(ca),
    });
    let channel = connect(address, tls.as_ref()).await?;
    let controllers = controllers(channel.clone()).await?;
    for controller in &controllers {
        println!("{} {} {}", controller.name, controller.model_number, controller.firmware_revision);
    }
    let Some(first) = controllers.first() else {
        return Ok(());
    };
    let request = StreamTelemetryRequest {
        controller: first.name.clone(),
        source: TelemetrySource::Host.into(),
        create: true,
        ..Default::default()
    };
    let path = &options["file"];
    let mut file = File::create(path).await?;
    let log = receive_telemetry(TelemetryServiceClient::new(channel), request, &mut file).await?;
    file.sync_all().await?;
    let sha256: String = log.sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    let (size, generation) = (log.trailer.total_bytes, log.trailer.generation_number);
    println!("{path}: {size} bytes, generation {generation}, sha256 {sha256}");
    Ok(())
}

/// All controllers, page by page.
async fn controllers(channel: Channel) -> Result<Vec<Controller>, Error> {
    let mut client = InventoryServiceClient::new(channel);
    let (mut request, mut found) = (ListControllersRequest::default(), Vec::new());
    loop {
        let page = client.list_controllers(request.clone()).await?.into_inner();
        found.extend(page.controllers);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return Ok(found);
        }
    }
}
