//! What attached servers say of themselves before a run: which models they serve.

use std::time::Duration;

use serde::Deserialize;

use super::SessionError;
use crate::plan::{ModelRef, Plan};
use crate::platform::tls;
use crate::settings::{BaseUrl, Secret, Settings, Var, base_url};

/// Longer than any server takes to list its models.
const LIMIT: Duration = Duration::from_secs(10);
/// A longer list of models is no list of models.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;
/// Models that an error names.
const NAMED: usize = 12;

/// Why the models of a server are not known, as the end of a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{url}/v1/models: {why}")]
pub struct ListError {
    pub url: BaseUrl,
    why: String,
}

#[derive(Deserialize)]
struct Listed {
    data: Vec<ListedModel>,
}

#[derive(Deserialize)]
struct ListedModel {
    id: String,
}

/// The models that a server lists, in its order.
///
/// # Errors
/// It cannot be reached, refuses, or does not answer with a list of models.
pub async fn list_models(url: &BaseUrl, key: Option<&Secret>) -> Result<Vec<String>, ListError> {
    let asked = tokio::time::timeout(LIMIT, ask(url, key)).await;
    let listed = asked.unwrap_or_else(|_| Err(format!("no answer within {} s", LIMIT.as_secs())));
    listed.map_err(|why| ListError {
        url: url.clone(),
        why: key.map_or_else(|| why.clone(), |key| key.taken_out_of(&why)),
    })
}

async fn ask(url: &BaseUrl, key: Option<&Secret>) -> Result<Vec<String>, String> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .http1_only()
        .redirect(reqwest::redirect::Policy::none());
    let client = tls::prepared(client, url.is_encrypted())
        .build()
        .map_err(|error| error.to_string())?;
    let mut request = client.get(url.endpoint("models"));
    if let Some(key) = key {
        request = request.bearer_auth(key.expose());
    }
    let mut response = request.send().await.map_err(|error| causes(&error))?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(bytes) = response.chunk().await.map_err(|error| causes(&error))? {
        if body.len() + bytes.len() > MAX_BODY_BYTES {
            return Err("the answer has no end".to_owned());
        }
        body.extend_from_slice(&bytes);
    }
    match status.as_u16() {
        401 | 403 => {
            return Err(format!(
                "HTTP {}: the server wants another key; MLX_ATTACH_KEY holds it",
                status.as_u16()
            ));
        }
        200..=299 => {}
        other => return Err(format!("HTTP {other}: the server has no such list")),
    }
    if body.is_empty() {
        // Seen of mlx_lm.server 0.32, which reads the cache's folder for its list.
        return Err(
            "the answer is empty, as that of mlx_lm.server where there is no Hugging Face cache; \
             there, the name default_model asks for the model it was started with"
                .to_owned(),
        );
    }
    let listed: Listed = serde_json::from_slice(&body)
        .map_err(|_| "the answer is not a list of models as OpenAI's API gives it".to_owned())?;
    Ok(listed.data.into_iter().map(|model| model.id).collect())
}

/// The last cause says what happened: "connection refused".
fn causes(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let cause = cause.to_string();
    if cause.contains("certificate") {
        // As the TLS of every system words it.
        return format!(
            "{cause}. This system does not trust the server's certificate: have it trust the issuer \
             (on Linux, SSL_CERT_FILE may name a file of trusted ones)"
        );
    }
    cause
}

/// What the servers list, as far as they all do.
pub async fn common_models(
    urls: &[BaseUrl],
    key: Option<&Secret>,
) -> Result<Vec<String>, ListError> {
    let each = urls.iter().map(|url| list_models(url, key));
    let mut lists = futures_util::future::try_join_all(each).await?.into_iter();
    let mut common = lists.next().unwrap_or_default();
    for other in lists {
        common.retain(|name| other.contains(name));
    }
    Ok(common)
}

/// The one model of a list, or which to choose from; a sentence about `MLX_ATTACH_MODEL`.
///
/// # Errors
/// There is none, or more than one.
pub fn only(models: &[String]) -> Result<&str, String> {
    match models {
        [only] => Ok(only),
        [] => Err(
            "no model is listed by every attached server: name the one to ask for with \
             MLX_ATTACH_MODEL"
                .to_owned(),
        ),
        many => {
            let mut named: Vec<&str> = many.iter().take(NAMED).map(String::as_str).collect();
            let more = format!("and {} more", many.len() - named.len());
            if many.len() > named.len() {
                named.push(&more);
            }
            Err(format!(
                "{} models are served: choose one with MLX_ATTACH_MODEL. There are {}",
                many.len(),
                named.join(", ")
            ))
        }
    }
}

/// How a model of an attached server is told of.
pub fn model_ref(name: &str) -> ModelRef {
    ModelRef {
        path: name.to_owned(),
        label: name.to_owned(),
        synthetic: false,
    }
}

/// The model to ask for; `None` where nothing is attached.
///
/// # Errors
/// None is chosen, and the servers do not list exactly one.
pub(super) async fn model(settings: &Settings) -> Result<Option<ModelRef>, SessionError> {
    let urls = settings.urls(Var::Attach);
    if urls.is_empty() {
        return Ok(None);
    }
    if let Some(chosen) = settings.text(Var::AttachModel) {
        return Ok(Some(model_ref(chosen.trim())));
    }
    let listed = common_models(urls, settings.secret(Var::AttachKey)).await;
    let listed = listed.map_err(|error| {
        SessionError::Wrong(format!(
            "the attached server does not say which model it serves: {error}. Is it running, and \
             is MLX_ATTACH right? MLX_ATTACH_MODEL names the model without asking"
        ))
    })?;
    let only = only(&listed).map_err(SessionError::Wrong)?;
    Ok(Some(model_ref(only)))
}

/// The settings that a resumed run of `plan` needs: attached to the same servers, or to none.
///
/// # Errors
/// Never for a plan that was checked when it was made.
pub fn as_planned(plan: &Plan, settings: &mut Settings) -> Result<(), SessionError> {
    let mut edit = |var, text: &str| {
        let edited = settings.edit(var, text);
        edited.map_err(|error| SessionError::wrong(&error))
    };
    match &plan.servers.attached {
        None => edit(Var::Attach, base_url::OFF),
        Some(attached) => {
            let urls: Vec<&str> = attached.urls.iter().map(BaseUrl::as_str).collect();
            edit(Var::Attach, &urls.join(","))?;
            edit(Var::AttachModel, &attached.model)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_model_needs_no_choice() {
        let names = |n: usize| (0..n).map(|i| format!("m{i}")).collect::<Vec<_>>();
        assert_eq!(only(&names(1)), Ok("m0"));
        assert!(only(&[]).unwrap_err().contains("MLX_ATTACH_MODEL"));
        let several = only(&names(2)).unwrap_err();
        assert!(several.ends_with("There are m0, m1"), "{several}");
        let many = only(&names(40)).unwrap_err();
        assert!(many.contains("m11, and 28 more"), "{many}");
    }
}
