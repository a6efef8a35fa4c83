//! What bitbake wants of the machine, and whether the sources are what they are said to be.

use super::Options;
use crate::child;
use std::process::Command;

/// Programs, and the Debian packages that bring them.
const PROGRAMS: &[(&str, &str)] = &[
    ("chrpath", "chrpath"),
    ("diffstat", "diffstat"),
    ("gawk", "gawk"),
    ("lz4c", "lz4"),
    ("rpcgen", "rpcsvc-proto"),
    ("setpriv", "util-linux"),
    ("zstd", "zstd"),
];
const LOCALE: &str = "en_US.utf8";

/// One line for each thing without which bitbake does not run.
pub(super) fn lacking(options: &Options) -> Vec<String> {
    let mut lacking = Vec::new();
    if !options.oe.join("meta/conf/layer.conf").exists() {
        lacking.push(format!("{} is not openembedded-core (no meta/conf/layer.conf); --oe", options.oe.display()));
    }
    if !options.bitbake.join("bin/bitbake").exists() {
        lacking.push(format!("{} is not bitbake (no bin/bitbake); --bitbake", options.bitbake.display()));
    }
    for layer in options.layers.iter().filter(|layer| !layer.is_dir()) {
        lacking.push(format!("{} is no folder; --layers", layer.display()));
    }
    let missing: Vec<&str> =
        PROGRAMS.iter().filter(|(program, _)| child::find(program).is_none()).map(|(_, package)| *package).collect();
    if !missing.is_empty() {
        lacking.push(format!("programs are missing: apt-get install {}", missing.join(" ")));
    }
    if !child::output(Command::new("locale").arg("-a")).is_ok_and(|all| all.lines().any(|line| line == LOCALE)) {
        lacking.push(
            "no locale en_US.UTF-8: apt-get install locales, enable it in /etc/locale.gen, run locale-gen".into(),
        );
    }
    lacking
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_that_are_not_there_are_named_with_the_option_that_says_where_they_are() {
        let options = Options { oe: "/no/oe".into(), bitbake: "/no/bitbake".into(), ..Options::default() };
        let told = lacking(&options).join("\n");
        assert!(told.contains("/no/oe") && told.contains("--oe") && told.contains("--bitbake"), "{told}");
    }
}
