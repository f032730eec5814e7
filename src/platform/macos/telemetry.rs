//! What macOS tells of itself by calls that no safe crate wraps. Raw values: [`crate::monitor`] gives
//! them their names and units. Whatever fails is `None`.

use std::ffi::{CStr, c_int};
use std::mem::MaybeUninit;

use objc2_foundation::{NSProcessInfo, NSProcessInfoThermalState};
use objc2_io_kit::{IOPSCopyPowerSourcesInfo, IOPSGetProvidingPowerSourceType};

/// Bytes of memory that `pid` answers for, Metal's buffers included, as Activity Monitor counts
/// them. Of our own user's processes only.
pub fn physical_footprint(pid: u32) -> Option<u64> {
    let pid = c_int::try_from(pid).ok()?;
    let mut usage = MaybeUninit::<libc::rusage_info_v4>::zeroed();
    // SAFETY: the flavour says which struct the buffer holds, and the kernel fills at most that.
    let result =
        unsafe { libc::proc_pid_rusage(pid, libc::RUSAGE_INFO_V4, usage.as_mut_ptr().cast()) };
    if result != 0 {
        return None;
    }
    // SAFETY: filled by the call, and all zeroes would be valid as well.
    let usage = unsafe { usage.assume_init() };
    Some(usage.ri_phys_footprint)
}

/// Bytes of memory that cannot be paged out; Metal's buffers in use are among them.
pub fn wired_memory() -> Option<u64> {
    let mut statistics = MaybeUninit::<libc::vm_statistics64>::zeroed();
    let mut words = libc::HOST_VM_INFO64_COUNT;
    // SAFETY: `words` is the buffer's length in words of 32 bits, and the kernel writes no more. The
    // port of the host is a process's own and need not be given back.
    let (result, page) = unsafe {
        #[expect(
            deprecated,
            reason = "mach2, its successor, would be a crate for one call"
        )]
        let host = libc::mach_host_self();
        let result = libc::host_statistics64(
            host,
            libc::HOST_VM_INFO64,
            statistics.as_mut_ptr().cast(),
            &raw mut words,
        );
        (result, libc::sysconf(libc::_SC_PAGESIZE))
    };
    if result != libc::KERN_SUCCESS {
        return None;
    }
    // SAFETY: filled by the call, and all zeroes would be valid as well.
    let statistics = unsafe { statistics.assume_init() };
    Some(u64::from(statistics.wire_count) * u64::try_from(page).ok()?)
}

/// `NSProcessInfo.thermalState`, 0 (nominal) to 3 (critical).
pub fn thermal_state() -> isize {
    let NSProcessInfoThermalState(state) = NSProcessInfo::processInfo().thermalState();
    state
}

/// What the kernel's heat control says to daemons, 0 (nominal) to 4 (sleeping): it moves earlier
/// than [`thermal_state`], which can stay nominal while clocks fall.
pub fn thermal_pressure() -> Option<u64> {
    const NAME: &CStr = c"com.apple.system.thermalpressurelevel";
    const STATUS_OK: u32 = 0;
    // From <notify.h>, part of libSystem.
    unsafe extern "C" {
        fn notify_register_check(name: *const std::ffi::c_char, token: *mut c_int) -> u32;
        fn notify_get_state(token: c_int, state: *mut u64) -> u32;
        fn notify_cancel(token: c_int) -> u32;
    }
    let (mut token, mut state) = (0, 0);
    // SAFETY: the name ends with a zero, both results are written to our own variables, and the
    // token is given back.
    unsafe {
        if notify_register_check(NAME.as_ptr(), &raw mut token) != STATUS_OK {
            return None;
        }
        let result = notify_get_state(token, &raw mut state);
        notify_cancel(token);
        (result == STATUS_OK).then_some(state)
    }
}

pub fn low_power_mode() -> bool {
    NSProcessInfo::processInfo().isLowPowerModeEnabled()
}

/// `AC Power`, `Battery Power` or `UPS Power`.
pub fn power_source() -> Option<String> {
    let snapshot = IOPSCopyPowerSourcesInfo()?;
    // SAFETY: the snapshot is what the call above gave for this purpose.
    let source = unsafe { IOPSGetProvidingPowerSourceType(Some(&snapshot)) }?;
    Some(source.to_string())
}

/// The build of macOS, as in `25B78`.
pub fn system_build() -> Option<String> {
    let mut text = [0_u8; 64];
    let mut length = text.len();
    // SAFETY: `length` is the buffer's, and says afterwards how much of it was written.
    let result = unsafe {
        libc::sysctlbyname(
            c"kern.osversion".as_ptr(),
            text.as_mut_ptr().cast(),
            &raw mut length,
            std::ptr::null_mut(),
            0,
        )
    };
    if result != 0 {
        return None;
    }
    let text = CStr::from_bytes_until_nul(&text).ok()?;
    Some(text.to_str().ok()?.to_owned()).filter(|text| !text.is_empty())
}
