//! AWS's own providers, by the name that the configuration gives them. Invariant: none is asked before
//! the first credential is wanted, so that making one cannot fail or wait.

use aws_config::{
    BehaviorVersion, Region, default_provider::credentials::DefaultCredentialsChain,
    ecs::EcsCredentialsProvider, environment::EnvironmentVariableCredentialsProvider,
    imds::credentials::ImdsCredentialsProvider, profile::ProfileFileCredentialsProvider,
    provider_config::ProviderConfig, sts::AssumeRoleProvider,
    web_identity_token::WebIdentityTokenCredentialsProvider,
};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, Result, SharedCredentialsProvider, future},
};
use tokio::sync::OnceCell;

use super::{Origin, Role, Source};
use crate::sigv4::AccessKey;

/// What gives the credential of a source.
pub(super) fn provider(source: Source) -> impl ProvideCredentials + 'static {
    Lazy { source, made: OnceCell::new() }
}

/// A provider that is made when it is first asked: some are made asynchronously.
#[derive(Debug)]
struct Lazy {
    source: Source,
    made: OnceCell<SharedCredentialsProvider>,
}

impl Lazy {
    async fn credentials(&self) -> Result {
        self.made.get_or_init(|| make(&self.source)).await.provide_credentials().await
    }
}

impl ProvideCredentials for Lazy {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}

async fn make(source: &Source) -> SharedCredentialsProvider {
    let region = Region::new(source.region.clone());
    let origin = origin(&source.origin, &region).await;
    match &source.role {
        Some(role) => SharedCredentialsProvider::new(assuming(role, origin, region).await),
        None => origin,
    }
}

async fn origin(origin: &Origin, region: &Region) -> SharedCredentialsProvider {
    let config = ProviderConfig::without_region().with_region(Some(region.clone()));
    match origin {
        Origin::Static(access_key) => SharedCredentialsProvider::new(fixed(access_key)),
        Origin::Chain { profile } => {
            let chain = DefaultCredentialsChain::builder().configure(config);
            let chain = chain.region(region.clone());
            let chain = match profile {
                Some(profile) => chain.profile_name(profile),
                None => chain,
            };
            SharedCredentialsProvider::new(chain.build().await)
        }
        Origin::Environment => {
            SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new())
        }
        Origin::Profile { profile } => {
            let builder = ProfileFileCredentialsProvider::builder().configure(&config);
            let builder = match profile {
                Some(profile) => builder.profile_name(profile),
                None => builder,
            };
            SharedCredentialsProvider::new(builder.build())
        }
        Origin::WebIdentity => SharedCredentialsProvider::new(
            WebIdentityTokenCredentialsProvider::builder().configure(&config).build(),
        ),
        Origin::Container => SharedCredentialsProvider::new(
            EcsCredentialsProvider::builder().configure(&config).build(),
        ),
        Origin::Instance => SharedCredentialsProvider::new(
            ImdsCredentialsProvider::builder().configure(&config).build(),
        ),
    }
}

/// A role on top of a credential. STS is found as the SDKs find it (`AWS_ENDPOINT_URL_STS`).
async fn assuming(
    role: &Role,
    origin: SharedCredentialsProvider,
    region: Region,
) -> AssumeRoleProvider {
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(region.clone())
        .credentials_provider(origin.clone())
        .load()
        .await;
    let mut builder = AssumeRoleProvider::builder(&role.arn)
        .configure(&config)
        .region(region)
        .session_name(SESSION_NAME);
    if let Some(external_id) = &role.external_id {
        builder = builder.external_id(external_id);
    }
    builder.build_from_provider(origin).await
}

fn fixed(access_key: &AccessKey) -> Credentials {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let token = access_key.session_token.as_ref().map(|token| text(token.expose()));
    Credentials::new(&access_key.id, text(access_key.secret.expose()), token, None, SESSION_NAME)
}

/// What AWS's logs show of the proxy.
const SESSION_NAME: &str = "portcullis";
