//! Reading a server's real arguments back from the process table (measurement rule 1).

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

/// The argument list of process `pid` as the system holds it; `None` where it is gone or may not
/// be read.
pub fn argument_list(pid: u32) -> Option<Vec<String>> {
    let pid = Pid::from_u32(pid);
    let mut system = System::new().ok()?;
    system.refresh_processes_specifics(
        ProcessesToUpdate::Some(&[pid]),
        true,
        ProcessRefreshKind::nothing().with_cmd(UpdateKind::Always),
    );
    let process = system.process(pid)?;
    let list: Vec<String> = process
        .cmd()
        .iter()
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    (!list.is_empty()).then_some(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_come_back_as_they_were_given() {
        let mut child = std::process::Command::new("sh")
            .args(["-c", "echo up; read line", "name with spaces", "--flag=a b"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // The table is empty for a moment after the start.
        let out = child.stdout.as_mut().unwrap();
        std::io::Read::read_exact(out, &mut [0; 3]).unwrap();
        let list = argument_list(child.id()).unwrap();
        assert_eq!(
            list[1..],
            ["-c", "echo up; read line", "name with spaces", "--flag=a b"]
        );
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(argument_list(child.id()), None);
    }
}
