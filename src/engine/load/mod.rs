//! The load client: when to send, one streamed request, and pacing of handshakes.
