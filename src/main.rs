//! Arguments to a command; nothing else.

fn main() -> std::process::ExitCode {
    mlx_throughput_lab::cli::main()
}
