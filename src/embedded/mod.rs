//! To be written.
pub struct Backend;
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct StartError;
impl Backend {
    pub async fn start(
        _: &std::path::Path,
        _: std::net::SocketAddr,
        _: &str,
        _: &crate::secret::Secret,
        _: &str,
    ) -> Result<Self, StartError> {
        Err(StartError)
    }
    pub fn address(&self) -> std::net::SocketAddr {
        std::net::SocketAddr::from(([127, 0, 0, 1], 0))
    }
    pub async fn stop(self) {}
}
