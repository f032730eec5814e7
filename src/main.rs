//! Arguments to a command; nothing else.

fn main() -> std::process::ExitCode {
    mlx_throughput_lab::cli::main(mlx_throughput_lab::app::window)
}
