//! What slows a machine down unseen: battery, low-power mode, heat. A sensor that is missing gives
//! no line.

use super::Check;

/// What could be read; `None` where the machine does not tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Power {
    on_battery: Option<bool>,
    /// As the system calls it, if it slows the machine down.
    saving: Option<Result<(), String>>,
    heat: Option<Result<(), String>>,
}

pub async fn checks() -> Vec<Check> {
    judge(&read().await)
}

fn judge(power: &Power) -> Vec<Check> {
    let mut checks = Vec::new();
    match power.on_battery {
        Some(true) => checks.push(Check::warning(
            "power source",
            "battery",
            "plug in: on battery the machine may clock lower, and its charge changes the figures",
        )),
        Some(false) => checks.push(Check::ok("power source", "mains")),
        None => {}
    }
    match &power.saving {
        Some(Ok(())) => checks.push(Check::ok("low-power mode", "off")),
        Some(Err(mode)) => checks.push(Check::warning(
            "low-power mode",
            mode.clone(),
            if cfg!(target_os = "macos") {
                "turn it off in System Settings, Battery (or `sudo pmset -a lowpowermode 0`)"
            } else {
                "choose the performance or balanced profile (`powerprofilesctl set performance`)"
            },
        )),
        None => {}
    }
    match &power.heat {
        Some(Ok(())) => checks.push(Check::ok("thermal state", "nominal")),
        Some(Err(state)) => checks.push(Check::warning(
            "thermal state",
            state.clone(),
            "let the machine cool down: it is slowed now",
        )),
        None => {}
    }
    checks
}

#[cfg(target_os = "macos")]
async fn read() -> Power {
    let (battery, settings, thermal) = tokio::join!(
        pmset(&["-g", "batt"]),
        pmset(&["-g"]),
        pmset(&["-g", "therm"])
    );
    Power {
        on_battery: battery.as_deref().and_then(parse::battery),
        saving: settings.as_deref().and_then(parse::low_power_mode),
        heat: thermal.as_deref().and_then(parse::thermal),
    }
}

#[cfg(target_os = "macos")]
async fn pmset(args: &[&str]) -> Option<String> {
    use std::process::Stdio;
    use std::time::Duration;

    let run = tokio::process::Command::new("/usr/bin/pmset")
        .args(args)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_secs(5), run)
        .await
        .ok()?
        .ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(not(target_os = "macos"))]
#[expect(clippy::unused_async, reason = "the same signature as on a Mac")]
async fn read() -> Power {
    linux::read(std::path::Path::new("/sys"))
}

#[cfg(any(not(target_os = "macos"), test))]
mod linux {
    use std::fs;
    use std::path::Path;

    use super::Power;

    pub fn read(sys: &Path) -> Power {
        Power {
            on_battery: on_battery(&sys.join("class/power_supply")),
            saving: text(&sys.join("firmware/acpi/platform_profile")).map(|profile| {
                let saves = ["low-power", "quiet", "cool"].contains(&profile.as_str());
                if saves {
                    Err(format!("platform profile {profile}"))
                } else {
                    Ok(())
                }
            }),
            // The kernel's trip points differ from board to board and say little of slowing.
            heat: None,
        }
    }

    /// A mains or USB supply that is online settles it; otherwise a battery that discharges.
    fn on_battery(supplies: &Path) -> Option<bool> {
        let mut battery = None;
        for supply in fs::read_dir(supplies).ok()?.filter_map(Result::ok) {
            let read = |name: &str| text(&supply.path().join(name));
            // A mouse's battery is no supply of this machine.
            if read("scope").as_deref() == Some("Device") {
                continue;
            }
            match read("type").as_deref() {
                Some("Mains" | "USB") if read("online").as_deref() == Some("1") => {
                    return Some(false);
                }
                Some("Battery") => {
                    let discharging = read("status").as_deref() == Some("Discharging");
                    battery = Some(battery.unwrap_or(false) || discharging);
                }
                _ => {}
            }
        }
        battery
    }

    fn text(file: &Path) -> Option<String> {
        fs::read_to_string(file)
            .ok()
            .map(|text| text.trim().to_owned())
    }
}

#[cfg(any(target_os = "macos", test))]
mod parse {
    /// Of `pmset -g batt`: `Now drawing from 'AC Power'`.
    pub fn battery(text: &str) -> Option<bool> {
        let source = text.split_once("drawing from '")?.1.split_once('\'')?.0;
        Some(source == "Battery Power")
    }

    /// Of `pmset -g`: a line ` lowpowermode         1`, or on newer systems ` powermode    1`, where
    /// 0 is automatic, 1 low and 2 high.
    pub fn low_power_mode(text: &str) -> Option<Result<(), String>> {
        let mut words = text
            .lines()
            .map(str::split_whitespace)
            .filter_map(|mut words| {
                let name = words.next()?;
                ["lowpowermode", "powermode"]
                    .contains(&name)
                    .then(|| words.next())?
            });
        words.next().map(|mode| {
            if mode == "1" {
                Err("on".to_owned())
            } else {
                Ok(())
            }
        })
    }

    /// Of `pmset -g therm`: limits below 100 slow the machine; a note says that none was recorded.
    pub fn thermal(text: &str) -> Option<Result<(), String>> {
        for line in text.lines() {
            let Some((name, value)) = line.split_once('=') else {
                continue;
            };
            if name.trim() == "CPU_Speed_Limit" {
                let limit: u32 = value.trim().parse().ok()?;
                return Some(if limit < 100 {
                    Err(format!("CPU speed limited to {limit} %"))
                } else {
                    Ok(())
                });
            }
        }
        let level = text
            .lines()
            .find(|line| line.contains("thermal warning level"))?;
        if level.contains("No thermal warning level") {
            return Some(Ok(()));
        }
        Some(Err(level.trim().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::super::Level;
    use super::*;

    fn supply(sys: &Path, name: &str, files: &[(&str, &str)]) {
        let folder = sys.join("class/power_supply").join(name);
        fs::create_dir_all(&folder).unwrap();
        for (file, text) in files {
            fs::write(folder.join(file), format!("{text}\n")).unwrap();
        }
    }

    #[test]
    fn a_machine_without_sensors_gives_no_line() {
        let temp = tempfile::tempdir().unwrap();
        assert_eq!(judge(&linux::read(temp.path())), []);
    }

    #[test]
    fn a_laptop_on_battery_in_a_saving_profile_gets_two_warnings() {
        let temp = tempfile::tempdir().unwrap();
        let sys = temp.path();
        supply(sys, "AC", &[("type", "Mains"), ("online", "0")]);
        supply(
            sys,
            "BAT0",
            &[("type", "Battery"), ("status", "Discharging")],
        );
        supply(
            sys,
            "mouse",
            &[("type", "Battery"), ("scope", "Device"), ("status", "Full")],
        );
        fs::create_dir_all(sys.join("firmware/acpi")).unwrap();
        fs::write(sys.join("firmware/acpi/platform_profile"), "low-power\n").unwrap();
        let levels: Vec<Level> = judge(&linux::read(sys))
            .iter()
            .map(|check| check.level)
            .collect();
        assert_eq!(levels, [Level::Warning, Level::Warning]);
        supply(sys, "AC", &[("online", "1")]);
        assert_eq!(linux::read(sys).on_battery, Some(false));
    }

    #[test]
    fn what_pmset_prints_is_read() {
        assert_eq!(
            parse::battery("Now drawing from 'AC Power'\n -InternalBattery-0"),
            Some(false)
        );
        assert_eq!(
            parse::battery("Now drawing from 'Battery Power'\n"),
            Some(true)
        );
        assert_eq!(parse::battery("pmset: no"), None);
        assert_eq!(
            parse::low_power_mode(" sleep 1\n lowpowermode         0\n"),
            Some(Ok(()))
        );
        assert_eq!(
            parse::low_power_mode(" powermode            1\n"),
            Some(Err("on".into()))
        );
        assert_eq!(
            parse::low_power_mode(" powermode            2\n"),
            Some(Ok(()))
        );
        assert_eq!(parse::low_power_mode(" sleep 1\n"), None);
        assert_eq!(
            parse::thermal("Note: No thermal warning level has been recorded\n"),
            Some(Ok(()))
        );
        assert_eq!(
            parse::thermal("CPU_Scheduler_Limit \t= 100\nCPU_Speed_Limit \t= 62\n"),
            Some(Err("CPU speed limited to 62 %".into()))
        );
    }
}
