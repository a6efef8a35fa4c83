//! What the programs say, read: bitbake's and yocto-check-layer's errors and warnings, oelint-adv's findings.

/// Words that show that a line is about our layer.
const OURS: &[&str] = &["campari", "libtensorflowlite", "librockchip-mpp"];

/// Errors and warnings of bitbake: those that concern our layer, and those of others.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    pub(super) ours: Vec<String>,
    pub(super) others: Vec<String>,
}

impl Findings {
    pub(super) fn of(said: &str) -> Self {
        let mut findings = Self::default();
        let mut open: Option<String> = None;
        for line in said.lines() {
            // A progress display without a terminal ends no line before the message that interrupts it.
            let begins = ["ERROR: ", "WARNING: "].iter().filter_map(|word| line.find(word)).min();
            match (begins, &mut open) {
                (Some(at), _) => {
                    findings.take(open.replace(line[at..].to_owned()));
                }
                // bitbake indents, or goes on without a level, what belongs to the message above.
                (None, Some(text)) if line.starts_with([' ', '\t', '/']) => {
                    text.push('\n');
                    text.push_str(line);
                }
                (None, _) => findings.take(open.take()),
            }
        }
        findings.take(open);
        findings
    }

    fn take(&mut self, text: Option<String>) {
        let Some(text) = text else { return };
        if OURS.iter().any(|word| text.contains(word)) { self.ours.push(text) } else { self.others.push(text) }
    }
}

/// oelint-adv's lines: FILE:LINE:LEVEL:RULE:TEXT.
pub(super) fn of_lint(said: &str) -> Vec<String> {
    said.lines().filter(|line| line.contains(":error:") || line.contains(":warning:")).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_are_told_from_others_and_keep_their_further_lines() {
        let said = "Parsing recipes...ERROR: /layer/meta-campari/a.bb: bad\nWARNING: meta-x: old\nNOTE: fine\nERROR: No recipes in default available for:\n  \
                    /layer/meta-campari/b.bbappend\nSummary: 1\n";
        let findings = Findings::of(said);
        assert_eq!(findings.ours.len(), 2, "{findings:?}");
        assert!(findings.ours[1].contains("b.bbappend"));
        assert_eq!(findings.others, ["WARNING: meta-x: old"]);
    }

    #[test]
    fn a_quiet_run_has_no_findings() {
        assert_eq!(Findings::of("NOTE: Executing Tasks\nNOTE: all succeeded\n"), Findings::default());
    }

    #[test]
    fn lint_levels_below_a_warning_are_not_findings() {
        let said = "a.bb:1:info:oelint.x:y\na.bb:2:warning:oelint.x:y\na.bb:3:error:oelint.x:y\n";
        assert_eq!(of_lint(said).len(), 2);
    }
}
