//! `campari`: the command line of technicians and centralists. Everything is in the library, so that tests reach it.

fn main() -> std::process::ExitCode {
    campari::cli::main()
}
