//! What a program needs beside the messages and clients of [`v1`] to manage the NVMe drives of a host with nvmed: a
//! [connection](connect), [errors](Error) with everything that the daemon says about them, [telemetry
//! logs](receive_telemetry) that survive a cut connection, [uploads](upload_image) of firmware images, [events](EventWatch)
//! of which none is missed, and [waiting](wait) for operations.
//!
//! ```no_run
//! use nvmed::{Error, Tls, connect, v1};
//!
//! # async fn model() -> Result<String, Error> {
//! let tls = Tls::new("ca.pem").identity("me.pem", "me.key");
//! let channel = connect("storage-7.example.com:4421", Some(&tls)).await?;
//! let mut inventory = v1::inventory_service_client::InventoryServiceClient::new(channel);
//! let request = v1::GetControllerRequest { name: "nvme0".into() };
//! match inventory.get_controller(request).await.map_err(Error::from) {
//!     Ok(controller) => Ok(controller.into_inner().model_number),
//!     Err(Error::Failed(failure)) if failure.reason == "CONTROLLER_NOT_FOUND" => Ok("none".into()),
//!     Err(error) => Err(error),
//! }
//! # }
//! ```
//!
//! Dropping a future ends its call; an operation that it waited for goes on. Everything here runs on tokio.

mod connect;
mod error;
mod events;
mod operation;
mod retry;
mod telemetry;
mod upload;

pub use connect::{Tls, connect};
pub use error::{DOMAIN, Error, Failure};
pub use events::EventWatch;
pub use operation::wait;
pub use proto::{google, nvmed::v1};
pub use telemetry::{TelemetryLog, receive_telemetry};
pub use upload::upload_image;

/// The contract, by its packages: `clients/run --generate rust` writes it.
#[allow(clippy::all, clippy::pedantic, missing_docs, rustdoc::all)]
mod proto {
    pub mod google {
        //! What the contract takes from Google's common types.

        pub mod longrunning {
            include!("generated/google.longrunning.rs");
        }
        pub mod rpc {
            include!("generated/google.rpc.rs");
        }
    }
    pub mod nvmed {
        pub mod v1 {
            include!("generated/nvmed.v1.rs");
        }
    }
}
