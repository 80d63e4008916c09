//! `portcullis dev`: the whole thing on one machine with nothing to set up.

mod environment;
mod pki;
mod setup;
mod tour;

use std::process::ExitCode;

use super::{DevArgs, Failure, serve};
use crate::{app::Gate, config};

/// Sets up the folder, starts the backend and the gate, and stays up (or goes on tour).
pub(super) async fn run(args: DevArgs) -> Result<ExitCode, Failure> {
    let setup = setup::Setup::prepare(&args)?;
    #[cfg(feature = "embedded")]
    let backend = setup.start_backend().await?;
    let backend_url = setup.backend_url(
        #[cfg(feature = "embedded")]
        backend.as_ref(),
    )?;
    setup.write_configuration(&setup::Listeners::wanted(&args), &backend_url)?;
    let path = setup.configuration_path();
    let config = config::load(&path, super::now()).map_err(Failure::faults)?;
    let gate = Gate::start(config).await?;
    let environment = environment::Environment::new(&setup, &gate, &backend_url);
    environment.write()?;
    // The configuration names the ports that were picked, so that every other command finds them.
    setup.write_configuration(&environment.listeners(), &backend_url)?;
    let outcome = if args.tour {
        let passed = tour::run(&environment, &setup).await?;
        gate.stop().await;
        if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    } else {
        environment.announce();
        let written = config::load(&path, super::now()).map_err(Failure::faults)?;
        let watcher = config::reload::Watcher::start(path, &written)?;
        serve::until_signalled(gate, watcher).await?
    };
    #[cfg(feature = "embedded")]
    if let Some(backend) = backend {
        backend.stop().await;
    }
    Ok(outcome)
}
