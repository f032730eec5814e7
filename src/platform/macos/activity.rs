//! Telling the system that something is going on which must not be slowed.

use objc2::rc::Retained;
use objc2::runtime::{NSObjectProtocol, ProtocolObject};
use objc2_foundation::{NSActivityOptions, NSProcessInfo, NSString};

use crate::platform::keep_awake::Release;

struct Activity(Retained<ProtocolObject<dyn NSObjectProtocol>>);

// SAFETY: the token is opaque. It is retained and released, which is atomic in Objective-C, and
// handed to `endActivity:` once; Foundation documents `NSProcessInfo` as safe to use from any
// thread, and an activity need not end where it began.
unsafe impl Send for Activity {}

/// Begins an activity that a user asked for and waits on: no idle sleep of the system, no App Nap,
/// no sudden termination. A power assertion alone would keep the machine awake; that timers are not
/// coalesced, which would blur the pace of requests and the sampling, takes "latency critical".
pub fn begin_activity(reason: &str) -> Release {
    let options = NSActivityOptions::UserInitiated | NSActivityOptions::LatencyCritical;
    let process = NSProcessInfo::processInfo();
    let reason = NSString::from_str(reason);
    let activity = Activity(process.beginActivityWithOptions_reason(options, &reason));
    Box::new(move || {
        // The whole of it, and not its field alone, which may not change threads.
        let activity = activity;
        // SAFETY: the token is what `beginActivityWithOptions:reason:` gave, and as this is called
        // once, the activity ends once.
        unsafe { NSProcessInfo::processInfo().endActivity(&activity.0) };
    })
}
