//! Open files: each request in flight holds a socket.

use rustix::process::{Resource, getrlimit, setrlimit};

/// What the app needs besides one descriptor a request: logs, pipes, servers, the runtime.
const SPARE: u64 = 256;

#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "{requests} requests in flight need {needed} open files, but this process may have {allowed} \
     ({why}). Ask for fewer requests, or raise the limit with `ulimit -n {needed}` before starting"
)]
pub struct OpenFilesError {
    pub requests: u32,
    pub needed: u64,
    pub allowed: u64,
    pub why: String,
}

/// Raises the soft limit of open files to what `requests` in flight need, up to the hard limit.
/// Returns the limit now in force; `None` means unlimited.
pub fn allow_open_files(requests: u32) -> Result<Option<u64>, OpenFilesError> {
    raise_to(u64::from(requests) + SPARE).map_err(|(needed, allowed, why)| OpenFilesError {
        requests,
        needed,
        allowed,
        why,
    })
}

fn raise_to(needed: u64) -> Result<Option<u64>, (u64, u64, String)> {
    let mut limit = getrlimit(Resource::Nofile);
    let Some(soft) = limit.current else {
        return Ok(None);
    };
    if soft >= needed {
        return Ok(Some(soft));
    }
    if let Some(hard) = limit.maximum.filter(|hard| *hard < needed) {
        return Err((needed, hard, "the system's hard limit".to_owned()));
    }
    limit.current = Some(needed);
    setrlimit(Resource::Nofile, limit)
        .map_err(|e| (needed, soft, format!("raising it was refused: {e}")))?;
    Ok(Some(needed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_and_impossible_wishes_are_refused() {
        let now = allow_open_files(1024).unwrap();
        assert!(now.is_none_or(|limit| limit >= 1024 + SPARE));
        if getrlimit(Resource::Nofile).maximum.is_some() {
            let refused = allow_open_files(u32::MAX).unwrap_err();
            assert!(refused.to_string().contains("ulimit -n"), "{refused}");
        }
    }
}
