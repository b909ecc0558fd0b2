//! `generate DESCRIPTORS FOLDER`: writes messages and clients of the contract into FOLDER, from what `clients/protoc
//! --descriptor_set_out` says of it.

use std::error::Error;
use std::{env, fs};

use prost::Message;
use prost_types::FileDescriptorSet;

/// What the code is made of, of which prost-types brings google.protobuf; of all others the contract has options alone.
const PACKAGES: [&str; 4] = ["google.longrunning", "google.protobuf", "google.rpc", "nvmed.v1"];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [descriptors, folder] = arguments.as_slice() else {
        return Err("usage: generate DESCRIPTORS FOLDER".into());
    };
    let mut set = FileDescriptorSet::decode(fs::read(descriptors)?.as_slice())?;
    set.file.retain(|file| PACKAGES.contains(&file.package()));
    let mut config = prost_build::Config::new();
    config.enable_type_names(); // what an operation answers is checked to be what was asked for
    tonic_prost_build::configure()
        .build_server(false)
        .build_transport(false)
        .out_dir(folder)
        .compile_fds_with_config(set, config)?;
    Ok(())
}
