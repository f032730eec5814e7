//! Where a running OpenAI-compatible server is reached.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;
use serde::{Deserialize, Serialize};

use super::secret::HIDDEN;

/// `http://host:port` or `https://host:port`, with a path in front of `/v1` where there is one. Holds neither a user name
/// nor a password nor a query: those are refused, so that nothing secret can be stored with it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BaseUrl(String);

/// The word that says that nothing is attached, whatever weaker sources name.
pub const OFF: &str = "off";

/// Most servers that one run spreads over.
const MOST: usize = 256;

impl BaseUrl {
    /// As it was given, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address of an endpoint, such as `chat/completions`.
    pub fn endpoint(&self, name: &str) -> String {
        format!("{}/v1/{name}", self.0)
    }

    /// The host (an IPv6 address without brackets) and the port.
    pub fn host_and_port(&self) -> (String, u16) {
        let url = Url::parse(&self.0).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
        let port = url.as_ref().and_then(Url::port_or_known_default);
        (host.trim_matches(['[', ']']).to_owned(), port.unwrap_or(80))
    }

    pub fn is_encrypted(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// On this machine, by its name or address.
    pub fn is_loopback(&self) -> bool {
        let (host, _) = self.host_and_port();
        host == "localhost"
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|ip| ip.is_loopback())
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<BaseUrl> for String {
    fn from(url: BaseUrl) -> Self {
        url.0
    }
}

impl TryFrom<String> for BaseUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for BaseUrl {
    type Err = String;

    /// The error says what is wrong, and repeats nothing that may be secret.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.contains('@') {
            return Err(
                "it holds a user name or a password; a key is given with MLX_ATTACH_KEY".to_owned(),
            );
        }
        if text.contains(['?', '#']) {
            return Err("it holds a query; the base URL ends before it".to_owned());
        }
        let Some((scheme, _)) = text.split_once("://") else {
            return Err(format!("{text:?} has no http:// in front"));
        };
        let scheme = scheme.to_ascii_lowercase();
        if scheme != "http" && scheme != "https" {
            return Err(format!("{scheme:?} is not http or https"));
        }
        let url = Url::parse(text).map_err(|error| format!("{text:?} is no URL ({error})"))?;
        let host = url
            .host_str()
            .filter(|host| !host.is_empty())
            .ok_or_else(|| format!("{text:?} names no host"))?;
        if url.port() == Some(0) {
            return Err("nothing can be reached at port 0".to_owned());
        }
        let mut path = url.path().trim_end_matches('/');
        // What people copy from a manual's example.
        while let Some(shorter) = ["/chat/completions", "/models", "/v1"]
            .into_iter()
            .find_map(|ending| path.strip_suffix(ending))
        {
            path = shorter.trim_end_matches('/');
        }
        let port = url.port().map_or_else(String::new, |p| format!(":{p}"));
        Ok(Self(format!("{scheme}://{host}{port}{path}")))
    }
}

/// Base URLs parted by commas or spaces; none for [`OFF`].
///
/// # Errors
/// What is wrong with the first that cannot be used.
pub fn parse_list(text: &str) -> Result<Vec<BaseUrl>, String> {
    if text.contains('@') {
        // Whole: a password may hold what parts the list.
        return text.parse::<BaseUrl>().map(|url| vec![url]);
    }
    if text.trim().eq_ignore_ascii_case(OFF) {
        return Ok(Vec::new());
    }
    let mut urls: Vec<BaseUrl> = Vec::new();
    for part in text.split([',', ' ', '\t', '\n']).map(str::trim) {
        if part.is_empty() {
            continue;
        }
        let url: BaseUrl = part.parse()?;
        if urls.contains(&url) {
            return Err(format!("{url} is listed twice"));
        }
        urls.push(url);
    }
    match urls.len() {
        0 => Err("there is no URL".to_owned()),
        n if n > MOST => Err(format!("{n} URLs are more than {MOST}")),
        _ => Ok(urls),
    }
}

/// `text` as it may be shown and stored: nothing of it where it may hold a password or a query.
pub fn shown(text: &str) -> String {
    if text.contains(['@', '?', '#']) {
        HIDDEN.to_owned()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_usual_spellings_come_to_one() {
        for (text, url) in [
            ("http://127.0.0.1:1234", "http://127.0.0.1:1234"),
            (" HTTP://LocalHost:1234/v1/ ", "http://localhost:1234"),
            ("http://mac.local:8080/v1", "http://mac.local:8080"),
            ("http://[::1]:8080/v1", "http://[::1]:8080"),
            ("http://host", "http://host"),
            ("http://host:80/", "http://host"),
            ("http://host/openai/v1", "http://host/openai"),
            ("http://host:9/v1/chat/completions", "http://host:9"),
            ("HTTPS://host/v1", "https://host"),
            ("https://host:443", "https://host"),
        ] {
            assert_eq!(text.parse::<BaseUrl>().unwrap().as_str(), url, "{text}");
        }
        let url: BaseUrl = "http://[::1]:8080/v1".parse().unwrap();
        assert_eq!(url.host_and_port(), ("::1".to_owned(), 8080));
        assert_eq!(url.endpoint("models"), "http://[::1]:8080/v1/models");
        assert!(url.is_loopback() && !url.is_encrypted());
        let url: BaseUrl = "https://host/v1".parse().unwrap();
        assert_eq!(url.host_and_port(), ("host".to_owned(), 443));
        assert!(url.is_encrypted());
        assert!(!"http://10.0.0.2".parse::<BaseUrl>().unwrap().is_loopback());
    }

    #[test]
    fn a_list_takes_commas_and_spaces() {
        let urls = parse_list("http://a:1, http://b:2/v1  http://c:3,").unwrap();
        let texts: Vec<&str> = urls.iter().map(BaseUrl::as_str).collect();
        assert_eq!(texts, ["http://a:1", "http://b:2", "http://c:3"]);
        assert_eq!(parse_list(" Off "), Ok(Vec::new()));
    }

    #[test]
    fn what_cannot_be_used_says_why() {
        for (text, part) in [
            ("localhost:1234", "no http:// in front"),
            ("ftp://a", "is not http or https"),
            ("http://", "is no URL"),
            ("http://a:99999", "is no URL"),
            ("http://a:0", "port 0"),
            ("http://a/v1?key=hush", "a query"),
            ("http://me:hush@a", "MLX_ATTACH_KEY"),
            ("http://a, http://me:hu sh,hush@b", "MLX_ATTACH_KEY"),
            ("http://a http://a/v1", "listed twice"),
            (" , ", "no URL"),
        ] {
            let error = parse_list(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
            assert!(!error.contains("hush"), "{text}: {error}");
            assert!(!shown(text).contains("hush"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_no_password_survives(
            text in "\\PC*",
            user in "[a-z]{1,8}",
            password in "[!-~]{0,6}S3CRET[!-~]{0,6}",
            rest in "\\PC{0,20}",
        ) {
            for text in [text.clone(), format!("http://{text}"), format!("http://h/{text}")] {
                for url in parse_list(&text).into_iter().flatten() {
                    // What was understood once is understood again, as itself.
                    prop_assert_eq!(url.as_str().parse::<BaseUrl>(), Ok(url.clone()));
                    prop_assert!(!url.as_str().contains(['@', '?', '#']));
                    let _ = url.host_and_port();
                }
            }
            let with = format!("http://{user}:{password}@{rest}");
            prop_assert!(!shown(&with).contains("S3CRET"));
            match parse_list(&with) {
                Ok(urls) => prop_assert!(false, "{:?}", urls),
                Err(error) => prop_assert!(!error.contains("S3CRET"), "{}", error),
            }
        }

        #[test]
        fn any_host_and_port_is_kept(host in "[a-z][a-z0-9]{0,20}", port in 1u16..) {
            let url: BaseUrl = format!("http://{host}:{port}/v1").parse().unwrap();
            prop_assert_eq!(url.host_and_port(), (host, port));
        }
    }
}
